"""Files that an MLflow server stores for its clients (``mlflow-artifacts:``)."""

from __future__ import annotations

import mimetypes
import os
import posixpath
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3
from amlflow.spec import Refused, Unavailable, tried_once

from amlflow_mlflow.answers import foreign, is_attachment, number, origin, parse_object, text
from amlflow_mlflow.artifact_clients import open_client
from amlflow_mlflow.entities import FileEntry
from amlflow_mlflow.errors import MlflowError
from amlflow_mlflow.local_artifacts import open_folder
from amlflow_mlflow.rest import direct_transfer, page_route, settings
from amlflow_mlflow.rest.connection import CHUNK_BYTES, Answer, Connection
from amlflow_mlflow.rest.messages import MALFORMED
from amlflow_mlflow.rest.uploads import FilePart
from amlflow_mlflow.store import ArtifactStore

ROOT = "/api/2.0/mlflow-artifacts"
_SERVED = "mlflow-artifacts:"
_TEXTS = frozenset(
    (
        "txt", "log", "err", "cfg", "conf", "cnf", "cf", "ini", "properties", "prop", "hocon",
        "toml", "yaml", "yml", "xml", "json", "js", "py", "py3", "csv", "tsv", "md", "rst",
        "jsonnet", "MLmodel", "MLproject",
    )
)  # fmt: skip
"""The endings of names that MLflow's page shows as text."""


def open_artifacts(root: str, connection: Connection) -> ArtifactStore:
    """Open the files at an artifact URI that a server names.

    The URI may be of another server, as any user who creates an experiment chooses its location. No
    credentials are sent there: if this client has any, :class:`Refused` is raised.
    """
    local = open_folder(root)
    if local is not None:
        return local
    if root.startswith((_SERVED, "http:", "https:")):
        is_here = _is_here(root, connection)
        if not is_here and settings.has_credentials(connection.uri):
            raise Refused(
                f"The files of this run are at {urlsplit(root).hostname!r}, which is not the "
                f"tracking server {connection.where}; the credentials for the one are not sent to "
                "the other. Give the experiment an artifact location at the tracking server."
            )
        if is_here and root.startswith(_SERVED):
            return ServedArtifacts(urlsplit(root).path, connection)
    return open_client(root, connection.uri)


def _is_here(root: str, connection: Connection) -> bool:
    """Whether the tracking server itself has the files."""
    parts, here = urlsplit(root), urlsplit(connection.uri)
    if not parts.netloc:
        return True
    scheme = here.scheme if root.startswith(_SERVED) else parts.scheme
    try:
        return origin(f"{scheme}://{parts.netloc}") == origin(connection.uri)
    except ValueError:
        return False


