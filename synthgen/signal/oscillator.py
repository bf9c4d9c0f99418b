"""A bank of sinusoids whose amplitudes and common pitch change over time.

The harmonic part of DDSP (Engel et al., 2020, arXiv:2001.04643, section 3.1). Controls lie on a grid of frames,
`hop_length` samples apart, the first at sample 0; between frames, amplitudes and the rate of the phase are interpolated
linearly (the paper smooths amplitudes by overlapping windows).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

FADE = 0.97
"""Fraction of half the sample rate above which a partial fades; at half the sample rate it is silent."""
BLOCK = 1 << 18
"""Sines computed at a time: 1 MB, so that they stay in a core's cache."""


def partial_frequencies(hz: Tensor, *, partials: int, inharmonicity: Tensor | None = None) -> Tensor:
    """Frequencies of a stiff string's partials, k * hz * sqrt(1 + inharmonicity * k^2) for k = 1, 2, ...

    Fletcher, Blackham and Stratton (1962, doi:10.1121/1.1918192); 0 is an ideal string, a piano's middle strings have
    about 0.0004.

    Args:
        hz: Fundamentals of the ideal string in Hz, (B,).
        partials: Number of partials K.
        inharmonicity: (B,); None is 0.

    Returns:
        Hz, (B, K).

    >>> partial_frequencies(torch.tensor([100.0]), partials=3)
    tensor([[100., 200., 300.]])
    """
    k = torch.arange(1, partials + 1, device=hz.device, dtype=hz.dtype)
    harmonic = hz[:, None] * k
    return harmonic if inharmonicity is None else harmonic * (1 + inharmonicity.to(hz)[:, None] * k.square()).sqrt()


def cents_to_ratio(cents: Tensor) -> Tensor:
    """Ratio of two frequencies that lie so many cents apart.

    >>> cents_to_ratio(torch.tensor([1200.0]))
    tensor([2.])
    """
    return torch.exp2(cents / 1200)


def below_nyquist(hz: Tensor, *, sample_rate: int) -> Tensor:
    """Gain that keeps partials from aliasing: 1 up to `FADE` of half the sample rate, exactly 0 from there on."""
    share = hz / (sample_rate / 2)
    fade = 0.5 + 0.5 * torch.cos(math.pi * ((share - FADE) / (1 - FADE)).clamp(0, 1))
    return torch.where(share < 1, fade, 0.0)


def elapsed(ratio: Tensor, *, hop_length: int) -> Tensor:
    """Integral of a frequency ratio: samples of an undeviating oscillator that have gone by at each frame.

    Args:
        ratio: Frequency ratio at each frame, (B, L), linear in between.
        hop_length: Samples between frames.

    Returns:
        Samples in double precision, (B, L), from 0.
    """
    ratio = ratio.double()
    steps = hop_length * (ratio[:, 1:] + ratio[:, :-1]) / 2
    return torch.nn.functional.pad(steps.cumsum(1), (1, 0))


def oscillator_bank(
    amplitude: Tensor,
    hz: Tensor,
    *,
    ratio: Tensor,
    hop_length: int,
    sample_rate: int,
    phase: Tensor | None = None,
    start: Tensor | None = None,
) -> Tensor:
    """Sum of sinusoids: sum over k of amplitude_k(t) sin(phase_k + 2 pi hz_k integral of ratio).

    A partial is faded out by `below_nyquist` where its frequency at the moment, hz * ratio, comes near half the sample
    rate. Phases are accumulated in double precision.

    Args:
        amplitude: At each frame, (B, K, L).
        hz: Frequencies at ratio 1, (B, K), ascending.
        ratio: Common frequency ratio at each frame, (B, L); see `cents_to_ratio`.
        hop_length: Samples between frames.
        sample_rate: Samples per second.
        phase: Radians at `start` = 0, (B, K); zeros (sines) if None.
        start: What `elapsed` was at the first frame, (B,) in double precision; zeros if None.

    Returns:
        (B, (L - 1) * hop_length), differentiable in all of these.
    """
    audible = amplitude * below_nyquist(hz[..., None] * ratio[:, None], sample_rate=sample_rate).to(amplitude)
    counts = (audible != 0).any(-1).any(0).nonzero()
    count = int(counts[-1]) + 1 if len(counts) else 0
    audible, cycles = audible[:, :count], hz[:, :count].double() / sample_rate
    within, centre = _within(ratio.double(), hop_length)
    moment = elapsed(ratio, hop_length=hop_length)[:, :-1] + centre
    moment = moment if start is None else moment + start[:, None]
    turns = cycles[..., None] * moment[:, None]
    if phase is not None:
        turns = turns + phase[:, :count, None].double() / (2 * math.pi)
    base = 2 * math.pi * (turns - turns.detach().floor())
    return _Bank.apply(audible, base.to(amplitude), within.to(amplitude), (2 * math.pi * cycles).to(amplitude))


