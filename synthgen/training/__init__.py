"""The training loop and what it keeps on disk."""

from .coded import coded_parts
from .optimization import TrainingDiverged
from .seeding import seed_everything
from .trainer import Trainer
