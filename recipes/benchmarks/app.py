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
import tyro

APP = Path(__file__).parents[2] / "gradio_app.py"


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What to measure."""

    model: str = "spectrogram"
    """Name of a bundled model, or path of a checkpoint."""
    presses: int = 60
    """Number of key presses of each kind."""


def main(benchmark: Benchmark) -> None:
    """Start the app, play it in a browser, print a table in milliseconds."""
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
            report("fetched in advance", [press(page, letter="asdfghjk"[i % 8]) for i in range(benchmark.presses)])
            report("not fetched, background busy", [press_new(page, seed=i) for i in range(1, benchmark.presses + 1)])
            page.evaluate("synthgen.bank.want = () => {}")
            report("not fetched, background idle", [press_new(page, seed=-i) for i in range(1, benchmark.presses + 1)])
            browser.close()
        finally:
            server.terminate()


def press_new(page: Any, *, seed: int) -> dict[str, Any]:
    """Change the seed, so that no note is there, and press a far key at once."""
    page.evaluate("(seed) => { synthgen.ui.seed.value = seed; synthgen.refresh(); }", seed % 2**31)
    return press(page, letter=";")


def press(page: Any, *, letter: str) -> dict[str, Any]:
    """Hold a key until its note is scheduled, and a little longer; returns the page's record of it."""
    before = page.evaluate("synthgen.presses.length")
    page.keyboard.down(letter)
    page.wait_for_function(f"synthgen.presses.length > {before}")
    page.wait_for_timeout(100)
    page.keyboard.up(letter)
    page.wait_for_timeout(100)
    return page.evaluate("synthgen.presses.at(-1)")


def report(title: str, presses: list[dict[str, Any]]) -> None:
    """Print how long presses took, in all and beyond the generation of those notes that had to be made."""
    delays = np.array([p["scheduledAt"] - p["pressedAt"] for p in presses])
    making = np.array([0 if p["prefetched"] else 1000 * p["seconds"] for p in presses])
    for name, values in (
        ("press to sound", delays),
        ("generation", making),
        ("press to sound, less generation", delays - making),
    ):
        middle, high, most = np.median(values), np.percentile(values, 95), values.max()
        print(f"{title:30} {name:32} median {middle:7.1f}  95 % {high:7.1f}  max {most:7.1f} ms")


if __name__ == "__main__":
    main(tyro.cli(Benchmark))
