"""The page in a real browser: what is heard, fetched, shown and saved."""

import io
import threading
import wave

import numpy as np
import pytest

from synthgen.data.audio import to_int16

SAMPLE_RATE = 16000
SAMPLES = 4800


def wait_ready(page):
    page.wait_for_function("synthgen.ui.progress.value === 1")


def last_press(page, count=1):
    page.wait_for_function(f"synthgen.presses.length >= {count}")
    return page.evaluate("synthgen.presses.at(-1)")


def choose(page, control, value):
    page.evaluate(
        """([control, value]) => {
            synthgen.ui[control].value = value;
            for (const type of ["input", "change"]) synthgen.ui[control].dispatchEvent(new Event(type));
        }""",
        [control, value],
    )


def rms(audio):
    return float(np.sqrt(np.mean(np.square(audio))))


def centre(page, pitch):
    return page.evaluate(
        """(pitch) => {
            const box = synthgen.keyboard.keys.get(pitch).getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height * 0.9];
        }""",
        pitch,
    )


def test_letters_play_notes_at_their_level(page, tone):
    wait_ready(page)
    for count, (letter, pitch, velocity) in enumerate([("a", 60, 100), ("w", 61, 100), (";", 76, 25)], start=1):
        choose(page, "velocity", velocity)
        wait_ready(page)
        page.keyboard.down(letter)
        press = last_press(page, count)
        page.keyboard.up(letter)
        assert (press["pitch"], press["velocity"], press["prefetched"]) == (pitch, velocity, True)
        assert (press["length"], press["sampleRate"]) == (SAMPLES, SAMPLE_RATE)
        assert press["rms"] == pytest.approx(rms(tone(pitch, velocity)), rel=2e-3)
        assert press["scheduledAt"] >= press["pressedAt"]
    assert page.evaluate("synthgen.sound.context.sampleRate") == SAMPLE_RATE


def test_fetches_the_keys_nearest_to_the_hands_first(page, tones):
    wait_ready(page)
    choose(page, "seed", 7)
    wait_ready(page)
    pitches = [call.pitch for call in tones.calls if call.seed == 7]
    assert sorted(pitches) == list(range(45, 81))
    distances = [abs(pitch - 68) for pitch in pitches]
    assert distances == sorted(distances)


def test_a_pressed_key_goes_before_the_background(page, tones):
    wait_ready(page)
    pressed = threading.Event()
    tones.before = lambda request: pressed.set() if request.pitch == 60 else pressed.wait(30)
    choose(page, "seed", 8)
    page.keyboard.press("a")
    assert last_press(page)["pitch"] == 60
    wait_ready(page)
    order = [call.pitch for call in tones.calls if call.seed == 8]
    assert order[:2] == [68, 60]
    assert len(order) == len(set(order)) == 36


def test_another_instrument_is_another_bank_and_the_first_is_kept(page, tones, tone):
    wait_ready(page)
    ready = "synthgen.refresh(), document.querySelectorAll('.sg-ready').length"
    assert page.evaluate(f"synthgen.ui.first.value = 'flute', {ready}") == 0
    wait_ready(page)
    assert [call.instrument for call in tones.calls[-36:]] == ["flute"] * 36
    page.keyboard.press("a")
    assert last_press(page)["rms"] == pytest.approx(rms(tone(60, 100, "flute")), rel=2e-3)
    assert page.evaluate(f"synthgen.ui.first.value = 'organ', {ready}") == 36


def test_what_an_earlier_choice_asked_for_is_dropped(page, tones):
    wait_ready(page)
    page.evaluate("for (const seed of [11, 12]) { synthgen.ui.seed.value = seed; synthgen.refresh(); }")
    wait_ready(page)
    seeds = [call.seed for call in tones.calls]
    assert seeds.count(11) <= 1
    assert seeds.count(12) == 36


