"""Gated recurrent units, over whole sequences or step by step."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GatedRecurrent(nn.Module):
    """A GRU (Cho et al., 2014, arXiv:1406.1078, in the variant that cuDNN computes).

    Attributes:
        gru: Weights of the input (3 H, C) and of the state (3 H, H), in order the reset gate, the update gate and the
            new value, each with a bias.
    """

    def __init__(self, in_channels: int, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(in_channels, hidden, batch_first=True)
        for part in self.gru.weight_hh_l0.chunk(3):
            nn.init.orthogonal_(part)  # a state outlasts thousands of steps

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        """(B, L, C) and the state before them (B, H) -> the states after each (B, L, H).

        In float32 even where autocast asks for less: a state that moves slowly would stick.
        """
        with torch.autocast(x.device.type, enabled=False):
            return self.gru(x.float(), state[None].float().contiguous())[0]

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """(n, C) and the state before it (n, H) -> the state after it (n, H)."""
        gru = self.gru
        return torch.gru_cell(x, state, gru.weight_ih_l0, gru.weight_hh_l0, gru.bias_ih_l0, gru.bias_hh_l0)
