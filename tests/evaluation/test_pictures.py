import numpy as np
import pytest
from PIL import Image
from toy_tones import RATE, entry, tone

from synthgen.evaluation.pictures import Pair, spectrogram_pairs


def pairs(count):
    e = entry("violin", 60, 127.0)
    audio = tone(e.instrument_str, e.pitch, e.velocity).numpy()
    return [Pair(entry=e, real=audio, generated=np.zeros_like(audio))] * count


def test_real_is_left_and_generated_right(tmp_path):
    path = tmp_path / "gallery" / "notes.png"
    spectrogram_pairs(path, pairs(2), sample_rate=RATE, heading="tones")
    with Image.open(path) as image:
        shades = np.asarray(image.convert("L"), float)
    panels = shades[:, : int(0.9 * shades.shape[1])]  # beside them stands the colour bar
    real, generated, again, _ = (p[p < 250].mean() for p in np.array_split(panels, 4, axis=1))
    assert min(real, again) > 2 * generated
    assert [p.name for p in path.parent.iterdir()] == ["notes.png"]


@pytest.mark.parametrize("count", [1, 3])
def test_an_odd_number_and_odd_lengths(tmp_path, count):
    path = tmp_path / "notes.png"
    spectrogram_pairs(
        path, [Pair(entry=p.entry, real=p.real[:5001], generated=p.real) for p in pairs(count)], sample_rate=RATE
    )
    with Image.open(path) as image:
        assert image.width == 1000
    assert path.stat().st_size < 200_000
