from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest

from synthgen.checks import UserError
from synthgen.data import download, fetch

CONTENT = gzip.compress(np.random.default_rng(0).bytes(300_000), mtime=0)
OTHER = gzip.compress(np.random.default_rng(1).bytes(300_000), mtime=0)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = base64.b64encode(hashlib.md5(CONTENT).digest()).decode()


class Server:
    """A file on 127.0.0.1 whose connections end when told to.

    Attributes:
        content: The file.
        cuts: Where the following connections are cut, as parts of the file; further ones are not.
        ranges: Whether a part may be asked for.
        conditional: Whether a part is sent only of the file that it is asked of.
        validators: Whether the server sends ETag and Last-Modified.
        status: An error to answer with, or 0.
        headers: Further headers.
        requests: The Range header of each request so far.
    """

    def __init__(self) -> None:
        self.content, self.cuts, self.ranges, self.validators, self.status = CONTENT, [], True, True, 0
        self.conditional = True
        self.headers: dict[str, str] = {}
        self.requests: list[str | None] = []

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"'

    def first(self, headers) -> int:
        """Where to begin: at the asked byte if the file is still the one that it is asked of."""
        asked = headers["Range"]
        self.requests.append(asked)
        same = not self.conditional or headers["If-Range"] in (None, self.etag)
        return int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges and same else 0

    def end(self) -> int:
        return int(len(self.content) * self.cuts.pop(0)) if self.cuts else len(self.content)


def handler_of(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            first, size = server.first(self.headers), len(server.content)
            if server.status or first >= size:
                self.send_error(server.status or 416)
                return
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(size - first))
            if first:
                self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
            if server.validators:
                self.send_header("ETag", server.etag)
            for name, value in server.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(server.content[first : server.end()])

        def log_message(self, *_):
            pass

    return Handler


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    state = Server()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(state)) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"http://127.0.0.1:{http.server_port}/some/nsynth-test.jsonwav.tar.gz"
        yield state
        http.shutdown()
        thread.join()


def config(server, tmp_path, **options):
    options = {"url": server.url, "pause": 0.0, "retries": 3, **options}
    return download.Config(out=tmp_path / "out", **options)


def files(tmp_path):
    return sorted(path.name for path in (tmp_path / "out").iterdir())


def test_an_archive_arrives_whole_and_verified(server, tmp_path):
    report = download.build(config(server, tmp_path))
    assert report.path == tmp_path / "out" / "nsynth-test.jsonwav.tar.gz"
    assert report.path.read_bytes() == CONTENT
    assert (report.size, report.sha256, report.verified) == (len(CONTENT), SHA256, "size and CRC-32 of its content")
    assert files(tmp_path) == ["nsynth-test.jsonwav.tar.gz"]
    assert server.requests == [None]


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_cut_connection_is_taken_up_where_it_ended(server, tmp_path, part):
    server.cuts = [part]
    report = download.build(config(server, tmp_path, sha256=SHA256.upper()))
    assert report.path.read_bytes() == CONTENT
    assert server.requests == [None, f"bytes={int(len(CONTENT) * part)}-"]


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_an_interrupted_run_is_taken_up_by_the_next(server, tmp_path, part):
    server.cuts = [part, 0.0]
    with pytest.raises(UserError, match=rf"interrupted at byte {int(len(CONTENT) * part)} .* start again"):
        download.build(config(server, tmp_path, retries=0))
    assert not (tmp_path / "out" / "nsynth-test.jsonwav.tar.gz").exists()
    assert download.build(config(server, tmp_path)).path.read_bytes() == CONTENT
    assert server.requests[-1] == f"bytes={int(len(CONTENT) * part)}-"
    assert files(tmp_path) == ["nsynth-test.jsonwav.tar.gz"]


def test_many_cuts_are_survived_as_long_as_bytes_arrive(server, tmp_path):
    server.cuts = [0.1, 0.2, 0.2, 0.5, 0.9]
    assert download.build(config(server, tmp_path, retries=1)).path.read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_sends_the_file_again(server, tmp_path):
    server.ranges, server.cuts = False, [0.5]
    assert download.build(config(server, tmp_path)).path.read_bytes() == CONTENT
    assert server.requests == [None, f"bytes={len(CONTENT) // 2}-"]


def test_a_server_that_never_gets_further_is_given_up(server, tmp_path):
    server.ranges, server.cuts = False, [0.5] * 50
    with pytest.raises(UserError, match="interrupted at byte"):
        download.build(config(server, tmp_path))
    assert len(server.requests) == 5


