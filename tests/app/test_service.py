import base64
import threading

import numpy as np
import pytest

from synthgen.app import service as module
from synthgen.app.service import NoteService
from synthgen.data.audio import to_int16

ASKED = {"model": "tones", "instrument": {"organ": 1}, "pitch": 60, "velocity": 100, "seed": 0}


def test_a_note_keeps_its_level(service):
    synthesizer = service.synthesizer("tones")
    for velocity in (25, 50, 100):
        answer = service.note(ASKED | {"velocity": velocity})
        samples = np.frombuffer(base64.b64decode(answer["pcm"]), "<i2")
        expected = synthesizer.note("organ", pitch=60, velocity=velocity, seed=0).audio
        np.testing.assert_array_equal(samples, to_int16(expected))
        assert answer["sample_rate"] == synthesizer.sample_rate
        assert answer["seconds"] > 0


def test_describes_a_model(service):
    assert service.describe({"model": "tones"}) == {
        "model": "tones",
        "models": ["tones", "other", "slow"],
        "instruments": ["organ", "flute", "<b>broken</b>"],
        "pitches": (45.0, 80.0),
        "velocities": (25.0, 50.0, 100.0),
        "sample_rate": 16000,
        "slow": False,
    }
    assert service.describe({"model": "slow"})["slow"]


def test_the_same_note_is_made_once_whatever_the_order_of_a_blend(service):
    service.note(ASKED | {"instrument": {"organ": 0.25, "flute": 0.75}})
    service.note(ASKED | {"instrument": {"flute": 0.75, "organ": 0.25}, "pressed": True})
    service.note(ASKED | {"instrument": {"flute": 0.25, "organ": 0.75}})
    assert len(service.synthesizer("tones").calls) == 2


def test_tells_how_far_a_slow_note_is(service):
    synthesizer, seen = service.synthesizer("slow"), []
    synthesizer.before = lambda request: seen.append(service.progress({"ticket": "t"}))
    answer = service.note(ASKED | {"model": "slow", "ticket": "t"})
    assert [made["done"] for made in seen] == [0, 1200, 2400, 3600] and seen[-1]["total"] == 4800
    assert len(base64.b64decode(answer["pcm"])) == 2 * 4800
    assert service.progress({"ticket": "t"}) == {"done": 0, "total": 0}


def test_a_stopped_note_is_not_made_and_can_be_asked_for_again(service):
    synthesizer, asked = service.synthesizer("slow"), ASKED | {"model": "slow", "ticket": "t"}
    synthesizer.before = lambda request: service.stop({"ticket": "t"})
    assert service.note(asked) == {"stopped": True}
    assert service.stop({"ticket": "t"}) == {"stopped": False}
    synthesizer.before = lambda request: None
    assert "pcm" in service.note(asked)


def test_a_note_that_waits_for_its_turn_can_be_stopped(service):
    synthesizer, first, second = service.synthesizer("slow"), threading.Event(), threading.Event()
    synthesizer.before = lambda request: (first.set(), second.wait(30))
    answers = {}

    def ask(ticket: str, pitch: int) -> None:
        answers[ticket] = service.note(ASKED | {"model": "slow", "ticket": ticket, "pitch": pitch})

    threads = [threading.Thread(target=ask, args=job) for job in (("a", 60), ("b", 61))]
    threads[0].start()
    assert first.wait(30)
    threads[1].start()
    while not service.stop({"ticket": "b"})["stopped"]:
        pass
    second.set()
    for thread in threads:
        thread.join()
    assert "pcm" in answers["a"] and answers["b"] == {"stopped": True}
    assert {call.pitch for call in synthesizer.calls} == {60}


