import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from synthgen.app.server import MAX_BODY, check_address, make_service
from synthgen.checks import UserError
from synthgen.rendering import library

ROOT = Path(__file__).parents[2]
ASKED = {"model": "tones", "instrument": {"organ": 1}, "pitch": 60, "velocity": 100}


@pytest.fixture
def post(site):
    """Calls a server function as the page does, with anything as its request."""
    address, _ = site
    with urllib.request.urlopen(f"{address}config") as answer:
        config = json.load(answer)
    component = next(c["id"] for c in config["components"] if c["type"] == "html")

    def post(function, data):
        content = {"data": data, "component_id": component, "fn_name": function, "session_hash": "test"}
        request = urllib.request.Request(
            f"{address}gradio_api/component_server/",
            data=json.dumps(content).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    return post


def test_server_functions_answer_over_http(post):
    assert post("describe_model", {"model": "tones"})["instruments"][:2] == ["organ", "flute"]
    assert post("make_note", ASKED)["sample_rate"] == 16000


@pytest.mark.parametrize(
    "data", [None, [ASKED], {"model": ["tones"]}, ASKED | {"pitch": 999}, ASKED | {"seed": float("nan")}]
)
def test_bad_requests_over_http_are_answered(post, data):
    assert list(post("make_note", data)) == ["error"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("component_server/", b"x" * (MAX_BODY + 1), 413),
        ("component_server/", b"{", 400),
        ("upload", b"x", 404),
        ("queue/join", b"{}", 404),
    ],
)
def test_refuses_what_the_page_does_not_need(site, path, body, status):
    request = urllib.request.Request(f"{site[0]}gradio_api/{path}", data=body)
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    assert error.value.code == status
    error.value.close()


def test_refuses_functions_of_the_component_that_are_not_the_page_s(post):
    with pytest.raises(urllib.error.HTTPError) as error:
        post("get_config", ASKED)
    assert error.value.code == 404
    error.value.close()


def test_a_port_in_use_is_named_with_the_way_out():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"port={port} on host=127.0.0.1 cannot be used .* --port {port + 1}"):
            check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_out_of_range_is_refused(port):
    with pytest.raises(UserError, match=f"port={port} must be between 1 and 65535"):
        check_address("127.0.0.1", port)


@pytest.mark.parametrize("host", ["not a host", "::1", "203.0.113.1"])
def test_a_host_that_is_not_ours_is_refused(host):
    with pytest.raises(UserError, match=f"host={host}|host='{host}'"):
        check_address(host, 7860)


def test_a_checkpoint_by_its_path_stands_beside_the_bundled_models(tiny_checkpoint):
    service, name = make_service(str(tiny_checkpoint))
    assert name in service.models
    asked = {"model": name, "instrument": {"flute": 0.5, "violin": 0.5}, "pitch": 60, "velocity": 100}
    assert service.describe({"model": name})["instruments"] == ["church organ", "flute", "violin"]
    assert len(service.note(asked)["pcm"]) == -(-8000 * 2 // 3) * 4
    assert "error" in service.note(asked | {"model": str(tiny_checkpoint)})


def test_an_unknown_model_is_refused():
    with pytest.raises(UserError, match="model='spectrograf' is not known"):
        make_service("spectrograf")


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--model", "no/such.safetensors"], ["--port", "99999"]])
def test_the_command_ends_with_one_line(options):
    run = subprocess.run(
        [sys.executable, "gradio_app.py", *options], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert run.returncode == 1
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1


def test_only_models_of_notes_are_offered(tiny_checkpoint, monkeypatch, tmp_path):
    monkeypatch.setattr(library, "PRETRAINED", tmp_path)
    (tmp_path / "notes.safetensors").write_bytes(tiny_checkpoint.read_bytes())
    (tmp_path / "chairs.safetensors").write_bytes(b"not a model of notes")
    service, name = make_service("notes")
    assert (list(service.models), name) == (["notes"], "notes")
    service, name = make_service(str(tmp_path / "notes.safetensors"))
    assert list(service.models) == [name, "notes"]
    assert "pcm" in service.note({"model": name, "instrument": {"flute": 1}, "pitch": 60, "velocity": 100})
