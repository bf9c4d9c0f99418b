import numpy as np
import pytest
from toy_instruments import tone

from synthgen.checks import UserError
from synthgen.rendering.library import inspect
from synthgen.rendering.recordings import read_recordings


def test_any_recording_becomes_a_note_that_begins_at_its_start(record, tiny_checkpoint):
    late = np.concatenate([np.zeros(22050), tone(221, seconds=1, rate=44100)])
    path = record("late.wav", np.stack([late, 0.5 * late], axis=1), rate=44100)
    (note,) = read_recordings([path], None, inspect(tiny_checkpoint))
    assert note.audio.shape == (8000,)
    assert np.argmax(np.abs(note.audio) > 0.01) < 200
    assert note.pitch == pytest.approx(57.08, abs=0.1)
    assert note.remarks == ("0.49 s before the note are left out", "pitch measured")


def test_only_what_was_recorded_is_compared(record, tiny_checkpoint):
    cut, died = tone(220, seconds=0.4), tone(220, seconds=0.4) * np.geomspace(1, 1e-3, 6400, dtype=np.float32)
    paths = [record("cut.wav", cut), record("died.wav", died)]
    assert [r.recorded for r in read_recordings(paths, [57, 57], inspect(tiny_checkpoint))] == [6400, 8000]


def test_a_pitch_that_is_given_is_corrected_by_cents_alone(record, tiny_checkpoint):
    sharp, other = record("sharp.wav", tone(220 * 2 ** (0.3 / 12))), record("other.wav", tone(220 * 2 ** (4 / 12)))
    notes = read_recordings([sharp, other], ["A3", 57], inspect(tiny_checkpoint))
    assert notes[0].pitch == pytest.approx(57.3, abs=0.05)
    assert notes[1].pitch == 57
    assert notes[1].remarks == ("sounds +400 cents beside the pitch that was given",)


def test_clipping_is_remarked_on(record, tiny_checkpoint):
    paths = [record("cut.wav", tone(220, level=3.0).clip(-1, 1)), record("whole.wav", tone(220, level=0.6))]
    remarks = [r.remarks for r in read_recordings(paths, [57, 57], inspect(tiny_checkpoint))]
    assert [bool(r) and "clipped" in r[-1] for r in remarks] == [True, False]


@pytest.mark.parametrize(
    ("audio", "pitch", "message"),
    [
        (np.zeros(16000), 60, r"a.wav: silent: its peak is 0.00000 of full scale; give a recording of one note"),
        (tone(220, seconds=0.1), 57, r"a.wav: too short: lasts 0.100 s, less than 0.25 s; give"),
        (np.pad(tone(220, seconds=0.1), (0, 16000)), 57, r"a.wav: too short: sounds for less than 0.25 s; give"),
        (tone(220), 999, r"a.wav: pitch=999 must be between 48 and 72 \(C3 to C5\)"),
        (tone(220), "H", r"a.wav: pitch='H' must be a MIDI number"),
        (tone(1760), None, r"a.wav: sounds at A6, pitch 93.0; the model plays 48 to 72: leave it out"),
        (np.random.default_rng(0).normal(0, 0.1, 32000), None, r"a.wav: no steady pitch is heard; say which it is in"),
    ],
)
def test_recordings_of_no_use_are_refused(record, tiny_checkpoint, audio, pitch, message):
    with pytest.raises(UserError, match=message):
        read_recordings([record("a.wav", audio)], [pitch], inspect(tiny_checkpoint))