class ServedArtifacts:
    """An :class:`amlflow_mlflow.store.ArtifactStore` on a tracking server."""

    folder: Path | None = None

    def __init__(self, root: str, connection: Connection) -> None:
        self._connection = connection
        self._root = root.strip("/")

    def list(self, folder: str) -> list[FileEntry]:
        query = {"path": posixpath.join(self._root, folder)}
        answer = self._connection.send("GET", f"{ROOT}/artifacts", query=query)
        content = self._parse(answer)
        if not content:
            self._connection.check_empty(answer.headers)
        entries = []
        try:
            if content and "files" not in content:
                raise KeyError("files")
            for file in content.get("files", ()):
                name = text(file["path"])
                if not isinstance(file["is_dir"], bool) or not _is_below(name):
                    raise TypeError(name)
                number(file.get("file_size") or 0)
                entries.append(FileEntry(posixpath.join(folder, name), file["is_dir"]))
        except MALFORMED:
            raise foreign(self._connection.where, "it is not a list of files") from None
        # If the path is a file, some stores list that file.
        itself = FileEntry(posixpath.join(folder, posixpath.basename(folder)), False)
        return [] if folder and entries == [itself] else sorted(entries)

    def put(self, files: Mapping[str, Path]) -> None:
        for path in files.values():
            path.stat()  # raises for a missing file before anything is stored
        for name, path in files.items():
            if not direct_transfer.put(self._connection, self._root, name, path):
                self._put(name, path)

    def _put(self, name: str, path: Path) -> None:
        with path.open("rb") as file:
            # A log may grow while it is sent. Only send the announced number of bytes.
            part = FilePart(file, os.fstat(file.fileno()).st_size)
            headers = {"Content-Type": _kind_of(name), "Content-Length": str(len(part))}
            answer = self._connection.send("PUT", self._address(name), body=part, headers=headers)
            # Flask answers {}, and FastAPI an empty body.
            if answer.status != 200 or (answer.body and self._parse(answer)):
                raise foreign(self._connection.where, "it is not what an upload answers")
            if not self._connection.is_mlflows(answer.headers):
                part.rewind()
                self._check_stored(name, part)

    def _check_stored(self, name: str, part: FilePart) -> None:
        error = foreign(self._connection.where, "what was sent is not there")
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "stored"
            try:
                self._download(name, copy)
            except MlflowError:
                raise error from None
            with copy.open("rb") as stored:
                while chunk := part.read(CHUNK_BYTES):
                    if stored.read(len(chunk)) != chunk:
                        raise error
                if stored.read(1):
                    raise error

    def get(self, path: str, destination: Path) -> bool:
        try:
            # Some servers, such as 2.22, 3.1 and 3.9, answer 500 for a file that does not exist,
            # and all of them do for a folder.
            with tried_once():
                self._download(path, destination)
        except (MlflowError, Refused, Unavailable):
            if FileEntry(path, False) not in self.list(posixpath.dirname(path)):
                return False
            # The file exists. It was just stored or replaced, or the server was away for a moment.
            try:
                self._download_again(path, destination)
            except MlflowError as error:
                raise Refused(f"The file {path!r} cannot be read: {error.message}") from error
        return True

    def _download_again(self, path: str, destination: Path) -> None:
        if path.isascii():
            self._download(path, destination)
            return
        try:
            with tried_once():  # trying again for minutes would not help
                self._download(path, destination)
        except Unavailable as error:
            # Some versions of MLflow, 3.9 among them, fail for a name with other letters.
            if not page_route.get(self._connection, self._root, path, destination):
                raise Refused(
                    f"The server {self._connection.where} does not give the file {path!r}: "
                    f"{error.message} Some versions of MLflow, such as 3.9, fail for a name with "
                    "other letters than ASCII. Update the server, or give the file another name."
                ) from error

    def read_beginning(self, path: str, count: int) -> bytes | None:
        try:
            with tried_once(), self._open(path) as response:
                beginning = bytes(response.read(count))
                response.close()  # otherwise the rest would be read, too
                return beginning
        except (MlflowError, Refused, Unavailable):
            return None  # get() tries again, and explains the error

    def _download(self, path: str, destination: Path) -> None:
        with self._open(path) as response, destination.open("wb") as file:
            for part in response.stream(CHUNK_BYTES):
                file.write(part)

    @contextmanager
    def _open(self, path: str) -> Iterator[urllib3.BaseHTTPResponse]:
        """Give the answer with a file, whose content is not read yet."""
        stored = direct_transfer.open_file(self._connection, self._root, path)
        if stored is not None:
            with stored as response:
                yield response
            return
        with self._connection.open("GET", self._address(path)) as response:
            if response.status != 200 or not is_attachment(response.headers):
                raise foreign(self._connection.where, "it is not a file of MLflow's")
            yield response

    def _address(self, path: str) -> str:
        return quote(posixpath.join(ROOT, "artifacts", self._root, path))

    def _parse(self, answer: Answer) -> dict[str, Any]:
        kind = answer.headers.get("Content-Type")
        return parse_object(answer.status, kind, answer.body, self._connection.where)


def _is_below(path: str) -> bool:
    """Whether a path from a server stays in its folder."""
    return bool(path) and not path.startswith(("/", "\\")) and ".." not in path.split("/")


def _kind_of(name: str) -> str:
    """Return the content type of a file, by its name."""
    base = posixpath.basename(name)
    if base.rpartition(".")[2] in _TEXTS:
        return "text/plain"
    return mimetypes.guess_type(base)[0] or "application/octet-stream"
