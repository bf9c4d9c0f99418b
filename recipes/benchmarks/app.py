"""How soon a key of the app sounds: from the key press to the moment its note is scheduled, in headless Chromium.

python recipes/benchmarks/app.py --model spectrogram --presses 100
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthgen.script import run

APP = Path(__file__).parents[2] / "gradio_app.py"


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is measured."""

    model: str = "spectrogram"
    """Name of a bundled model, or path of a checkpoint."""
    presses: int = 60
    """Number of key presses of each kind."""


def main(benchmark: Benchmark) -> None:
    """Start the app, play it in a browser, and print milliseconds."""
    from playwright.sync_api import sync_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(APP), "--port", str(port), "--model", benchmark.model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        try:
            print(server.stdout.readline().strip())
            arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(f"http://127.0.0.1:{port}")
            page.wait_for_function("window.synthgen?.ui.progress.value === 1", timeout=300_000)
            turns = range(1, benchmark.presses + 1)
            report("fetched in advance", [press(page, letter="asdfghjk"[i % 8]) for i in turns])
            report("not fetched, background busy", [press(page, letter=";a"[i % 2], seed=i) for i in turns])
            page.evaluate("synthgen.bank.want = () => {}")
            report("not fetched, background idle", [press(page, letter=";a"[i % 2], seed=10**6 + i) for i in turns])
            browser.close()
        finally:
            server.terminate()


def press(page: Any, *, letter: str, seed: int = 0) -> dict[str, Any]:
    """Hold a key until its note is scheduled; another seed first, where one is given, so that no note is there."""
    if seed:
        page.evaluate("(seed) => { synthgen.ui.seed.value = seed; synthgen.refresh(); }", seed)
    before = page.evaluate("synthgen.presses.length")
    page.keyboard.down(letter)
    page.wait_for_function(f"synthgen.presses.length > {before}")
    page.wait_for_timeout(100)
    page.keyboard.up(letter)
    page.wait_for_timeout(100)
    return page.evaluate("synthgen.presses.at(-1)")


def report(title: str, presses: list[dict[str, Any]]) -> None:
    """Print medians, and 95 % and maximum of what a press takes beyond generating the note where it has to be made."""
    delays = np.array([p["scheduledAt"] - p["pressedAt"] for p in presses])
    making = np.array([0 if p["prefetched"] else 1000 * p["seconds"] for p in presses])
    extra = delays - making
    print(
        f"{title:29} press to sound {np.median(delays):6.1f} ms, generation {np.median(making):6.1f} ms, "
        f"difference {np.median(extra):5.1f} (95 % {np.percentile(extra, 95):5.1f}, max {extra.max():5.1f}) ms"
    )


if __name__ == "__main__":
    run(main, Benchmark(), description=__doc__)
