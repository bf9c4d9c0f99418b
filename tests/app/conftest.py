"""A note service of plain tones, its page, and a browser."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from synthgen.app.service import NoteService
from synthgen.checks import UserError
from synthgen.rendering.library import ModelInfo
from synthgen.rendering.note import Note
from synthgen.rendering.request import Repertoire, Request

SAMPLE_RATE = 16000
SAMPLES = 4800


class Tones:
    """Stands in for a synthesizer: a sine whose level is its velocity; the flute's sounds an octave higher.

    Called "slow" it tells how many samples are made, as a model does that draws one after the other.
    """

    def __init__(self, name: str) -> None:
        known = Repertoire(
            instruments=("organ", "flute", "<b>broken</b>"), pitches=(45.0, 80.0), velocities=(25.0, 50.0, 100.0)
        )
        self.info = ModelInfo(name=name, path=Path(), repertoire=known, sample_rate=SAMPLE_RATE, samples=SAMPLES)
        self.instruments, self.pitches, self.sample_rate = list(known.instruments), known.pitches, SAMPLE_RATE
        self.calls: list[Request] = []
        self.before = lambda request: None
        self.draws_samples = name == "slow"

    def note(self, instrument, *, pitch, velocity, seed, progress=None) -> Note:
        asked = Request(instrument=instrument, pitch=pitch, velocity=velocity, seed=seed)
        request = self.info.repertoire.resolve(asked)
        self.calls.append(request)
        for done in range(0, SAMPLES, SAMPLES // 4) if self.draws_samples else (0,):
            self.before(request)
            if self.draws_samples:
                progress(done + SAMPLES // 4, SAMPLES)
        if request.instrument == "<b>broken</b>":
            raise UserError("instrument='broken' cannot be played\nnor can it be shown on two lines")
        return Note(audio=make_tone(request.pitch, request.velocity, request.instrument), sample_rate=SAMPLE_RATE)


def make_tone(pitch: float, velocity: float, instrument: object = "organ") -> np.ndarray:
    hertz = 440 * 2 ** ((pitch - 69) / 12) * (2 if instrument == "flute" else 1)
    return (velocity / 200 * np.sin(2 * np.pi * hertz * np.arange(SAMPLES) / SAMPLE_RATE)).astype(np.float32)


@pytest.fixture(scope="session")
def make_service():
    """Services of three models that play tones, the last of them slow."""
    names = ("tones", "other", "slow")
    return lambda **options: NoteService({name: name for name in names}, load=Tones, **options)


@pytest.fixture
def service(make_service) -> NoteService:
    return make_service()


@pytest.fixture(scope="session")
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def _gradio_leaves_event_loops_open():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.fixture(scope="session")
def site(free_port, make_service):
    """A running page of tones, which keeps no notes: its address and its service."""
    service = make_service(cache_bytes=0)
    with _gradio_leaves_event_loops_open():
        from synthgen.app.page import build
        from synthgen.app.server import start

        page = build(service, "tones")
        start(page, host="127.0.0.1", port=free_port)
    yield f"http://127.0.0.1:{free_port}/", service
    with _gradio_leaves_event_loops_open():
        page.close(verbose=False)


@pytest.fixture(scope="session")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        reason = "chromium is not installed (apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"],
        )
        yield browser
        browser.close()


@pytest.fixture
def tones(site) -> Tones:
    """The synthesizer behind the page, with nothing asked of it yet."""
    synthesizer = site[1].synthesizer("tones")
    synthesizer.calls.clear()
    synthesizer.before = lambda request: None
    return synthesizer


@pytest.fixture(scope="session")
def tone():
    """What the organ, or the flute, plays: `tone(pitch, velocity)`."""
    return make_tone


@pytest.fixture(scope="session")
def opened(site, browser):
    """The page, opened once, and what went wrong on it: lines of the console, and requests to other places."""
    address, troubles = site[0], []
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(300_000)
    page.on("console", lambda line: troubles.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda call: None if call.url.startswith((address, "blob:")) else troubles.append(call.url))
    page.goto(address)
    page.wait_for_function("window.synthgen?.keyboard.visible.length > 0")
    yield page, troubles
    context.close()


@pytest.fixture
def page(opened, tones):
    """The page as it is when opened; the test fails if something goes wrong on it."""
    page, troubles = opened
    page.evaluate(
        """() => {
            const { ui, bank, presses, keyboard } = synthgen;
            const start = { first: "organ", second: "", mix: 50, velocity: 100, seed: 0 };
            for (const [control, value] of Object.entries(start)) ui[control].value = value;
            document.activeElement.blur();
            bank.notes.clear();
            presses.length = 0;
            synthgen.last = null;
            synthgen.refresh();
            keyboard.moveTo(60);
        }"""
    )
    yield page
    assert not troubles
