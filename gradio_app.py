"""Starts the web page that plays notes: ``python gradio_app.py``, then open http://127.0.0.1:7860."""

from __future__ import annotations

import sys

import tyro

from synthgen.checks import UserError


def main(host: str = "127.0.0.1", port: int = 7860, model: str = "spectrogram") -> None:
    """Play a model of notes in the browser.

    Args:
        host: Address to listen on; 127.0.0.1 is this computer alone, 0.0.0.0 lets others in.
        port: TCP port.
        model: Name of a bundled model, or path of a checkpoint or of a training run.
    """
    from synthgen.app.server import serve

    try:
        serve(host=host, port=port, model=model)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    tyro.cli(main)
