"""Starts the page's web server."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen import checks
from synthgen.app.page import build
from synthgen.app.service import NoteService
from synthgen.checks import UserError
from synthgen.rendering.library import bundled, inspect

if TYPE_CHECKING:
    import gradio as gr

MAX_BODY = 64 * 1024
"""Bytes of one request to the server; the page's own are below 1 kB."""


class Gate:
    """ASGI middleware that lets in what the page needs: reading, and calls of the service of up to `MAX_BODY` bytes.

    Gradio's other doors (uploads, its queue) stay shut, since the server may listen to others than its user.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        status = _refusal(scope) if scope["type"] == "http" else None
        if status is None:
            await self.app(scope, receive, send)
        else:
            await send({"type": "http.response.start", "status": status, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b"not for this page"})


def _refusal(scope: dict[str, Any]) -> int | None:
    if scope["method"] in ("GET", "HEAD"):
        return None
    if not scope["path"].rstrip("/").endswith("/component_server"):
        return 404
    length = dict(scope["headers"]).get(b"content-length", b"")
    return None if length.isdigit() and int(length) <= MAX_BODY else 413


def serve(*, host: str, port: int, model: str) -> None:
    """Show the page until the process is interrupted.

    Args:
        host: Address to listen on; 127.0.0.1 is this computer alone.
        port: TCP port.
        model: Name of a bundled model, or path of a checkpoint or a run.

    Raises:
        UserError: the model cannot be read, or the address cannot be listened on.
    """
    import torch

    check_address(host, port)
    torch.set_num_threads(1)  # a pressed key and the background are made side by side
    for name in ("no_proxy", "NO_PROXY"):  # Gradio asks its own server at the start, which no proxy can reach
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "localhost", host)))
    page = build(*make_service(model))
    start(page, host=host, port=port)
    print(f"synthgen plays at http://{host}:{port} (Ctrl+C stops it)", flush=True)
    page.block_thread()


def make_service(model: str) -> tuple[NoteService, str]:
    """A service of all bundled models of notes and `model`, and what it calls that one.

    Raises:
        UserError: there is no such model.
    """
    models = {name: name for name in bundled() if _plays(name)}
    if model in models:
        return NoteService(models), model
    name = inspect(model).name
    if name in models:
        name = str(Path(model))
    return NoteService({name: model} | models), name


def _plays(name: str) -> bool:
    """Whether a bundled model makes notes: others may draw."""
    try:
        inspect(name)
    except UserError:
        return False
    return True


def start(page: gr.Blocks, *, host: str, port: int) -> None:
    """Serve a page in the background, with no request to the outside."""
    import gradio as gr
    from starlette.middleware import Middleware

    fonts = ("system-ui", "sans-serif")
    page.launch(
        server_name=host,
        server_port=port,
        share=False,
        quiet=True,
        inbrowser=False,
        prevent_thread_lock=True,
        max_file_size=MAX_BODY,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        theme=gr.themes.Default(primary_hue="indigo", font=fonts, font_mono=("ui-monospace", "monospace")),
        app_kwargs={"middleware": [Middleware(Gate)]},
    )


def check_address(host: str, port: int) -> None:
    """Raise UserError unless `host` and `port` can be listened on."""
    checks.between("port", port, 1, 65535)
    try:
        for address in (host, "127.0.0.1"):  # Gradio wants the port there too
            with socket.socket(socket.AF_INET) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
    except socket.gaierror as error:
        raise UserError(f"host={host!r} is no IPv4 address ({error.strerror}); use --host 127.0.0.1") from error
    except PermissionError as error:
        raise UserError(f"port={port} needs more rights; use one of 1024 to 65535, e.g. --port 7860") from error
    except OSError as error:
        raise UserError(
            f"port={port} on host={host} cannot be used ({error.strerror}); "
            f"stop the program that listens there, or choose another: --port {port + 1}"
        ) from error
