import pytest
import torch
from toy_tones import RATE, entry, tone

from synthgen.evaluation.baselines import Baselines, transpose
from synthgen.evaluation.distance import RESOLUTIONS, log_magnitude
from synthgen.records import Batch


class Shelf:
    """Training notes by (instrument, pitch, velocity)."""

    def __init__(self, *keys):
        self.entries = [entry(*key) for key in keys]

    def batch(self, indices):
        chosen = [self.entries[i] for i in indices.tolist()]
        return Batch(torch.stack([tone(e.instrument_str, e.pitch, e.velocity) for e in chosen])[:, None])


def baselines(*keys):
    return Baselines(Shelf(*keys), sample_rate=RATE)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("flute", 61, 75), 1),  # same velocity at the closest pitch
        (("flute", 61, 110), 2),  # closest velocity
        (("flute", 65, 75), 3),  # closest pitch goes before velocity
        (("violin", 61, 75), 4),  # never another instrument
    ],
)
def test_nearest_is_of_the_instrument_then_the_pitch_then_the_velocity(asked, expected):
    keys = [("flute", 60, 25), ("flute", 60, 75), ("flute", 60, 127), ("flute", 66, 25), ("violin", 40, 25)]
    assert baselines(*keys).nearest(entry(*asked)) == expected


def test_of_two_as_near_the_higher_is_taken():
    assert baselines(("flute", 59, 75), ("flute", 61, 75)).nearest(entry("flute", 60, 75)) == 1


@pytest.mark.parametrize("pitch", [68, 71, 81])
def test_the_nearest_note_is_resampled_to_the_pitch(pitch):
    audio = baselines(("flute", pitch, 75)).resampled(entry("flute", 69, 75))
    spectrum = torch.fft.rfft(audio[:4000] * torch.hann_window(4000)).abs()
    assert spectrum.argmax().item() * RATE / 4000 == pytest.approx(440, abs=4)
    assert audio.abs().max().item() == pytest.approx(tone("flute", pitch, 75).abs().max().item(), rel=0.05)
    assert len(audio) == 8000


def test_playing_faster_leaves_silence_and_slower_is_cut():
    x = torch.ones(8000)
    assert transpose(x, semitones=12)[4000:].abs().max() == 0
    assert transpose(x, semitones=-12)[-100:].mean().item() == pytest.approx(1, abs=1e-3)
    torch.testing.assert_close(transpose(x, semitones=0), x)


def test_mean_spectra_are_of_the_instrument_at_the_closest_velocity():
    keys = [("flute", pitch, 75) for pitch in range(48, 68)]
    shelf = baselines(*keys, ("flute", 60, 25), ("violin", 60, 75))
    for asked in (75, 90, 127):
        for n_fft, mean in zip(RESOLUTIONS, shelf.mean_spectra("flute", asked), strict=True):
            expected = torch.stack([log_magnitude(tone(*key), n_fft=n_fft) for key in keys]).mean(0)
            torch.testing.assert_close(mean, expected, atol=1e-3, rtol=0)
    quiet = shelf.mean_spectra("flute", 30)[0]
    torch.testing.assert_close(quiet, log_magnitude(tone("flute", 60, 25), n_fft=RESOLUTIONS[0]))
