"""An MLflow server's public REST API, for an agent: a run, a change of it, a file."""

from __future__ import annotations

import base64
import http.client
import json
import mimetypes
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

from amlflow.spec import Refused, RunNotFound, Unavailable, redacted

from amlflow_mlflow.answers import (
    MAX_REDIRECTS,
    REDIRECTS,
    Signs,
    Verdict,
    check_run,
    foreign,
    holds,
    is_attachment,
    is_version,
    mlflow_error,
    number,
    parse_object,
    redirect_target,
    text,
)
from amlflow_mlflow.changes import KILLED, TAGS_AT_ONCE, Spelled, check_conflict
from amlflow_mlflow.errors import error_of_answer, translated
from amlflow_mlflow.records import to_run
from amlflow_mlflow.server_texts import cause

HTTP_TIMEOUT_S = 30
FILE_TIMEOUT_S = 600
MAX_LIGHT_BYTES = 64 * 1024**2
"""Of an answer; the longest is a run with its tags and params."""
CHUNK_BYTES = 256 * 1024
API = "api/2.0/mlflow"
ARTIFACTS = "api/2.0/mlflow-artifacts/artifacts"


class HttpWire:
    """A :class:`~amlflow_mlflow.without_mlflow.run_keeper.Wire` of a server.

    Credentials are those that MLflow's client takes.
    """

    def __init__(self, uri: str) -> None:
        self._uri, self._where = uri, redacted(uri)
        self._signs = Signs(self._version_headers)
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

    def _version_headers(self) -> dict[str, str] | None:
        try:
            status, headers, body = self._request(
                "GET", f"{self._base}/version", None, {}, HTTP_TIMEOUT_S
            )
        except Unavailable:
            return None
        return headers if is_version(status, body) else None

    def _request(
        self, method: str, url: str, body: Any, headers: dict[str, str], seconds: float
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and body of one call's answer, whatever it says."""
        request = urllib.request.Request(  # noqa: S310  (the scheme is http or https)
            url, body, {**self._headers, **headers}, method=method
        )
        with translated(self._uri):
            try:
                answer = _OPENER.open(request, timeout=seconds)
            except urllib.error.HTTPError as error:
                answer = error
            except ValueError as error:  # http.client's, of some answers that are not HTTP
                raise http.client.HTTPException(str(error)) from error
            with answer:
                content: bytes = answer.read(MAX_LIGHT_BYTES + 1)
                names = {name.lower() for name in answer.headers}
                answer_headers = {name: ", ".join(answer.headers.get_all(name)) for name in names}
                expected = answer_headers.get("content-length", "")
                status = int(answer.status)
        if len(content) > MAX_LIGHT_BYTES:
            raise foreign(self._where, f"its answer is longer than {MAX_LIGHT_BYTES} bytes")
        if method != "HEAD" and expected.isdecimal() and int(expected) > len(content):
            raise foreign(self._where, "its answer is cut off")
        return status, answer_headers, content

    def _send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        kind: str = "application/json",
        seconds: float = HTTP_TIMEOUT_S,
        length: int | None = None,
    ) -> tuple[dict[str, str], bytes]:
        """Headers and body of an answer that says success."""
        headers = {"Content-Type": kind}
        if length is not None:
            headers["Content-Length"] = str(length)
        url = f"{self._base}/{path}"
        for _ in range(MAX_REDIRECTS):
            status, answer_headers, content = self._request(method, url, body, headers, seconds)
            if status in REDIRECTS:
                url = redirect_target(
                    url, method, status, answer_headers.get("location"), self._where
                )
                if isinstance(body, _Part):
                    body.rewind()
            elif status >= 300:
                raise error_of_answer(
                    status, mlflow_error(content), self._uri, answer_headers.get("retry-after")
                )
            elif status != 200:
                raise foreign(self._where, f"HTTP {status}")
            else:
                return answer_headers, content
        raise foreign(self._where, "it redirects in a circle")

    def _call(
        self, path: str, content: dict[str, Any] | None, key: str | None, run_id: str
    ) -> dict[str, Any]:
        """Call MLflow's REST API; a GET without content.

        ``key`` is what the answer has: the run that is meant, or its info; or None for ``{}``.
        """
        with translated(self._uri, RunNotFound(run_id, self._where)):
            if content is None:
                headers, body = self._send("GET", f"{API}/{path}?{urlencode({'run_id': run_id})}")
            else:
                headers, body = self._send("POST", f"{API}/{path}", json.dumps(content).encode())
        answer = parse_object(200, headers.get("content-type"), body, self._where)
        if key is not None:
            check_run(answer, key, run_id, self._where)
            self._signs.learn(headers)
        elif answer:
            raise foreign(self._where, f"it is not what {path} answers")
        elif content is not None and not self._is_mlflows(headers):
            kind = {"runs/delete-tag": {"removed": [content]}}.get(path, content)
            holds(self._call("runs/get", None, "run", run_id), run_id, kind, self._where)
        return answer

    def _is_mlflows(self, headers: dict[str, str]) -> bool:
        """Whether an answer without a shape is surely MLflow's. Raises if it is surely not."""
        verdict = self._signs.judge(headers)
        if verdict is Verdict.FOREIGN:
            raise foreign(self._where, "it lacks the headers of this server's answers")
        return verdict is Verdict.MLFLOW

    def read(self, run_id: str) -> Any:
        answer = self._call("runs/get", None, "run", run_id)
        try:
            run = answer["run"]
            info, data = run["info"], run.get("data", {})
            fields: dict[str, Any] = {"run_name": None, "user_id": None, "end_time": None}
            for key in ("run_id", "run_name", "user_id", "status", "artifact_uri", "experiment_id"):
                if key in info:
                    fields[key] = text(info[key])
            for key in ("start_time", "end_time"):
                if key in info:
                    fields[key] = number(info[key])
            if not fields.keys() >= {"status", "start_time", "artifact_uri", "experiment_id"}:
                raise KeyError(run_id)
            tags, params = (
                {text(entry["key"]): text(entry.get("value", "")) for entry in data.get(name, [])}
                for name in ("tags", "params")
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise foreign(self._where, "it is not a run") from None
        data = SimpleNamespace(tags=tags, params=params)
        return SimpleNamespace(info=SimpleNamespace(**fields), data=data)

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
                self._call("runs/log-batch", batch, None, run_id)
            except (Refused, Unavailable):
                if first and params:  # another process may have set one of them
                    check_conflict(todo.params, self.read(run_id).data.params)
                raise
            tags, first = tags[TAGS_AT_ONCE:], False
        for key in todo.removed:
            try:
                self._call("runs/delete-tag", {"run_id": run_id, "key": key}, None, run_id)
            except RunNotFound:  # what MLflow says of a tag that is not there, too
                self.read(run_id)
        if not todo.status_first:
            self._set_status(run_id, todo)

    def _set_status(self, run_id: str, todo: Spelled) -> None:
        content: dict[str, Any] = {"run_id": run_id}
        if todo.status is not None:
            content["status"] = todo.status
        elif todo.ended is None or to_run(self.read(run_id)).ended is None:
            return
        if todo.ended is not None:
            content["end_time"] = todo.ended
        answer = self._call("runs/update", content, "run_info", run_id)
        if todo.starts and answer["run_info"].get("end_time"):
            killed = {"run_id": run_id, "status": KILLED}
            self._call("runs/update", killed, "run_info", run_id)

    def own_paths(self) -> Sequence[Path]:
        return []

    def put(self, artifact_uri: str, name: str, path: Path) -> None:
        folder = urlsplit(artifact_uri).path.strip("/")
        where = f"{ARTIFACTS}/{quote(f'{folder}/{name}')}"
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        with path.open("rb") as file, translated(self._uri):
            size = os.fstat(file.fileno()).st_size
            # A log grows while it is sent: no more is sent than was announced.
            part = _Part(file, size)
            headers, body = self._send(
                "PUT", where, part, kind=kind, seconds=FILE_TIMEOUT_S, length=size
            )
            # Flask answers {}, FastAPI nothing.
            if body and parse_object(200, headers.get("content-type"), body, self._where):
                raise foreign(self._where, "it is not what an upload answers")
            if not self._is_mlflows(headers):
                part.rewind()
                self._check_stored(where, part)

    def _check_stored(self, where: str, part: _Part) -> None:
        request = urllib.request.Request(f"{self._base}/{where}", headers=self._headers)  # noqa: S310
        try:
            with _OPENER.open(request, timeout=FILE_TIMEOUT_S) as answer:
                same = is_attachment(answer.headers)
                while same and (expected := part.read(CHUNK_BYTES)):
                    same = answer.read(len(expected)) == expected
                same = same and not answer.read(1)
        except (OSError, http.client.HTTPException) as error:
            raise foreign(self._where, f"what was sent cannot be read, {cause(error)}") from None
        if not same:
            raise foreign(self._where, "what was sent is not there")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to the caller: urllib sends credentials along to whatever host."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


class _Part:
    """The first bytes of a file, as something to read."""

    def __init__(self, file: Any, size: int) -> None:
        self._file, self._size, self._bytes_left = file, size, size

    def rewind(self) -> None:
        """Begin again."""
        self._file.seek(0)
        self._bytes_left = self._size

    def read(self, most: int = -1) -> bytes:
        most = self._bytes_left if most < 0 else min(most, self._bytes_left)
        content: bytes = self._file.read(most)
        self._bytes_left -= len(content)
        return content
