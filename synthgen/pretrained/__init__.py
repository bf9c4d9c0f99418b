"""Bundled weights, each with a model card of its name."""
