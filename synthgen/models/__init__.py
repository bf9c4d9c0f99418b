"""Models, one paper a file."""

from .base import GenerativeModel, Model
from .decoder import Decoder

MODELS: dict[str, type[Model]] = {"decoder": Decoder}