@pytest.mark.parametrize("conditional", [True, False])
def test_a_file_that_has_changed_is_not_spliced(server, tmp_path, conditional):
    server.cuts, server.conditional = [0.5, 0.5], conditional
    with pytest.raises(UserError):
        download.build(config(server, tmp_path, retries=0))
    server.content = OTHER
    assert download.build(config(server, tmp_path)).path.read_bytes() == OTHER


def test_a_file_that_has_become_shorter_is_fetched_anew(server, tmp_path):
    server.cuts, server.validators = [0.5, 0.5], False
    with pytest.raises(UserError):
        download.build(config(server, tmp_path, retries=0))
    server.content = gzip.compress(b"short", mtime=0)
    assert download.build(config(server, tmp_path)).path.read_bytes() == server.content


def test_a_changed_file_of_a_server_that_does_not_tell_is_found_out(server, tmp_path):
    server.cuts, server.validators = [0.5, 0.5], False
    with pytest.raises(UserError):
        download.build(config(server, tmp_path, retries=0))
    server.content = OTHER[: len(CONTENT)].ljust(len(CONTENT), b"\0")
    with pytest.raises(UserError, match="damaged and was removed"):
        download.build(config(server, tmp_path))
    server.content = CONTENT
    assert download.build(config(server, tmp_path)).path.read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_no_archive(server, tmp_path):
    with pytest.raises(UserError, match=f"SHA-256 is {SHA256}, not {'0' * 64}"):
        download.build(config(server, tmp_path, sha256="0" * 64))
    assert "nsynth-test.jsonwav.tar.gz" not in files(tmp_path)
    assert download.build(config(server, tmp_path)).path.read_bytes() == CONTENT


def test_the_md5_that_google_announces_is_compared(server, tmp_path):
    server.headers = {"x-goog-hash": f"crc32c=AAAAAA==, md5={MD5}"}
    assert "MD5 announced by the server" in download.build(config(server, tmp_path)).verified
    server.content = OTHER
    with pytest.raises(UserError, match="MD5 announced by the server is"):
        download.build(config(server, tmp_path / "other"))


def test_a_malformed_md5_is_ignored(server, tmp_path):
    server.headers = {"x-goog-hash": "md5=*"}
    assert "CRC-32" in download.build(config(server, tmp_path)).verified


def test_a_damaged_archive_is_found_out_without_a_checksum(server, tmp_path):
    server.content = CONTENT[:1000] + b"\xff" * 10 + CONTENT[1010:]
    with pytest.raises(UserError, match="damaged and was removed"):
        download.build(config(server, tmp_path))
    server.content = CONTENT[:-100]
    with pytest.raises(UserError, match="damaged and was removed"):
        download.build(config(server, tmp_path))


def test_a_missing_file_is_reported_at_once(server, tmp_path):
    server.status = 404
    with pytest.raises(UserError, match=r"nsynth-test\.jsonwav\.tar\.gz: the server answered 404 .*--url"):
        download.build(config(server, tmp_path))
    assert len(server.requests) == 1


def test_an_overloaded_server_is_asked_again(server, tmp_path):
    server.status = 503
    with pytest.raises(UserError, match="503"):
        download.build(config(server, tmp_path, retries=2))
    assert len(server.requests) == 3


def test_an_unreachable_server_is_one_line(server, tmp_path):
    with pytest.raises(UserError, match=r"^http://127\.0\.0\.1:9/a\.gz: .*refused"):
        download.build(config(server, tmp_path, url="http://127.0.0.1:9/a.gz", retries=1))


def test_an_archive_that_is_there_is_not_fetched_again(server, tmp_path):
    download.build(config(server, tmp_path))
    assert "it was there" in download.build(config(server, tmp_path)).verified
    assert download.build(config(server, tmp_path, sha256=SHA256)).verified == "SHA-256"
    with pytest.raises(UserError, match="delete it and start again"):
        download.build(config(server, tmp_path, sha256="0" * 64))
    assert len(server.requests) == 1


def test_a_disk_without_room_is_told_before_it_is_full(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(UserError, match="the disk is too full"):
        download.build(config(server, tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "file:///etc/passwd"}, "must begin with http"),
        ({"url": "http:///x"}, "must begin with http"),
        ({"url": "http://example.org/"}, "must end with the name of a file"),
        ({"url": "http://example.org/..%2f.ssh"}, "must end with the name of a file"),
        ({"sha256": "abc"}, "64 hexadecimal digits"),
        ({"retries": -1}, "retries=-1"),
    ],
)
def test_bad_options_are_named(server, tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        download.build(config(server, tmp_path, **options))


def test_the_official_archives_are_named_in_one_place():
    assert set(download.URLS) == {"train", "valid", "test"}
    assert all(url.endswith(f"nsynth-{split}.jsonwav.tar.gz") for split, url in download.URLS.items())
