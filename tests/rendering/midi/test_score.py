import io
import sys

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mido import Message, MetaMessage

from synthgen.checks import UserError
from synthgen.rendering.midi import score
from synthgen.rendering.midi.score import read_score

BEAT = 480


def song(*tracks, kind=1):
    """The bytes of a MIDI file of tracks of messages, 480 ticks a beat, half a second each at first."""
    file = mido.MidiFile(type=kind, ticks_per_beat=BEAT)
    file.tracks.extend(mido.MidiTrack(track) for track in tracks)
    content = io.BytesIO()
    file.save(file=content)
    return content.getvalue()


@pytest.fixture
def heard(tmp_path):
    """The notes of such a song, as (key, begin, seconds), in the order of their beginning."""

    def read(*tracks):
        path = tmp_path / "song.mid"
        path.write_bytes(song(*tracks))
        notes = sorted(read_score(path).notes, key=lambda note: (note.begin, note.key))
        return [(note.key, round(note.begin, 6), round(note.seconds, 6)) for note in notes]

    return read


def on(key, time=0, **options):
    return Message("note_on", note=key, time=time, **{"velocity": 80, **options})


def off(key, time=0, **options):
    return Message("note_off", note=key, time=time, **options)


def control(number, value, time=0, **options):
    return Message("control_change", control=number, value=value, time=time, **options)


def test_a_note_sounds_until_it_is_let_go(heard):
    assert heard([on(60), off(60, BEAT), on(62, BEAT), on(62, BEAT, velocity=0)]) == [(60, 0, 0.5), (62, 1, 0.5)]


def test_tempo_changes_count_from_where_they_are_in_whatever_track(heard):
    tempi = [MetaMessage("set_tempo", tempo=1_000_000, time=BEAT), MetaMessage("set_tempo", tempo=250_000, time=BEAT)]
    notes = [on(60), off(60, 3 * BEAT), on(62), off(62, BEAT)]
    assert heard(tempi, notes) == [(60, 0, 1.75), (62, 1.75, 0.25)]


def test_the_pedal_holds_what_is_let_go(heard):
    track = [
        control(64, 127),
        on(60),
        off(60, BEAT),
        on(62),
        off(62, BEAT),
        on(64),
        control(64, 0, BEAT),
        off(64, BEAT),
    ]
    assert heard(track) == [(60, 0, 1.5), (62, 0.5, 1.0), (64, 1.0, 1.0)]


def test_a_pedal_holds_its_own_channel_alone(heard):
    track = [control(64, 127, channel=1), on(60), on(64, channel=1), off(60, BEAT), off(64, channel=1)]
    assert heard([*track, control(64, 63, BEAT, channel=1)]) == [(60, 0, 0.5), (64, 0, 1.0)]


def test_a_key_that_is_struck_again_ends_its_earlier_note(heard):
    assert heard([control(64, 127), on(60), off(60, BEAT), on(60, BEAT), control(64, 0, BEAT)])[0] == (60, 0, 1.0)
    assert heard([on(60), on(60, BEAT), off(60, BEAT)]) == [(60, 0, 0.5), (60, 0.5, 0.5)]


@pytest.mark.parametrize("number", [120, 123])
def test_all_notes_off(heard, number):
    assert heard([on(60), on(64), control(number, 0, BEAT), off(60, BEAT)]) == [(60, 0, 0.5), (64, 0, 0.5)]


def test_a_note_that_is_never_let_go_ends_with_the_song(heard):
    assert heard([on(60), on(62, BEAT), off(62, BEAT), MetaMessage("text", text="x", time=10**6)])[0] == (60, 0, 1.0)


def test_a_note_of_no_length_is_heard(heard):
    assert heard([on(60), off(60)]) == [(60, 0, score.SHORTEST_SECONDS)]


def test_programs_velocities_and_levels_are_those_of_the_channel_when_a_note_begins(tmp_path):
    track = [
        Message("program_change", program=40, channel=2),
        control(7, 50, channel=2),
        on(60, channel=2, velocity=33),
    ]
    track += [
        Message("program_change", program=41, channel=2, time=BEAT),
        control(11, 0, channel=2),
        off(60, channel=2),
    ]
    path = tmp_path / "song.mid"
    path.write_bytes(song(track))
    (note,) = read_score(path).notes
    assert (note.program, note.velocity, note.gain) == (40, 33, 0.25)


