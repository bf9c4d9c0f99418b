"""Spaces of examples, latents, labels and noise: densities, sliders, sweeps and paths, for notes and pictures."""

from .space import LatentSpace
