import numpy as np
import pytest

from synthgen.rendering.sampler.loops import GUARD, with_loop

RATE, HELD = 16000, 48000


def tone(hz, *, vibrato=0.0, seconds=4):
    t = np.arange(seconds * RATE) / RATE
    phase = 2 * np.pi * (hz * t + vibrato * np.sin(2 * np.pi * 5 * t))
    return sum(0.5 / n * np.sin(n * phase) for n in range(1, 6)).astype(np.float32) * 0.3


def noise():
    return np.random.default_rng(0).normal(0, 0.1, 4 * RATE).astype(np.float32)


def sustained(audio, loop, rounds):
    return np.concatenate([audio[: loop.end], *[audio[loop.start : loop.end]] * rounds])


def flux(audio):
    """How much of the spectrum appears from one frame of 32 ms to the next, 4 ms later."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, 512)[::64] * np.hanning(512)
    logarithms = np.log(np.abs(np.fft.rfft(frames)) + 1e-3)
    return np.sqrt(np.mean(np.maximum(np.diff(logarithms, axis=0), 0) ** 2, axis=1))


@pytest.mark.parametrize("audio", [tone(110.3), tone(440), tone(2099.5), tone(440, vibrato=0.02), noise()])
def test_a_seam_is_not_heard(audio):
    """Nothing more begins in the spectrum at the seams and in the cross-fades than elsewhere in the sound itself."""
    looped, loop = with_loop(audio, held=HELD)
    result = sustained(looped, loop, 3)
    fade = HELD // 20
    first = loop.end - fade - 512
    assert flux(result[first:]).max() <= 1.1 * flux(audio[RATE // 2 : HELD]).max()
    seams = [loop.end + i * (loop.end - loop.start) for i in range(3)]
    steps = np.abs(np.diff(result, 2))
    assert max(steps[seam - 4 : seam + 4].max() for seam in seams) <= 1.05 * steps.max()


@pytest.mark.parametrize("audio", [tone(110.3), tone(440), noise()])
def test_the_level_stays_what_it_was(audio):
    looped, loop = with_loop(audio, held=HELD)
    result = sustained(looped, loop, 8)

    def level(x):
        return np.sqrt(np.convolve(x**2, np.ones(800) / 800, mode="valid"))

    before = level(audio[RATE // 2 : HELD])
    assert 0.95 * before.min() <= level(result[RATE // 2 :]).min()
    assert level(result[RATE // 2 :]).max() <= 1.05 * before.max()


def test_a_tone_stays_in_tune():
    looped, loop = with_loop(tone(440), held=HELD)
    result = sustained(looped, loop, 20)[RATE // 2 :]
    magnitudes = np.abs(np.fft.rfft(result * np.hanning(len(result)), 1 << 22))
    assert 1200 * np.log2(magnitudes.argmax() * RATE / (1 << 22) / 440) == pytest.approx(0, abs=0.1)


def test_a_loop_lies_between_attack_and_release_and_is_long_enough():
    audio = tone(440)
    looped, loop = with_loop(audio, held=HELD)
    assert loop.start >= 0.7 * RATE
    assert loop.end - loop.start >= 0.5 * RATE
    assert loop.end <= HELD - 0.09 * RATE
    assert len(looped) == loop.end + GUARD
    assert np.array_equal(looped[loop.end :], looped[loop.start : loop.start + GUARD])
    assert np.array_equal(looped[: loop.end - HELD // 20], audio[: loop.end - HELD // 20])
    assert looped.dtype == np.float32
    assert loop.likeness > 0.99


def test_of_equal_loops_the_longest_is_taken():
    _, loop = with_loop(tone(440), held=HELD)
    assert loop.end - loop.start > 2 * RATE


def test_the_place_with_the_same_waveform_and_level_is_found():
    """Noise that repeats itself at one distance only, once as loud and once at half the level."""
    audio = noise()
    audio[14000:18000] = 0.5 * audio[40000:44000]
    audio[24000:28000] = audio[40000:44000]
    _, loop = with_loop(audio, held=HELD)
    assert loop.end - loop.start == 16000
    assert loop.likeness == pytest.approx(1)


def test_silence_has_no_loop():
    audio = np.zeros(4 * RATE, np.float32)
    looped, loop = with_loop(audio, held=HELD)
    assert loop is None
    assert np.array_equal(looped, audio)
