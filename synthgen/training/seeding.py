"""One seed for every random source, as a function of where in a run it is drawn."""

from __future__ import annotations

import hashlib

import torch


def seed_everything(*key: int | str) -> None:
    """Seed torch's global generators on every device from `key`, e.g. (seed, "step", 1200, rank).

    Seeding at every step makes a step's draws (dropout, noise) independent of all earlier steps, so a resumed run
    repeats an uninterrupted one without a saved generator state. Keys are hashed because the CPU generator uses no
    more than 32 bits of its seed, and sums of neighbouring numbers collide.
    """
    digest = hashlib.blake2b(repr(key).encode(), digest_size=4).digest()
    torch.manual_seed(int.from_bytes(digest, "little"))
