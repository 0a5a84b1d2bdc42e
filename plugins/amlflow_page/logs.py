"""Reads a run's logs in pieces: from an offset on, and not the whole file again.

Errors of an artifact store's client become errors of the contract.
"""

from __future__ import annotations

import contextlib
import posixpath
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import requests
from amlflow.exceptions import AzureMLException
from amlflow.linked_folders import open_inside
from amlflow.spec import FileNotInRun, Refused, Unavailable
from amlflow.store_errors import ARTIFACT_STORE, error_of_store
from amlflow_mlflow_private import artifacts_of
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import MultipartDownloadMixin
from mlflow.utils.uri import validate_path_is_safe

from amlflow_page.files_of_run import FilesOfRun

FOLDERS = ("user_logs", "azureml-logs", "logs")
SCRIPT_LOGS = ("std_log.txt", "70_driver_log.txt")
"""The names of a script's log: the one of amlflow, and the older one of v1."""
OWN_FOLDER = "amlflow"
"""The folder among a run's files in which trackers keep amlflow's own files."""
MAX_FILES = 1000
MAX_BYTES = 1 << 20
"""The most bytes of one piece."""
MAX_WHOLE = 64 << 20
"""The most bytes of a log that are read for one piece, if a store sends whole files only."""
CHUNK = 1 << 16
HTTP_TIMEOUT_S = 30
"""How long an artifact store may take for a piece."""


@contextlib.contextmanager
def translate_errors(what: str) -> Iterator[None]:
    """Turn an error of an artifact store's client into an error of the contract.

    ``what`` names the files in the message.
    """
    try:
        yield
    except (AzureMLException, MlflowException):  # `answer_as_json` knows both
        raise
    except Exception as error:
        translation = error_of_store(error, ARTIFACT_STORE, what)
        if translation is None and isinstance(error, OSError):
            reason = error.strerror or type(error).__name__
            translation = Refused(f"{ARTIFACT_STORE} could not give {what}: {reason}.")
        if translation is None:
            raise
        raise translation from error


def log_files(run_id: str) -> list[dict[str, Any]]:
    """Return ``name`` and ``size`` (in bytes) of the run's logs. The script's own log is first."""
    with translate_errors(f"the logs of run {run_id}"):
        return _log_files(run_id)


def _log_files(run_id: str) -> list[dict[str, Any]]:
    place = FilesOfRun(run_id, *artifacts_of(run_id))
    files = [file for folder in FOLDERS for file in place.below(folder)]
    files.sort(key=lambda file: posixpath.basename(file[0]) not in SCRIPT_LOGS)
    return [{"name": name, "size": size} for name, size in files[:MAX_FILES]]


def folder_files(run_id: str, folder: str) -> dict[str, Any]:
    """Return the files and folders in a folder of the run's files; "" is the root.

    Each of ``files`` has ``name`` (its path from the root), ``size`` in bytes and ``is_folder``.
    ``more`` tells whether there are more than are sent. amlflow's own folder is left out.
    """
    name = validate_path_is_safe(folder) if folder else ""
    with translate_errors(f"the folder {name!r} of run {run_id}"):
        return _folder_files(run_id, name)


def _folder_files(run_id: str, name: str) -> dict[str, Any]:
    files = []
    for file in FilesOfRun(run_id, *artifacts_of(run_id)).inside(name):
        if file.name.partition("/")[0] != OWN_FOLDER:
            files.append(asdict(file))
    files.sort(key=lambda file: (not file["is_folder"], file["name"]))
    return {"files": files[:MAX_FILES], "more": len(files) > MAX_FILES}


def piece(run_id: str, name: str, offset: int) -> tuple[bytes, int]:
    """Return the bytes of a log from an offset on, and the size of the whole log in bytes.

    At most :data:`MAX_BYTES` are returned. A negative offset counts from the end.
    Raises :class:`FileNotInRun`.
    """
    name = validate_path_is_safe(name)
    if name.partition("/")[0] not in FOLDERS:
        raise FileNotInRun(run_id, name)
    with translate_errors(f"the file {name!r} of run {run_id}"):
        try:
            return _piece(run_id, name, offset)
        except FileNotFoundError as error:  # removed, or replaced by a link, after it was listed
            raise FileNotInRun(run_id, name) from error


def _piece(run_id: str, name: str, offset: int) -> tuple[bytes, int]:
    repository, base = artifacts_of(run_id)
    place = FilesOfRun(run_id, repository, base)
    sizes = dict(place.below(posixpath.dirname(name), deep=False))
    if name not in sizes:
        raise FileNotInRun(run_id, name)
    size = sizes[name]
    if offset < 0:
        offset = max(0, size + offset)
    if size <= offset:
        return b"", size
    if place.folder is not None:
        with open_inside(place.folder, name) as file:
            return _read(file, offset), size
    path = posixpath.join(base, name)
    if isinstance(repository, MultipartDownloadMixin):
        return _fetch(repository.get_download_presigned_url(path), name, offset, size)
    _check_whole(name, size)
    with tempfile.TemporaryDirectory() as folder:  # the store sends whole files only
        copy = Path(repository.download_artifacts(path, dst_path=folder))
        with copy.open("rb") as file:
            return _read(file, offset), size


def _check_whole(name: str, end: int) -> None:
    """Raise :class:`Refused` if a store without byte ranges would have to send too much."""
    if end > MAX_WHOLE:
        raise Refused(
            f"The artifact store gives whole files only, and the log {name!r} is shown up to "
            f"{MAX_WHOLE >> 20} MB. Download it to see the rest."
        )


def _fetch(address: Any, name: str, offset: int, size: int) -> tuple[bytes, int]:
    range_header = {"Range": f"bytes={offset}-{min(size, offset + MAX_BYTES) - 1}"}
    headers = {**(address.headers or {}), **range_header}
    try:
        answer = requests.get(address.url, headers=headers, timeout=HTTP_TIMEOUT_S, stream=True)
        with answer:
            answer.raise_for_status()
            before = 0 if answer.status_code == requests.codes.partial_content else offset
            _check_whole(name, before)
            return _read_part(answer.iter_content(CHUNK), before), size
    except requests.RequestException as error:
        # Whoever has the address can read the log, so it must not be in the message.
        raise Unavailable(
            f"The artifact store does not give the log now ({type(error).__name__}). Try again."
        ) from None


def _read_part(chunks: Iterable[bytes], before: int) -> bytes:
    """Return one piece: skip ``before`` bytes, then read at most :data:`MAX_BYTES`."""
    content = bytearray()
    for chunk in chunks:
        content += chunk[before:]
        before = max(0, before - len(chunk))
        if len(content) >= MAX_BYTES:
            break
    return bytes(content[:MAX_BYTES])


def _read(file: BinaryIO, offset: int) -> bytes:
    file.seek(offset)
    return file.read(MAX_BYTES)
