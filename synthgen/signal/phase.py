"""Phases of a short-time Fourier transform, and waveforms from magnitudes."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from .stft import Framing


def instantaneous_frequency(phase: Tensor, *, n_fft: int, hop_length: int) -> Tensor:
    """How far each bin's frequency lies from the bin's centre (Flanagan and Golden, 1966; GANSynth, arXiv:1902.08710).

    Args:
        phase: Radians, (..., F, L), F from 0 Hz upwards.
        n_fft: Window and FFT length in samples.
        hop_length: Step between frames in samples.

    Returns:
        Phase advance a frame beyond that of the bin's centre, in units of pi, (..., F, L) in [-1, 1). The first frame
        holds its phase itself, so that `integrate` is the exact inverse.
    """
    advance = torch.diff(phase, dim=-1) - _centre(phase, n_fft, hop_length)
    return _wrap(torch.cat([phase[..., :1], advance], dim=-1)) / math.pi


def integrate(frequency: Tensor, *, n_fft: int, hop_length: int) -> Tensor:
    """Phases in radians (..., F, L) whose `instantaneous_frequency` is `frequency`, up to whole turns."""
    steps = frequency.double() * math.pi
    advance = steps[..., 1:] + _centre(frequency, n_fft, hop_length).double()
    return _wrap(torch.cat([steps[..., :1], advance], dim=-1).cumsum(-1)).to(frequency.dtype)


def single_pass(magnitude: Tensor, *, n_fft: int, hop_length: int, start: Tensor | None = None) -> Tensor:
    """Phases for magnitudes alone: each spectral peak is a sinusoid, and its lobe follows it.

    Single pass spectrogram inversion (Beauregard et al., 2015, DAFx), which locks the phases of a lobe to its peak's as
    the phase vocoder of Laroche and Dolson (1999, doi:10.1109/89.759041) does. The peak's frequency comes from the
    larger neighbour in closed form for a Hann window (Grandke, 1983, doi:10.1109/TIM.1983.4315077) rather than
    from a parabola.

    Args:
        magnitude: Magnitudes of a Hann-windowed `stft`, (..., F, L).
        n_fft: Window and FFT length in samples.
        hop_length: Step between frames in samples.
        start: Phases in radians at the centre of the first frame, (..., F); zeros if None.

    Returns:
        Radians, (..., F, L), referred to the beginning of each frame as `torch.stft` does.
    """
    m = _rows(magnitude)
    peak, frequency = _peaks(m)
    frequency = frequency.gather(2, peak)
    before = torch.cat([frequency[:, :1], frequency[:, :-1]], dim=1).gather(2, peak)
    frequency = torch.where((before - frequency).abs() < 1, (before + frequency) / 2, frequency)
    advance = _wrap(2 * math.pi * hop_length / n_fft * frequency).unbind(1)
    now = m.new_zeros(m[:, 0].shape) if start is None else start.reshape(m[:, 0].shape).to(m).gather(1, peak[:, 0])
    phases = [now]
    for owner, step in zip(peak.unbind(1)[1:], advance[1:], strict=True):
        now = now.gather(1, owner) + step
        phases.append(now)
    bin_index = torch.arange(m.shape[2], device=m.device, dtype=m.dtype)
    return (torch.stack(phases, dim=1) - math.pi * bin_index).mT.view(magnitude.shape)


def _rows(x: Tensor) -> Tensor:
    """(..., F, L) -> (B, L, F): what belongs to one frame lies together."""
    return x.reshape(-1, *x.shape[-2:]).mT.contiguous()


def _peaks(m: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest peak's bin for each bin, and each bin's frequency in bins were it a peak; (B, L, F) each."""
    m, bins = m.clamp(min=1e-12), m.shape[2]
    below, here, above = m[..., :-2], m[..., 1:-1], m[..., 2:]
    ratio = torch.maximum(below, above) / here
    offset = ((2 * ratio - 1) / (1 + ratio)).clamp(0, 0.5) * torch.where(above > below, 1.0, -1.0)
    index = torch.arange(bins, device=m.device, dtype=torch.int32).expand_as(m)
    is_peak = F.pad((here >= below) & (here > above), (1, 1))
    low = torch.where(is_peak, index, -bins).cummax(2).values
    high = torch.where(is_peak, index, 2 * bins).flip(2).cummin(2).values.flip(2)
    nearest = torch.where(high - index < index - low, high, low)
    # A frame without any peak keeps each bin to itself.
    nearest = torch.where((nearest < 0) | (nearest >= bins), index, nearest)
    return nearest.long(), index + F.pad(offset, (1, 1))


def griffin_lim(
    magnitude: Tensor,
    phase: Tensor,
    *,
    n_fft: int,
    hop_length: int,
    length: int,
    iterations: int,
    momentum: float = 0.99,
) -> Tensor:
    """A waveform whose magnitudes approach `magnitude`, starting from `phase`.

    Fast Griffin-Lim (Perraudin et al., 2013, doi:10.1109/WASPAA.2013.6701851): unlike torchaudio's it can start from
    given phases.

    Args:
        magnitude: (..., F, L), scaled as `stft` scales.
        phase: Radians, (..., F, L).
        n_fft: Window and FFT length in samples.
        hop_length: Step between frames in samples.
        length: Samples to return.
        iterations: Projections; 0 inverts the phases as they are.
        momentum: 0 is plain Griffin-Lim; 0.99 is fast.

    Returns:
        Waveform, (..., length), differentiable in `magnitude` at the phases found.
    """
    rows = _rows(magnitude)
    framing = Framing(n_fft=n_fft, hop_length=hop_length, frames=rows.shape[1], length=length, like=rows)
    turn = torch.polar(torch.ones_like(rows), _rows(phase))
    with torch.no_grad():
        previous = torch.zeros_like(turn)
        for _ in range(iterations):
            consistent = framing.spectra(framing.signals(rows * turn))
            turn = torch.add(consistent, previous, alpha=-momentum / (1 + momentum))
            turn = turn * _energy(turn).clamp_(min=1e-32).rsqrt_()
            previous = consistent
    return framing.signals(rows * turn).view(*magnitude.shape[:-2], length)


def _energy(z: Tensor) -> Tensor:
    """The square of `z.abs()`, which takes care of overflow and three times as long."""
    return torch.addcmul(z.real.square(), z.imag, z.imag)


def _centre(phase: Tensor, n_fft: int, hop_length: int) -> Tensor:
    bins = torch.arange(phase.shape[-2], device=phase.device, dtype=phase.dtype)
    return (2 * math.pi * hop_length / n_fft * bins)[:, None]


def _wrap(radians: Tensor) -> Tensor:
    return torch.remainder(radians + math.pi, 2 * math.pi) - math.pi