def test_drums_are_counted_and_left_out(tmp_path):
    path = tmp_path / "song.mid"
    path.write_bytes(song([on(36, channel=9), off(36, BEAT, channel=9), on(60), off(60, BEAT)]))
    assert (len(read_score(path).notes), read_score(path).drums) == (1, 1)
    path.write_bytes(song([on(36, channel=9), off(36, BEAT, channel=9)]))
    with pytest.raises(UserError, match=r"song\.mid: has no notes but drums; choose a song with some"):
        read_score(path)


WHOLE = song(
    [
        MetaMessage("track_name", name="x"),
        MetaMessage("channel_prefix", channel=200),
        MetaMessage("set_tempo", tempo=400_000),
        on(60),
        control(64, 1),
        Message("pitchwheel", pitch=99),
        off(60, BEAT),
        Message("sysex", data=[1, 2]),
    ]
)


def test_a_meta_message_for_a_channel_that_does_not_exist_is_no_note(tmp_path):
    (tmp_path / "song.mid").write_bytes(WHOLE)
    (note,) = read_score(tmp_path / "song.mid").notes
    assert (note.key, note.seconds) == (60, pytest.approx(0.4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; name a MIDI file"),
        (b"RIFF" + WHOLE, "is no MIDI file; name a standard one"),
        (WHOLE[:20], "is cut off; get it again"),
        (WHOLE[:-5], "is cut off; get it again"),
        (WHOLE.replace(b"MTrk", b"MTrx"), r"is damaged \(.*\); get it again"),
        (WHOLE[:9] + b"\2" + WHOLE[10:], "is of type 2 with 480 ticks a beat; save it as type 0 or 1, timed in beats"),
        (WHOLE[:12] + b"\0\0" + WHOLE[14:], "is of type 1 with 0 ticks a beat; save it as"),
        (WHOLE[:12] + b"\xe7\x28" + WHOLE[14:], "is of type 1 with -6360 ticks a beat; save it as"),
        (song([MetaMessage("text", text="nothing")]), "has no notes; choose a song with some"),
        (song([]), "has no notes; choose a song with some"),
        (song([on(60), off(60, 2**28 - 1)]), "lasts more than 60 minutes; cut it into parts"),
        (
            song([on(60), *(on(key) for key in range(61, 90)), on(60, 7000 * BEAT)]),
            "has notes of more than 24 hours together; cut it into parts",
        ),
        (WHOLE + bytes(2**21), "is larger than 2 MiB; cut it into parts"),
    ],
)
def test_what_cannot_be_played_is_one_line(tmp_path, content, message):
    path = tmp_path / "song.mid"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"^\S+song\.mid: {message}[^\n]*$"):
        read_score(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"none\.mid: cannot read \(No such file or directory\); name a MIDI file"):
        read_score(tmp_path / "none.mid")


def test_more_notes_than_there_may_be(tmp_path, monkeypatch):
    monkeypatch.setattr(score, "MOST_NOTES", 10)
    (tmp_path / "song.mid").write_bytes(song([m for key in range(40, 51) for m in (on(key), off(key, 10))]))
    with pytest.raises(UserError, match=r"song\.mid: has more than 10 notes; cut it into parts"):
        read_score(tmp_path / "song.mid")


def test_a_missing_mido_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(UserError, match=r"pip install 'synthgen\[midi\]'"):
        read_score(tmp_path / "song.mid")


PLACES = st.integers(0, len(WHOLE) - 1)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=6), st.integers(0, 99)
)
def test_a_damaged_file_is_played_or_refused_in_a_line(tmp_path_factory, changes, cut):
    content = bytearray(WHOLE)
    for position, value in changes:
        content[position] = value
    path = tmp_path_factory.getbasetemp() / "damaged.mid"
    path.write_bytes(content[: len(content) - cut] if cut < 30 else content)
    try:
        notes = read_score(path).notes
        assert all(note.seconds > 0 and note.begin <= 3600 for note in notes)
    except UserError as error:
        assert "\n" not in str(error)
