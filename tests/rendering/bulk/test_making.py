import numpy as np
import pytest
from toy_plans import rows

from synthgen.rendering.bulk.engines import maker
from synthgen.rendering.bulk.making import lasting, measured


def test_a_note_does_not_depend_on_its_company(job, plan, tmp_path):
    together = [made.audio for made in maker(job(tmp_path)).make(rows(plan))]
    alone = [next(maker(job(tmp_path)).make([row])).audio for row in reversed(rows(plan))]
    assert together == alone[::-1]
    assert len(set(together)) == len(plan)


@pytest.mark.parametrize(("seconds", "length"), [(0.1, 1600), (0.5, 8000), (0.75, 12000), (0.01, 160)])
def test_a_duration_cuts_with_a_fade_or_adds_silence(seconds, length):
    audio = np.random.default_rng(0).uniform(0.5, 1, 8000).astype(np.float32)
    lasted = lasting(audio, seconds, sample_rate=16000)
    assert (len(lasted), lasted.dtype) == (length, np.float32)
    if length < len(audio):
        fade = min(320, length // 2)
        assert np.array_equal(lasted[:-fade], audio[: length - fade])
        assert abs(lasted[-1]) < 0.01
        assert np.all(np.diff(lasted[-fade:] / audio[length - fade : length]) < 0)
    else:
        assert np.array_equal(lasted, np.pad(audio, (0, length - 8000)))


@pytest.mark.parametrize(
    ("hz", "level", "expected"),
    [
        (220.0, 0.5, {"silent": False, "clipped": False, "off_pitch": False}),
        (220.0, 1.5, {"clipped": True}),
        (220.0, 5e-5, {"silent": True}),
        (228.0, 0.5, {"off_pitch": True}),
        (440.0, 0.5, {"off_pitch": True}),
    ],
)
def test_what_is_measured(plan, model, hz, level, expected):
    row = type(plan.row(0))(name="a", model=0, request=plan.axes.voices[0].request(57.0, 100.0, 0))
    tone = level * sum(np.sin(2 * np.pi * hz * k * np.arange(24000) / 16000) / k for k in (1, 2, 3)) / 1.36
    found = measured(row, tone.astype(np.float32), model)
    assert found.items() >= expected.items()
    assert found["peak"] == pytest.approx(level, rel=0.1)
    assert found["f0"] == pytest.approx(hz, rel=1e-3)
