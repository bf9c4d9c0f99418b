"""Are the partials where the target's are?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True)
class PartialFrequency:
    """Distance of partials from the sinusoids that a waveform has near them.

    Spectral losses hardly say which way a sinusoid should move once it lies farther from its target than the window's
    main lobe. Here each partial asks the nearest bin of the target which frequency it hears: the reassigned frequency
    (Auger and Flandrin, 1995, doi:10.1109/78.382394), which names the dominant sinusoid exactly, also off its peak.
    """

    n_fft: int = 2048
    """Window and FFT length in samples; 2048 is 128 ms at 16 kHz."""
    softest_db: float = -100.0
    """Partials of the target below this, relative to a full-scale sine, do not count."""
    loudest_db: float = -50.0
    """Partials above this count in full."""

    def __call__(self, hz: Tensor, target: Tensor, *, hop_length: int, sample_rate: int) -> Tensor:
        """Mean error in bins (Huber), over the partials of the target that can be told.

        Args:
            hz: Frequencies of the partials at frames that are `hop_length` samples apart, (B, K, L); a frequency
                without sound, at or above half the sample rate, is passed over.
            target: Waveforms, (B, T) with T at most (L - 1) * hop_length.
            hop_length: Samples between frames; it should divide n_fft / 4.
            sample_rate: Samples per second.
        """
        step = max(1, self.n_fft // 4 // hop_length)
        heard, level = self._reassigned(target, step * hop_length)
        width = sample_rate / self.n_fft
        bins = hz[..., ::step][..., : heard.shape[-1]] / width
        nearest = bins.detach().round().long()
        known = nearest < self.n_fft // 2
        nearest = nearest.clamp(max=self.n_fft // 2 - 1)
        error = bins - heard.gather(1, nearest)
        spacing = bins.detach().diff(dim=1, prepend=torch.zeros_like(bins[:, :1]))
        weight = (level.gather(1, nearest) - self.softest_db) / (self.loudest_db - self.softest_db)
        weight = weight.clamp(0, 1) * known * (error.detach().abs() < spacing / 2)
        return (F.smooth_l1_loss(error, torch.zeros_like(error), reduction="none") * weight).sum() / weight.sum().clamp(
            min=1.0
        )

    @torch.no_grad()
    def _reassigned(self, target: Tensor, hop_length: int) -> tuple[Tensor, Tensor]:
        """The frequency that each bin hears, in bins, and its level in dB; (B, F, L) each."""
        n = torch.arange(self.n_fft, device=target.device, dtype=target.dtype)
        angle = 2 * math.pi / self.n_fft
        window = 0.5 - 0.5 * torch.cos(angle * n)
        slope = 0.5 * angle * torch.sin(angle * n)
        options = {"hop_length": hop_length, "return_complex": True, "pad_mode": "constant"}
        z, dz = (torch.stft(target, self.n_fft, window=w, **options) for w in (window, slope))
        power = (z.real.square() + z.imag.square()).clamp(min=1e-20)
        offset = -(dz.imag * z.real - dz.real * z.imag) / power / angle
        centre = torch.arange(z.shape[1], device=target.device)[:, None]
        return centre + offset, 10 * power.log10() - 20 * math.log10(self.n_fft / 4)
