"""The page: one HTML component whose script calls the note service directly, past Gradio's event queue."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from synthgen.app.service import Answer, NoteService

if TYPE_CHECKING:
    import gradio as gr

SCRIPTS = ("wav", "sound", "bank", "spectrum", "picture", "keyboard", "midi", "main")
"""Parts of the script in order; they share one scope."""


def build(service: NoteService, model: str) -> gr.Blocks:
    """The page, which opens with `model`.

    Raises:
        UserError: that model cannot be read.
    """
    import gradio as gr

    service.synthesizer(model)

    def describe_model(request: Any) -> Answer:
        return service.describe(request)

    def make_note(request: Any) -> Answer:
        return service.note(request)

    def note_progress(request: Any) -> Answer:
        return service.progress(request)

    def stop_note(request: Any) -> Answer:
        return service.stop(request)

    with gr.Blocks(title="synthgen", analytics_enabled=False) as page:
        gr.HTML(
            html_template=_static("page.html"),
            css_template=_static("page.css"),
            js_on_load="\n".join(_static(f"{name}.js") for name in SCRIPTS),
            apply_default_css=False,
            server_functions=[describe_model, make_note, note_progress, stop_note],
            config=service.describe({"model": model}),
        )
    page.queue(max_size=16, api_open=False)
    return page


def _static(name: str) -> str:
    return (resources.files("synthgen.app") / "static" / name).read_text(encoding="utf-8")