def _within(ratio: Tensor, hop_length: int) -> tuple[Tensor, Tensor]:
    """Elapsed samples (B, L - 1, hop) within each frame, from its centre, and those (B, L - 1) at the centre."""
    n = torch.arange(hop_length, device=ratio.device, dtype=ratio.dtype)
    low, rise = ratio[:, :-1, None], ratio.diff(dim=1)[..., None]
    half = hop_length / 2
    centre = low * half + rise * half**2 / (2 * hop_length)
    return low * n + rise * n.square() / (2 * hop_length) - centre, centre[..., 0]


class _Bank(torch.autograd.Function):
    """Blocks of sines that are summed while they are in the cache; the backward pass computes them again."""

    @staticmethod
    def forward(ctx: FunctionCtx, amplitude: Tensor, base: Tensor, within: Tensor, omega: Tensor) -> Tensor:
        """Amplitude (B, K, L), phase at centres (B, K, L - 1), samples within (B, L - 1, H), frequency (B, K)."""
        ctx.save_for_backward(amplitude, base, within, omega)
        out = torch.empty_like(within)
        share = _share(within)
        for note, frames, partials in _blocks(amplitude, within.shape[2]):
            ends = _ends(amplitude[note, partials], frames)
            sums = torch.bmm(ends, _phases(base, within, omega, (note, frames, partials)).sin_())
            out[note, frames] = torch.lerp(sums[:, 0], sums[:, 1], share)
        return out.flatten(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Gradients of the four; sums over samples are matrix products."""
        amplitude, base, within, omega = ctx.saved_tensors
        grads = tuple(torch.zeros_like(x) for x in ctx.saved_tensors)
        gradient, share = gradient.reshape(within.shape), _share(within)
        for note, frames, partials in _blocks(amplitude, within.shape[2]):
            ends, g, t = _ends(amplitude[note, partials], frames), gradient[note, frames], within[note, frames]
            phases = _phases(base, within, omega, (note, frames, partials))
            rows = torch.stack([g * (1 - share), g * share], dim=1)
            by_end = torch.bmm(rows, phases.sin().mT)  # (L, 2, K)
            grads[0][note, partials, frames] += by_end[:, 0].T
            grads[0][note, partials, frames.start + 1 : frames.stop + 1] += by_end[:, 1].T
            turning = phases.cos_()
            moments = torch.bmm(torch.cat([rows, rows * t[:, None]], dim=1), turning.mT).unflatten(1, (2, 2))
            by_phase, by_omega = (moments * ends[:, None]).sum(2).unbind(1)
            grads[1][note, partials, frames] = by_phase.T
            grads[3][note, partials] += by_omega.sum(0)
            slopes = torch.bmm(ends * omega[note, partials], turning)
            grads[2][note, frames] = g * torch.lerp(slopes[:, 0], slopes[:, 1], share)
        return grads


def _blocks(amplitude: Tensor, hop_length: int) -> list[tuple[int, slice, slice]]:
    """(note, frames, partials) of each block: of each note only the partials up to its last audible one."""
    frames = amplitude.shape[2] - 1
    number = torch.arange(1, amplitude.shape[1] + 1, device=amplitude.device)
    audible = ((amplitude != 0).any(-1) * number).amax(1).tolist() if len(number) else [0] * len(amplitude)
    blocks = []
    for note, count in enumerate(audible):
        step = max(1, BLOCK // (max(1, count) * hop_length))
        blocks += [(note, slice(i, min(i + step, frames)), slice(0, count)) for i in range(0, frames, step)]
    return blocks


def _ends(amplitude: Tensor, frames: slice) -> Tensor:
    """Amplitudes (K, L) at both ends of each of the `frames`, (L', 2, K)."""
    ends = torch.stack([amplitude[:, frames], amplitude[:, frames.start + 1 : frames.stop + 1]])
    return ends.permute(2, 0, 1).contiguous()  # or `bmm` would take one matrix after the other


def _phases(base: Tensor, within: Tensor, omega: Tensor, block: tuple[int, slice, slice]) -> Tensor:
    note, frames, partials = block
    return torch.addcmul(
        base[note, partials, frames].T[..., None], omega[note, None, partials, None], within[note, frames, None]
    )


def _share(within: Tensor) -> Tensor:
    return torch.arange(within.shape[2], device=within.device, dtype=within.dtype) / within.shape[2]
