import torch
from toy_tones import INSTRUMENTS, PITCHES, RATE, SAMPLES, Oracle, entry, tone

from synthgen.data.layout import read_audio
from synthgen.evaluation.samples import spread, write_samples


def test_samples_of_a_step_lie_beside_the_real_notes(tones, waveform, tmp_path):
    model = Oracle(tones.spec, Oracle.Config(gain=0.5))
    state = torch.get_rng_state()
    for step in (5, 10):
        write_samples(model, waveform, tones.valid, tmp_path, step=step, count=2)
    assert torch.equal(torch.get_rng_state(), state)
    steps = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert steps == ["0000005", "0000010", "real"]
    names = sorted(path.name for path in (tmp_path / "samples" / "real").iterdir())
    assert len(names) == 2
    for step in steps[:2]:
        written = sorted(path.name for path in (tmp_path / "samples" / step).iterdir())
        assert written == [*names, "spectrograms.png"]
    for e in tones.valid.entries:
        if f"{e.note_str}.wav" in names:
            real, made = (
                read_audio(tmp_path / "samples" / place / f"{e.note_str}.wav", sample_rate=RATE, samples=SAMPLES)
                for place in ("real", "0000005")
            )
            expected = tone(e.instrument_str, e.pitch, e.velocity)
            torch.testing.assert_close(torch.from_numpy(real), expected)
            torch.testing.assert_close(torch.from_numpy(made), expected / 2, atol=2e-5, rtol=0)


def test_families_and_instruments_take_turns():
    entries = [entry(i, p, 75.0) for i in INSTRUMENTS for p in PITCHES]
    for count in (1, 3, 6, 7, 100):
        chosen = spread(entries, count, seed=1)
        times = [sum(entries[i].instrument_str == name for i in chosen) for name in INSTRUMENTS]
        assert max(times) - min(times) <= 1
        assert len(set(chosen)) == len(chosen) == min(count, len(entries))
    assert spread(entries, 5, seed=1) == spread(entries, 5, seed=1) != spread(entries, 5, seed=2)
