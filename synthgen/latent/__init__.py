"""Spaces of examples, latents, labels and noise: fitted densities, sliders, sweeps and paths, for notes and pictures."""

from .space import LatentSpace
