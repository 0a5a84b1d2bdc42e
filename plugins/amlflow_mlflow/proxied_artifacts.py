"""Files that an MLflow server moves to and from its artifact store (``mlflow-artifacts:``)."""

from __future__ import annotations

import io
import json
import os
import posixpath
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from amlflow.spec import Refused
from mlflow.entities import FileInfo
from mlflow.entities.multipart_upload import CreateMultipartUploadResponse
from mlflow.entities.presigned_download import PresignedDownloadUrlResponse
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository
from mlflow.utils.uri import validate_path_is_safe

from amlflow_mlflow.answers import foreign, is_attachment, origin, parse_object
from amlflow_mlflow.private import guess_mime_type
from amlflow_mlflow.rest_client import CHUNK_BYTES, Answer, Client
from amlflow_mlflow.store import Store

ROOT = "/api/2.0/mlflow-artifacts"
_PLACES = ("mlflow-artifacts:", "http:", "https:")


def open_repository(root: str, store: Store) -> Any:
    """The client of the artifact store where a run's files are.

    A run's files may be at a server that is not the tracker's: a user who may make an experiment
    names its place. Credentials are not sent there: raises :class:`Refused` where this client has
    any.
    """
    uri, server = store.uri, store.server
    if server is None or not root.startswith(_PLACES):
        return get_artifact_repository(root, tracking_uri=uri)
    url = root
    if root.startswith("mlflow-artifacts:"):
        url = MlflowArtifactsRepository.resolve_uri(root, uri)
    if origin(url) != origin(uri):
        creds = server.client.creds()
        if creds.username or creds.token or creds.auth or creds.aws_sigv4 or "@" in uri:
            raise Refused(
                f"The files of this run are at {urlsplit(url).hostname!r}, which is not the "
                f"tracking server {server.client.where}; the credentials for the one are not sent "
                "to the other. Give the experiment an artifact location at the tracking server."
            )
    elif root.startswith("mlflow-artifacts:"):
        return Served(root, uri, server.client)
    return get_artifact_repository(root, tracking_uri=uri)