def test_forgets_the_notes_used_longest_ago(make_service):
    size = len(make_service().note(ASKED)["pcm"])
    service = make_service(cache_bytes=2 * size)
    for pitch in (60, 61, 60, 62, 60, 61):
        service.note(ASKED | {"pitch": pitch})
    assert [call.pitch for call in service.synthesizer("tones").calls] == [60, 61, 62, 61]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "tone"}, "model='tone' is not known; did you mean 'tones'?"),
        ({"model": "../tones.safetensors"}, "model='../tones.safetensors' is not known"),
        ({"model": "x" * 10**5}, "model='xxx"),
        ({"instrument": {"flut": 1}}, "instrument='flut' is not known; did you mean 'flute'?"),
        ({"instrument": {"x" * 10**5: 1}}, "length of an instrument's name=100000 must be between 1 and 200"),
        ({"instrument": {}}, "instruments in a blend=0 must be between 1 and 8"),
        ({"instrument": {"organ": 0.5, "flute": 0.2}}, "sum up to 0.7"),
        ({"instrument": {"organ": float("nan")}}, "must be a number"),
        ({"instrument": {"organ": -1, "flute": 2}}, "must be a number of at least 0"),
        ({"instrument": {"organ": [1]}}, "must be a number"),
        ({"instrument": "organ"}, "request.instrument='organ' must be dict"),
        ({"pitch": 999}, "pitch=999 must be between 45 and 80"),
        ({"pitch": 30}, "pitch=30 must be between 45 and 80"),
        ({"pitch": "60"}, "request.pitch='60' must be a whole number"),
        ({"velocity": 0}, "velocity=0 must be a number between 1 and 127"),
        ({"velocity": float("inf")}, "request.velocity=inf must be a whole number"),
        ({"seed": -1}, "seed=-1 must be a whole number"),
        ({"seed": 10**400}, "seed=1000"),
        ({"pitch": 10**400}, "pitch=1000"),
        ({"instrument": {"organ": 10**400}}, "weight of 'organ'"),
        ({"pressed": "yes"}, "request.pressed='yes' must be bool"),
        ({"ticket": "x" * 10**5}, "length of a ticket=100000 must be between 0 and 200"),
        ({"colour": "red"}, "request has no field colour"),
    ],
)
def test_a_bad_request_is_answered_with_one_line(service, change, message):
    answer = service.note(ASKED | change)
    assert list(answer) == ["error"]
    assert message in answer["error"]
    assert "\n" not in answer["error"]
    assert len(answer["error"]) <= module.MAX_LINE


@pytest.mark.parametrize("request_", [None, [], [1, 2], "note", 3, {}, {"model": None}])
def test_a_request_of_another_shape_is_answered_with_one_line(service, request_):
    for answer in (service.note(request_), service.describe(request_)):
        assert answer["error"].startswith("request")


def test_a_model_that_cannot_be_read_is_an_error_of_its_own(service):
    failing = NoteService({"none": "/nowhere/none.safetensors"})
    assert "/nowhere/none.safetensors: no such checkpoint" in failing.describe({"model": "none"})["error"]
    assert "error" in failing.note(ASKED | {"model": "none"})


def test_a_pressed_key_does_not_wait_for_notes_made_in_advance(service):
    started, go_on = threading.Event(), threading.Event()

    def block(request):
        if request.pitch == 60:
            started.set()
            assert go_on.wait(30)

    synthesizer = service.synthesizer("tones")
    synthesizer.before = block
    ahead = [threading.Thread(target=service.note, args=(ASKED | {"pitch": pitch},)) for pitch in (60, 61)]
    ahead[0].start()
    assert started.wait(30)
    ahead[1].start()
    assert "pcm" in service.note(ASKED | {"pitch": 62, "pressed": True})
    assert [call.pitch for call in synthesizer.calls] == [60, 62]
    go_on.set()
    for thread in ahead:
        thread.join()
    assert [call.pitch for call in synthesizer.calls] == [60, 62, 61]


def test_turns_callers_away_when_too_many_wait(make_service, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING", 1)
    service = make_service()
    answers = []
    service.synthesizer("tones").before = lambda request: answers.append(service.note(ASKED | {"pitch": 61}))
    assert "pcm" in service.note(ASKED)
    assert "try again" in answers[0]["error"]


def test_a_model_of_codes_is_quick_enough_to_be_asked_in_advance(coded_checkpoint):
    service = NoteService({"vqvae": str(coded_checkpoint)})
    described = service.describe({"model": "vqvae"})
    assert (described["slow"], described["instruments"]) == (False, ["church organ", "flute", "violin"])
    asked = {"model": "vqvae", "instrument": {"flute": 1.0}, "pitch": 60, "velocity": 100}
    answer = service.note(asked)
    assert len(base64.b64decode(answer["pcm"])) == 2 * 8000
    assert service.note({**asked, "seed": 1})["pcm"] != answer["pcm"]
