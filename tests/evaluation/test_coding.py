from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from toy_tones import RATE

from synthgen.evaluation.coding import evaluate_coding, write_decoded
from synthgen.models import Autoencoder
from synthgen.models.codes import AudioCodes
from synthgen.nn.quantize import health
from synthgen.records import DataSpec, Loss


class Rounding(Autoencoder):
    """Samples rounded to few levels, played back at another loudness."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        levels: int = 4096
        gain: float = 1.0

    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.code_spec = DataSpec(shape=spec.shape, levels=config.levels, axes=spec.axes)

    def loss(self, batch):
        return Loss(batch.x.mean())

    def grid(self, size):
        return size

    def encode(self, x):
        return ((x + 1) / 2 * (self.config.levels - 1)).round().long()

    def decode(self, codes, *, size=None):
        return self.decode_embedded(self.embed(codes), size=size)

    def embed(self, codes):
        return codes / (self.config.levels - 1) * 2 - 1

    def decode_embedded(self, z, *, size=None):
        return z * self.config.gain


def coding(tones, waveform, **config) -> AudioCodes:
    return AudioCodes(Rounding(tones.spec, Rounding.Config(**config)), waveform)


def test_fine_levels_keep_a_note(tones, waveform):
    codes = coding(tones, waveform)
    report = evaluate_coding(codes, tones.valid)
    assert report.notes == len(tones.valid)
    assert report.uncoded_distance == pytest.approx(0, abs=0.01)
    assert report.pitch_kept == report.pitch["decoded"].within == report.pitch["real"].within == 1
    assert report.bits_per_second == 12 * RATE
    found = health(codes.encode(tones.valid.batch(torch.arange(len(tones.valid))).x), 4096)
    assert (report.used, report.perplexity) == pytest.approx((found["used"].item(), found["perplexity"].item()))
    assert "| decoded within 50 cents where the real note is | 100.0 % |" in report.table()


def test_what_is_lost_is_seen(tones, waveform):
    fine = evaluate_coding(coding(tones, waveform), tones.valid, limit=3)
    coarse = evaluate_coding(coding(tones, waveform, levels=8), tones.valid, limit=3)
    assert coarse.distance > fine.distance
    assert coarse.perplexity < 8
    silent = evaluate_coding(coding(tones, waveform, gain=0.0), tones.valid, limit=3)
    assert silent.notes == 3
    assert silent.pitch["decoded"].silent == 1
    assert silent.pitch_kept == 0
    quiet = evaluate_coding(coding(tones, waveform, gain=0.5), tones.valid, limit=3)
    assert quiet.pitch_kept == 1
    assert 0 < quiet.distance <= 20 * math.log10(2) + 0.5 + fine.distance


def test_decoded_notes_lie_beside_the_real_ones(tones, waveform, tmp_path):
    write_decoded(coding(tones, waveform), tones.valid, tmp_path, step=7, count=2)
    names = sorted(path.name for path in (tmp_path / "samples" / "real").iterdir())
    written = sorted(path.name for path in (tmp_path / "samples" / "0000007").iterdir())
    assert len(names) == 2
    assert written == [*names, "spectrograms.png"]