class Served(MlflowArtifactsRepository):
    """MLflow's client of such a store, with calls as :class:`Client` makes them."""

    def __init__(self, root: str, uri: str, client: Client) -> None:
        super().__init__(root, uri)
        self._client = client
        self._folder = self.artifact_uri.partition(f"{ROOT}/artifacts")[2].strip("/")

    def _path(self, kind: str, path: str | None) -> str:
        return quote(posixpath.join(ROOT, kind, self._folder, path or ""))

    def _object(self, answer: Answer) -> dict[str, Any]:
        kind = answer.headers.get("Content-Type")
        return parse_object(answer.status, kind, answer.body, self._client.where)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        if self._should_multipart_upload(local_file):
            super().log_artifact(local_file, artifact_path)
            return
        name = os.path.basename(local_file)
        path = posixpath.join(artifact_path or "", name)
        with open(local_file, "rb") as file:
            headers = {"Content-Type": guess_mime_type(name)}
            answer = self._client.send(
                "PUT", self._path("artifacts", path), data=file, extra_headers=headers
            )
            # Flask answers {}, FastAPI nothing.
            if answer.status != 200 or (answer.body and self._object(answer)):
                raise foreign(self._client.where, "it is not what an upload answers")
            if not self._client.is_mlflows(answer.headers):
                self._check_stored(path, Path(local_file))

    def _check_stored(self, path: str, local: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "stored"
            try:
                self._download_file(path, str(copy))
            except MlflowException:
                raise foreign(self._client.where, "what was sent is not there") from None
            if not _have_same_content(copy, local):
                raise foreign(self._client.where, "what was sent is not there")

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        folder = posixpath.join(self._folder, path or "")
        answer = self._client.send("GET", f"{ROOT}/artifacts", params={"path": folder})
        content = self._object(answer)
        if not content:
            self._client.check_empty(answer.headers)
        infos = []
        try:
            if content and "files" not in content:
                raise KeyError("files")
            for file in content.get("files", ()):
                name, size = file["path"], file.get("file_size")
                if not isinstance(name, str) or not isinstance(file["is_dir"], bool):
                    raise TypeError(name)
                validate_path_is_safe(name)
                infos.append(
                    FileInfo(
                        posixpath.join(path or "", name),
                        file["is_dir"],
                        None if size is None else int(size),
                    )
                )
        except (KeyError, TypeError, ValueError, AttributeError, MlflowException):
            raise foreign(self._client.where, "it is not a list of files") from None
        if path and [info.path for info in infos] == [
            posixpath.join(path, posixpath.basename(path))
        ]:
            return [] if not infos[0].is_dir else infos  # the path is that file
        return sorted(infos, key=lambda info: info.path)

    def download_artifacts(self, artifact_path: str, dst_path: str | None = None) -> str:
        # MLflow's own hides what went wrong in a text.
        if dst_path is None or self.list_artifacts(artifact_path):
            return str(super().download_artifacts(artifact_path, dst_path))
        target = Path(dst_path) / validate_path_is_safe(artifact_path)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._download_file(artifact_path, str(target))
        return str(target)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        if self._is_multipart_download_enabled():
            super()._download_file(remote_file_path, local_path)
            return
        path = self._path("artifacts", remote_file_path)
        with self._client.opened("GET", path) as response, open(local_path, "wb") as file:
            if response.status_code != 200 or not is_attachment(response.headers):
                raise foreign(self._client.where, "it is not a file of MLflow's")
            for part in response.iter_content(CHUNK_BYTES):
                file.write(part)

    # for stores to which large files go directly

    def create_multipart_upload(
        self, local_file: str, num_parts: int = 1, artifact_path: str | None = None
    ) -> CreateMultipartUploadResponse:
        content = {"path": local_file, "num_parts": num_parts}
        path = self._path("mpu/create", artifact_path)
        try:
            answer = self._object(self._client.send("POST", path, json=content))
        except MlflowException as error:
            raise _as_http_error(error) from error
        try:
            return CreateMultipartUploadResponse.from_dict(answer)
        except (KeyError, TypeError, AttributeError):
            raise foreign(self._client.where, "it begins no upload") from None

    def complete_multipart_upload(
        self,
        local_file: str,
        upload_id: str,
        parts: Sequence[Any] = (),
        artifact_path: str | None = None,
    ) -> None:
        content = {
            "path": local_file,
            "upload_id": upload_id,
            "parts": [part.to_dict() for part in parts],
        }
        answer = self._client.send("POST", self._path("mpu/complete", artifact_path), json=content)
        if self._object(answer):
            raise foreign(self._client.where, "it is not what an upload answers")
        if not self._client.is_mlflows(answer.headers):
            path = posixpath.join(artifact_path or "", os.path.basename(local_file))
            self._check_stored(path, Path(local_file))

    def abort_multipart_upload(
        self, local_file: str, upload_id: str, artifact_path: str | None = None
    ) -> None:
        content = {"path": local_file, "upload_id": upload_id}
        self._client.send("POST", self._path("mpu/abort", artifact_path), json=content)

    def _get_presigned_download_url(self, remote_file_path: str) -> PresignedDownloadUrlResponse:
        try:
            answer = self._client.send("GET", self._path("presigned", remote_file_path))
        except MlflowException as error:
            raise _as_http_error(error) from error
        try:
            return PresignedDownloadUrlResponse.from_dict(self._object(answer))
        except (KeyError, TypeError, AttributeError):
            raise foreign(self._client.where, "it is not the address of a file") from None


def _as_http_error(error: MlflowException) -> requests.HTTPError:
    """The error that MLflow's own calls raise, from which it takes another way."""
    response = requests.Response()
    response.status_code = error.get_http_status_code()
    response.raw = io.BytesIO(json.dumps({"message": error.message}).encode())
    return requests.HTTPError(error.message, response=response)


def _have_same_content(one: Path, other: Path) -> bool:
    with one.open("rb") as first, other.open("rb") as second:
        while True:
            part = first.read(CHUNK_BYTES)
            if part != second.read(CHUNK_BYTES):
                return False
            if not part:
                return True
