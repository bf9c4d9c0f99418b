"""The training loop and what it keeps on disk."""

from .optimization import TrainingDiverged
from .trainer import Trainer
