"""Fetch one large file over HTTP, going on where an interrupted attempt was.

What has arrived lies in a partial file; beside it a note says of which file on the server it is the beginning. A server
is asked for the rest of that very file (RFC 9110, 13.1.5 and 14.2); where it cannot tell, or the file has changed, the
download begins anew, so that two versions are never spliced.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, fields
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from synthgen import files
from synthgen.checks import UserError

if TYPE_CHECKING:
    from tqdm import tqdm

CHUNK_BYTES = 1 << 16
TIMEOUT_SECONDS = 30
LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Remote:
    """The file on the server, as far as it says; kept beside the partial file to tell a changed one."""

    url: str
    size: int | None = None
    etag: str | None = None
    modified: str | None = None
    md5: str | None = None

    @property
    def validator(self) -> str | None:
        """What makes a server send a part only of this very file; a weak ETag does not."""
        strong = self.etag and not self.etag.startswith("W/")
        return self.etag if strong else self.modified


def fetch(url: str, partial: Path, *, retries: int, pause: float) -> Remote:
    """Bring the partial file to the announced size, however many connections it takes.

    Args:
        url: An http or https address.
        partial: What has arrived; the note of what it belongs to lies beside it, see `note`.
        retries: Attempts that may fail in a row without a byte arriving.
        pause: Seconds before the next; doubled with each that fails.

    Raises:
        UserError: the server cannot be reached or has no such file, or the disk is full.
    """
    from tqdm import tqdm

    failures, furthest = 0, size(partial)
    with tqdm(unit="B", unit_scale=True, desc=partial.name.strip("."), disable=None) as bar:
        while True:
            try:
                return _receive(url, partial, bar)
            except urllib.error.HTTPError as error:
                if error.code not in (408, 429) and error.code < 500:
                    hint = "choose another with --url"
                    raise UserError(f"{url}: the server answered {error.code} {error.reason}; {hint}") from error
                reason = f"the server answered {error.code} {error.reason}"
            except (OSError, http.client.HTTPException) as error:
                reason = str(getattr(error, "reason", error)) or type(error).__name__
            bar.set_postfix_str(reason)
            failures = 0 if size(partial) > furthest else failures + 1
            furthest = max(furthest, size(partial))
            if failures > retries:
                what = f"download interrupted at byte {size(partial)}" if size(partial) else "cannot be reached"
                hint = "check the connection and start again, it goes on where it was"
                raise UserError(f"{url}: {what} ({reason}); {hint}")
            time.sleep(min(pause * 2 ** max(0, failures - 1), LONGEST_PAUSE_SECONDS))


def note(partial: Path) -> Path:
    """The file that says of which file on the server `partial` is the beginning."""
    return partial.with_name(f"{partial.name}.json")


def size(path: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def _receive(url: str, partial: Path, bar: tqdm) -> Remote:
    """One connection: what is missing of the file, or all of it where the server does not say that it is the same.

    Raises:
        OSError: the connection failed, or ended before the announced size.
        UserError: the partial file cannot be written.
    """
    known, done = _known(partial, url), size(partial)
    headers = {"User-Agent": "synthgen", "Accept-Encoding": "identity"}
    if done and done == known.size:
        return known
    if done and (known.validator or known.size):
        headers |= {"Range": f"bytes={done}-"} | ({"If-Range": known.validator} if known.validator else {})
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        partial.unlink()
        raise ConnectionError("the file on the server has become shorter") from error
    with response:
        remote = _remote(url, response)
        if response.status == 206 and not (_is_same(known, remote) and _begins_at(response, done)):
            partial.unlink()
            raise ConnectionError("the file on the server has changed")
        if response.status != 206:
            done = 0
            partial.unlink(missing_ok=True)
            files.write_bytes(note(partial), json.dumps(asdict(remote)).encode())
        _check_space(partial, remote, done)
        bar.total, bar.n = remote.size, done
        bar.refresh()
        _append(partial, response, bar)
    if remote.size is not None and size(partial) != remote.size:
        raise ConnectionError(f"the connection ended at byte {size(partial)} of {remote.size}")
    return remote


def _known(partial: Path, url: str) -> Remote:
    """What is known of the file that the partial file is the beginning of; nothing if it came from another place."""
    try:
        values = json.loads(note(partial).read_bytes())
        known = Remote(**{f.name: values[f.name] for f in fields(Remote)})
    except (OSError, ValueError, KeyError, TypeError):
        return Remote(url=url)
    return known if known.url == url else Remote(url=url)


def _remote(url: str, response: http.client.HTTPResponse) -> Remote:
    """What the server says of the whole file."""
    headers = response.headers
    total = headers["Content-Range"].rpartition("/")[2] if headers["Content-Range"] else headers["Content-Length"]
    return Remote(
        url=url,
        size=int(total) if total and total.isdecimal() else None,
        etag=headers["ETag"],
        modified=headers["Last-Modified"],
        md5=_google_md5(headers.get_all("x-goog-hash", [])),
    )


def _google_md5(lines: list[str]) -> str | None:
    """The MD5, in hexadecimal, among the hashes that Google announces, such as `crc32c=n03x6A==, md5=Ojk9...`."""
    for name, _, value in (item.strip().partition("=") for line in lines for item in line.split(",")):
        if name == "md5":
            try:
                return base64.b64decode(value, validate=True).hex()
            except binascii.Error:
                return None
    return None


def _is_same(known: Remote, remote: Remote) -> bool:
    """Whether nothing that the server says of the file differs from what it said before."""
    now, before = asdict(remote), asdict(known)
    return all(now[name] in (None, before[name]) for name in now)


def _begins_at(response: http.client.HTTPResponse, first: int) -> bool:
    return (response.headers["Content-Range"] or "").startswith(f"bytes {first}-")


def _append(partial: Path, response: http.client.HTTPResponse, bar: tqdm) -> None:
    """Write what arrives, so that nothing of it is lost when the connection is."""
    try:
        stream = partial.open("ab", buffering=0)
    except OSError as error:
        raise UserError(files.describe(partial, error)) from error
    with stream:
        while chunk := response.read(CHUNK_BYTES):
            try:
                _write_all(stream, chunk)
            except OSError as error:
                raise UserError(files.describe(partial, error)) from error
            bar.update(len(chunk))
        os.fsync(stream.fileno())


def _write_all(stream: FileIO, chunk: bytes) -> None:
    """Write a chunk without a buffer that might be lost; a disk that is almost full takes only a part at a time."""
    left = memoryview(chunk)
    while left:
        left = left[stream.write(left) :]


def _check_space(partial: Path, remote: Remote, done: int) -> None:
    free = shutil.disk_usage(partial.parent).free
    if remote.size is not None and remote.size - done > free:
        needed = f"{remote.size - done:,} bytes are to come, {free:,} are free"
        raise UserError(f"{partial.parent}: the disk is too full, {needed}; free some space and start again")
