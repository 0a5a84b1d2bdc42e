"""Sends all logs of a run as one zip file, without holding them in memory."""

from __future__ import annotations

import io
import posixpath
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from amlflow.linked_folders import open_inside
from amlflow.spec import FileNotInRun
from amlflow_mlflow_private import artifacts_of

from amlflow_page.files_of_run import FilesOfRun
from amlflow_page.logs import CHUNK, log_files, translate_errors


class _Outbox(io.RawIOBase):
    """A file that keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self._content += content
        return len(content)

    def take(self) -> bytes:
        content = bytes(self._content)
        self._content.clear()
        return content


def archive(run_id: str) -> Iterator[bytes]:
    """Return a zip file with the run's logs, in pieces. Raises :class:`FileNotInRun` without logs.

    The sizes are those at the beginning: what a running script adds meanwhile is left out. If a
    log cannot be read, the zip file has no end, so that nobody takes it for a whole one. The pieces
    can be read after the request has ended.
    """
    files = log_files(run_id)
    if not files:
        raise FileNotInRun(run_id, "user_logs")
    # Found here, since it depends on the request's workspace.
    place = FilesOfRun(run_id, *artifacts_of(run_id))
    return _pieces(place, {file["name"]: file["size"] for file in files})


def _pieces(place: FilesOfRun, sizes: dict[str, int]) -> Iterator[bytes]:
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
        for name, size in sizes.items():
            with zipped.open(name, "w", force_zip64=True) as entry:
                for content in _content(place, name, size):
                    entry.write(content)
                    yield outbox.take()
    yield outbox.take()


def _content(place: FilesOfRun, name: str, size: int) -> Iterator[bytes]:
    what = f"the file {name!r} of run {place.run_id}"
    with (
        translate_errors(what),
        tempfile.TemporaryDirectory() as folder,
        _open(place, name, folder) as file,
    ):
        while size > 0 and (content := file.read(min(size, CHUNK))):
            size -= len(content)
            yield content


def _open(place: FilesOfRun, name: str, folder: str) -> BinaryIO:
    """Open a file of a run. ``folder`` is one for a copy of what another machine stores."""
    if place.folder is not None:
        return open_inside(place.folder, name)
    stored = posixpath.join(place.base, name)
    return Path(place.repository.download_artifacts(stored, folder)).open("rb")