def test_blends_two_instruments(page, tones):
    choose(page, "second", "flute")
    choose(page, "mix", 30)
    assert page.locator("[data-mix-shown]").inner_text() == "70 : 30"
    wait_ready(page)
    assert tones.calls[-1].instrument == {"organ": 0.7, "flute": 0.3}
    page.keyboard.press("a")
    last_press(page)
    assert page.locator("[data-last-name]").inner_text() == "organ 70 % + flute 30 %, C4"
    choose(page, "mix", 100)
    wait_ready(page)
    assert tones.calls[-1].instrument == "flute"


def test_pointer_plays_glides_and_releases(page):
    wait_ready(page)
    page.mouse.move(*centre(page, 60))
    page.mouse.down()
    last_press(page)
    page.mouse.move(*centre(page, 62), steps=3)
    assert last_press(page, 2)["pitch"] == 62
    assert page.evaluate("[...document.querySelectorAll('.sg-down')].map((key) => key.dataset.pitch)") == ["62"]
    page.mouse.up()
    page.mouse.move(*centre(page, 65))
    assert page.evaluate("[synthgen.held.size, document.querySelectorAll('.sg-down').length]") == [0, 0]
    page.wait_for_function("synthgen.sound.voices.size === 0")
    assert page.evaluate("synthgen.presses.map((press) => press.pitch)") == [60, 62]


def test_octave_keys_move_the_letters_and_greyed_keys_are_silent(page):
    wait_ready(page)
    page.keyboard.press("z")
    page.keyboard.press("a")
    assert last_press(page)["pitch"] == 48
    page.keyboard.press("x")
    page.keyboard.press("x")
    page.keyboard.press("x")
    page.keyboard.press("a")
    assert last_press(page, 2)["pitch"] == 72
    greyed = page.evaluate("[...document.querySelectorAll('.sg-key:disabled')].map((key) => Number(key.dataset.pitch))")
    assert greyed == [36, 37, 38, 39, 40, 41, 42, 43, 44, 81, 82, 83]
    page.locator(".sg-key[data-pitch='81']").dispatch_event("pointerdown", {"pointerId": 1, "button": 0})
    page.keyboard.press("l")
    assert page.evaluate("synthgen.presses.length") == 2


