"""An MLflow server's public REST API, for an agent: a run, a change of it, a file."""

from __future__ import annotations

import base64
import http.client
import json
import mimetypes
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.spec import PropertyConflict, Refused, RunNotFound, Unavailable, redacted

from amlflow_mlflow.changes import KILLED, Spelled
from amlflow_mlflow.names import PROPERTY, from_key

SECONDS = 30
FILE_SECONDS = 600
TAGS_AT_ONCE = 100
API = "api/2.0/mlflow"
ARTIFACTS = "api/2.0/mlflow-artifacts/artifacts"


class HttpWire:
    """See :class:`amlflow_mlflow.light.Wire`. Credentials are those that MLflow's client takes."""

    def __init__(self, uri: str) -> None:
        self._where = redacted(uri)
        parts = urlsplit(uri)
        user, password = parts.username, parts.password
        if user is None:
            user = os.environ.get("MLFLOW_TRACKING_USERNAME")
            password = os.environ.get("MLFLOW_TRACKING_PASSWORD")
        else:
            user, password = unquote(user), unquote(password or "")
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        self._headers: dict[str, str] = {}
        if user is not None:
            pair = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
            self._headers["Authorization"] = f"Basic {pair}"
        elif token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        host = parts.netloc.rpartition("@")[2]
        self._base = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))

    def _send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        kind: str = "application/json",
        seconds: float = SECONDS,
        length: int | None = None,
    ) -> bytes:
        headers = {**self._headers, "Content-Type": kind}
        if length is not None:
            headers["Content-Length"] = str(length)
        request = urllib.request.Request(  # noqa: S310  (the scheme is http or https)
            f"{self._base}/{path}", body, headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            raise self._translated(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"The MLflow server at {self._where} does not answer ({error})."
            ) from error

    def _translated(self, error: urllib.error.HTTPError) -> AzureMLException:
        try:
            answer = json.loads(error.read())
            code, message = str(answer.get("error_code")), str(answer.get("message")).strip()
        except (ValueError, AttributeError, OSError):
            code, message = "", ""
        first = (message or f"HTTP {error.code}").splitlines()[0]
        if code == "RESOURCE_DOES_NOT_EXIST":
            return RunNotFound(first, self._where)
        if error.code in (401, 403):
            return AuthenticationException(
                f"MLflow at {self._where} refuses: {first} Check MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN."
            )
        if error.code >= 500 or error.code in (408, 425, 429):
            return Unavailable(f"MLflow at {self._where} could not do this now: {first}")
        return Refused(f"MLflow refuses this: {first}")

    def _call(self, path: str, content: dict[str, Any]) -> Any:
        return json.loads(self._send("POST", f"{API}/{path}", json.dumps(content).encode()))

    def read(self, run_id: str) -> dict[str, Any]:
        answer = self._send("GET", f"{API}/runs/get?{urlencode({'run_id': run_id})}")
        run = json.loads(answer)["run"]
        info, data = run["info"], run.get("data", {})
        for key in ("start_time", "end_time"):
            if key in info:
                info[key] = int(info[key])
        keep = ("run_id", "run_name", "user_id", "status", "start_time", "end_time")
        return {
            "info": {
                "run_name": None,
                **{
                    key: info[key]
                    for key in (*keep, "artifact_uri", "experiment_id")
                    if key in info
                },
            },
            **{
                name: {entry["key"]: entry.get("value", "") for entry in data.get(name, [])}
                for name in ("tags", "params")
            },
        }

    def write(self, run_id: str, todo: Spelled) -> None:
        if todo.status_first:
            self._set_status(run_id, todo)
        tags = [{"key": key, "value": value} for key, value in todo.tags.items()]
        params = [{"key": key, "value": value} for key, value in todo.params.items()]
        first = True
        while tags or (params and first):
            batch = {
                "run_id": run_id,
                "params": params if first else [],
                "tags": tags[:TAGS_AT_ONCE],
            }
            try:
                self._call("runs/log-batch", batch)
            except (Refused, Unavailable):
                self._lost(run_id, todo.params if first else {})
                raise
            tags, first = tags[TAGS_AT_ONCE:], False
        for key in todo.removed:
            try:
                self._call("runs/delete-tag", {"run_id": run_id, "key": key})
            except RunNotFound:  # what MLflow says of a tag that is not there, too
                self.read(run_id)
        if not todo.status_first:
            self._set_status(run_id, todo)

    def _set_status(self, run_id: str, todo: Spelled) -> None:
        if todo.status is None:
            return
        content: dict[str, Any] = {"run_id": run_id, "status": todo.status}
        if todo.ended is not None:
            content["end_time"] = todo.ended
        answer = self._call("runs/update", content)
        if todo.starts and answer["run_info"].get("end_time"):
            self._call("runs/update", {"run_id": run_id, "status": KILLED})

    def _lost(self, run_id: str, params: dict[str, str]) -> None:
        """Raise the conflict if somebody else has set one of the params; MLflow does not say."""
        if not params:
            return
        kept = self.read(run_id)["params"]
        for key, value in params.items():
            if kept.get(key, value) != value:
                raise PropertyConflict(from_key(key[len(PROPERTY) :]), kept[key], value) from None

    def put(self, artifact_uri: str, name: str, path: Path) -> None:
        parts = urlsplit(artifact_uri)
        where = quote(f"{parts.path.strip('/')}/{name}")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            # A log grows while it is sent: no more is sent than was announced.
            self._send(
                "PUT", f"{ARTIFACTS}/{where}", _Part(file, size), kind=kind,
                seconds=FILE_SECONDS, length=size,
            )  # fmt: skip


class _Part:
    """The first bytes of a file, as something to read."""

    def __init__(self, file: Any, size: int) -> None:
        self._file, self._left = file, size

    def read(self, most: int = -1) -> bytes:
        most = self._left if most < 0 else min(most, self._left)
        content: bytes = self._file.read(most)
        self._left -= len(content)
        return content
