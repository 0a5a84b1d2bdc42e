"""Sends all logs of a run as one zip file, without holding them in memory."""

from __future__ import annotations

import io
import posixpath
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlflow.spec import FileNotInRun
from amlflow_mlflow_private import artifacts_of
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

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


@dataclass(frozen=True)
class _Logs:
    """Where a run's logs are: in the folder ``base`` of an artifact repository."""

    run_id: str
    repository: Any
    base: str


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
    logs = _Logs(run_id, *artifacts_of(run_id))
    return _pieces(logs, {file["name"]: file["size"] for file in files})


def _pieces(logs: _Logs, sizes: dict[str, int]) -> Iterator[bytes]:
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
        for name, size in sizes.items():
            with zipped.open(name, "w", force_zip64=True) as entry:
                for content in _content(logs, name, size):
                    entry.write(content)
                    yield outbox.take()
    yield outbox.take()


def _content(logs: _Logs, name: str, size: int) -> Iterator[bytes]:
    what = f"the file {name!r} of run {logs.run_id}"
    with translate_errors(what), tempfile.TemporaryDirectory() as folder:
        if isinstance(logs.repository, LocalArtifactRepository):
            path = Path(logs.repository.artifact_dir, logs.base, name)
        else:
            stored = posixpath.join(logs.base, name)
            path = Path(logs.repository.download_artifacts(stored, folder))
        with path.open("rb") as file:
            while size > 0 and (content := file.read(min(size, CHUNK))):
                size -= len(content)
                yield content