def test_arrow_keys_and_space_play_the_focused_key(page):
    wait_ready(page)
    page.locator(".sg-key[data-pitch='60']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    assert last_press(page)["pitch"] == 61
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "C#4, ready"
    assert page.locator(".sg-key[tabindex='0']").count() == 1


def test_midi_velocities_go_to_the_nearest_learned_one(page, tones, tone):
    wait_ready(page)
    page.evaluate(
        """() => {
            window.port = { name: "Piano", state: "connected" };
            navigator.requestMIDIAccess = async () => ({ inputs: new Map([["1", port]]) });
        }"""
    )
    page.locator("[data-midi]").click()
    page.wait_for_function("synthgen.ui.midi.textContent === 'MIDI: Piano'")
    send = "(data) => port.onmidimessage({ data, timeStamp: performance.now() })"
    page.evaluate(send, [0x90, 64, 60])
    press = last_press(page)
    assert (press["pitch"], press["velocity"], press["prefetched"]) == (64, 50, False)
    assert press["rms"] == pytest.approx(rms(tone(64, 50)), rel=2e-3)
    assert page.evaluate("synthgen.held.size") == 1
    page.evaluate(send, [0x90, 64, 0])
    assert page.evaluate("synthgen.held.size") == 0
    page.evaluate(send, [0x90, 20, 100])
    assert "outside" in page.locator("[data-error]").inner_text()


def test_downloads_the_same_samples(page, tone):
    wait_ready(page)
    page.keyboard.press("h")
    last_press(page)
    with page.expect_download() as download:
        page.locator("[data-download]").click()
    assert download.value.suggested_filename == "organ_A4_v100.wav"
    with wave.open(io.BytesIO(download.value.path().read_bytes())) as file:
        assert file.getparams()[:4] == (1, 2, SAMPLE_RATE, SAMPLES)
        samples = np.frombuffer(file.readframes(SAMPLES), "<i2")
    np.testing.assert_array_equal(samples, to_int16(tone(69, 100)))


def test_the_spectrogram_is_brightest_at_the_pitch(page):
    wait_ready(page)
    drawn = page.evaluate("synthgen.picture.drawn")
    page.keyboard.press("h")
    last_press(page)
    page.wait_for_function(f"synthgen.picture.drawn > {drawn}")
    column = page.evaluate(
        """() => {
            const { width, height } = synthgen.ui.spectrum;
            const pixels = synthgen.ui.spectrum.getContext("2d").getImageData(width / 2, 8, 1, height - 30).data;
            return Array.from({ length: height - 30 }, (_, y) => pixels[4 * y] + pixels[4 * y + 1] + pixels[4 * y + 2]);
        }"""
    )
    hertz = (1 - (np.argmax(column) + 0.5) / len(column)) * SAMPLE_RATE / 2
    assert abs(hertz - 440) < SAMPLE_RATE / 2 / len(column) + SAMPLE_RATE / 1024


def test_errors_are_one_line_and_typing_a_seed_is_silent(page):
    wait_ready(page)
    error = page.locator("[data-error]")
    choose(page, "first", "<b>broken</b>")
    page.wait_for_function("!synthgen.ui.error.hidden")
    assert error.inner_text() == "instrument='broken' cannot be played nor can it be shown on two lines"
    choose(page, "first", "organ")
    assert error.is_hidden()
    seed = page.locator("[data-seed]")
    seed.fill("-3")
    seed.press("Enter")
    assert "Seed must be a whole number" in error.inner_text()
    seed.focus()
    page.keyboard.type("a1")
    assert page.evaluate("synthgen.presses.length") == 0


def test_says_that_the_server_is_gone_and_goes_on_when_it_is_back(page, opened):
    wait_ready(page)
    page.route("**/component_server/", lambda route: route.abort())
    choose(page, "seed", 9)
    page.wait_for_function("synthgen.ui.error.textContent.includes('does not answer')")
    page.unroute("**/component_server/")
    page.keyboard.press("a")
    last_press(page)
    assert page.locator("[data-error]").is_hidden()
    wait_ready(page)
    opened[1].clear()


def test_another_model_is_loaded(page, site):
    choose(page, "model", "other")
    page.wait_for_function("synthgen.model.model === 'other'")
    wait_ready(page)
    assert len(site[1].synthesizer("other").calls) >= 36
    choose(page, "model", "tones")
    page.wait_for_function("synthgen.model.model === 'tones'")


def test_a_slow_model_makes_what_is_pressed_shows_how_far_and_can_be_stopped(page, site):
    slow, go_on = site[1].synthesizer("slow"), threading.Event()
    choose(page, "model", "slow")
    page.wait_for_function("synthgen.model.model === 'slow'")
    assert "press one to make it" in page.text_content("[data-status]")
    slow.before = lambda request: go_on.wait(30) if slow.calls.count(request) == 1 else None
    page.keyboard.press("a")
    page.wait_for_function("synthgen.ui.status.textContent.startsWith('Making C4')")
    page.wait_for_function("synthgen.bank.requests > 0 && !synthgen.ui.cancel.hidden")
    page.click("[data-cancel]")
    page.evaluate("synthgen.bank.cancel()")  # returns when the server has heard of it
    go_on.set()
    page.wait_for_function("synthgen.ui.cancel.hidden && !synthgen.bank.pending.size")
    assert page.evaluate("synthgen.presses.length") == 0 and page.evaluate("synthgen.ui.error.hidden")
    page.keyboard.press("a")
    assert last_press(page)["pitch"] == 60
    assert [call.pitch for call in slow.calls] == [60, 60]
    choose(page, "model", "tones")
    page.wait_for_function("synthgen.model.model === 'tones'")


def test_fits_a_telephone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("synthgen.keyboard.visible.length < 20")
    wait_ready(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    narrowest = page.evaluate("Math.min(...[...document.querySelectorAll('.sg-white')].map((key) => key.clientWidth))")
    assert narrowest >= 28
    page.keyboard.press("z")
    assert page.evaluate("synthgen.keyboard.visible.includes(synthgen.keyboard.base)")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.wait_for_function("synthgen.keyboard.visible.length === 36")
