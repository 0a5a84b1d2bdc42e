"""HTTP calls to one server: pools of connections, certificates, proxies, redirects, retries.

urllib3 is used because it has pools for several threads, retries, proxies and streamed bodies.
MLflow's own client uses it, too, so a process never loads two libraries. httpx takes more than
twice as long to import, which would delay each command.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import urllib3
from amlflow.per_process import PerProcess
from amlflow.spec import Unavailable, is_tried_once, redacted
from urllib3.exceptions import HTTPError

from amlflow_mlflow.answers import (
    MAX_ANSWER_BYTES,
    MAX_REDIRECTS,
    REDIRECTS,
    Signs,
    Verdict,
    foreign,
    is_version,
    mlflow_error,
    parse_object,
    redirect_target,
)
from amlflow_mlflow.errors import error_of_answer, translate_errors
from amlflow_mlflow.rest import settings
from amlflow_mlflow.rest.pools import certificate_hint, find_proxy, open_pool
from amlflow_mlflow.rest.repeating import (
    REPEATED,
    is_dropped,
    read_pauses,
    until_reached,
    while_busy,
)
from amlflow_mlflow.server_texts import cause

PROBE_S = 5
CHUNK_BYTES = 256 * 1024
_ONLY_ONCE = ("/api/2.0/mlflow/runs/create", "/api/2.0/mlflow/model-versions/create")
"""The calls that would have an effect twice if they were repeated."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _CutOff(Unavailable):
    """The error for an answer that began but did not end."""


class Connection:
    """The HTTP calls to one server.

    A failed call is repeated for minutes, as in MLflow's client. In a block of
    :func:`amlflow.spec.tried_once` it is tried once, and the error has the answer's Retry-After.
    Redirects are only followed within the server's own origin
    (:func:`amlflow_mlflow.answers.redirect_target`). Raises the contract's errors, and
    :class:`amlflow_mlflow.errors.MlflowError` for errors of MLflow itself.
    """

    def __init__(self, uri: str) -> None:
        self.uri, self.where = uri, redacted(uri)
        self.signs = Signs(self._version_headers)
        self.version: str | None = None
        """The server's version, from :meth:`probe`; None if a proxy hides it."""
        parts = urlsplit(uri)
        host = parts.netloc.rpartition("@")[2]
        self._root = urlunsplit((parts.scheme, host, "", "", ""))
        self._prefix = parts.path.rstrip("/")
        self._pools: PerProcess[urllib3.PoolManager] = PerProcess()

    # --- calls ---

    def probe(self) -> None:
        """Learn the server's version and signs.

        Raises :class:`Unavailable` within seconds if MLflow does not answer, or is busy.
        """
        try:
            answer = self._ask_version(waits=not is_tried_once())
        except (HTTPError, OSError) as error:  # the first call: the address may be wrong
            hint = certificate_hint(error) or (
                "Start it, or correct MLFLOW_TRACKING_URI or the tracking_uri in config.json."
            )
            raise Unavailable(
                f"No MLflow server answers at {self.where} ({cause(error)}). {hint}"
            ) from None
        if is_version(answer.status, answer.body):
            self.signs.learn(answer.headers)
            self.version = answer.body.decode("latin-1").strip()
        elif answer.status < 400:
            raise foreign(self.where, "/version says no version")
        elif answer.status != 404:  # some proxies block this address
            with translate_errors(self.uri):
                raise self._error(answer)

    def call(self, method: str, path: str, content: Any) -> tuple[dict[str, Any], Answer]:
        """Make a call of MLflow's REST API. Returns the JSON object, and the whole answer."""
        answer = self.send(method, path, **{"query" if method == "GET" else "content": content})
        kind = answer.headers.get("Content-Type")
        return parse_object(answer.status, kind, answer.body, self.where), answer

    def send(self, method: str, path: str, **sent: Any) -> Answer:
        """Make a call, and return its successful answer. ``sent`` is as for :meth:`open`."""
        try:
            return self._send(method, path, sent)
        except _CutOff:
            if path in _ONLY_ONCE:
                raise
            return self._send(method, path, sent)

    def _send(self, method: str, path: str, sent: dict[str, Any]) -> Answer:
        with self.open(method, path, **sent) as response:
            return self._read_answer(response)

    def is_mlflows(self, headers: Mapping[str, str]) -> bool:
        """Whether an answer without a shape is surely MLflow's. Raises if it surely is not."""
        verdict = self.signs.judge(headers)
        if verdict is Verdict.FOREIGN:
            raise foreign(self.where, "it lacks the headers of this server's answers")
        return verdict is Verdict.MLFLOW

    def check_empty(self, headers: Mapping[str, str]) -> None:
        """Check that an empty list is MLflow's.

        If the headers do not show it, ask for ``/version``: another program that answers ``{}`` to
        a search would also answer ``{}`` there. Raises :class:`Unavailable`.
        """
        if not self.is_mlflows(headers):
            self.probe()

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        content: Any = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Make a call, and give its successful answer, whose body is not read yet.

        ``content`` is sent as JSON. ``body`` is a file, which is sent as it is; ``headers`` must
        have its length.
        """
        fields = dict(headers or {})
        if content is not None:
            body = json.dumps(content).encode()
            fields["Content-Type"] = "application/json"
        with translate_errors(self.uri):
            response = self._follow(method, path, _encode(query), body, fields)
        try:
            if response.status >= 300:
                raise self._error(self._read_answer(response))
            yield response
        except HTTPError as error:  # not in the table: `send` makes the call again
            raise _CutOff(
                f"The answer of the MLflow server at {self.where} is cut off ({cause(error)})."
            ) from error
        finally:
            response.release_conn()

    def _follow(
        self, method: str, path: str, query: str, body: Any, headers: dict[str, str]
    ) -> urllib3.BaseHTTPResponse:
        only_once, path = path in _ONLY_ONCE, self._prefix + path
        for _ in range(MAX_REDIRECTS):
            url = f"{self._root}{path}{'?' if query else ''}{query}"
            response = self._try(method, url, body, headers, only_once)
            if response.status not in REDIRECTS or not settings.follows_redirects():
                return response
            target = urlsplit(self._target(response, url, method))
            response.drain_conn()
            path, query = target.path, target.query
        raise foreign(self.where, "it redirects in a circle")

    def _target(self, response: urllib3.BaseHTTPResponse, url: str, method: str) -> str:
        location = response.headers.get("Location")
        return redirect_target(url, method, response.status, location, self.where)

    def _try(
        self, method: str, url: str, body: Any, headers: dict[str, str], only_once: bool
    ) -> urllib3.BaseHTTPResponse:
        """Make one call. It is repeated after a failure if that cannot do harm."""
        send = functools.partial(self._request, method, url, body, headers)
        if only_once and not is_tried_once():
            return until_reached(send)
        if not only_once and not is_tried_once():
            return send(again=True)
        try:
            return send()
        except HTTPError as error:
            # A server may close a connection that is kept open just as the call is sent.
            if only_once or not is_dropped(error):
                raise
            return send()

    def _request(
        self,
        method: str,
        url: str,
        body: Any,
        headers: Mapping[str, str],
        *,
        again: bool = False,
        seconds: float | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Make one call. With ``again``, it is repeated for minutes. Raises urllib3's errors."""
        if hasattr(body, "rewind"):
            body.rewind()
        fields = {**settings.headers(self.uri), **headers}
        signer = settings.signer_name()
        if signer is not None:
            fields = _sign(signer, method, url, body, fields)
        return self._pool().request(
            method,
            url,
            body=body,
            headers=fields,
            retries=read_pauses() if again else False,
            redirect=False,
            timeout=settings.timeout_s() if seconds is None else seconds,
            preload_content=False,
        )

    def _pool(self) -> urllib3.PoolManager:
        """Return this process's connections. There are new ones if the settings have changed."""
        tls = settings.tls() if self._root.startswith("https:") else settings.NO_TLS
        proxy = find_proxy(self._root)
        make = functools.partial(open_pool, tls, proxy)
        return self._pools.get(f"{tls} {proxy}", lambda _: make())

    @functools.cached_property
    def info(self) -> Mapping[str, Any]:
        """The server's description of itself, asked until it has answered. Empty before MLflow 3.9.

        Raises :class:`Unavailable` if the server does not answer now, and AuthenticationException.
        """
        with translate_errors(self.uri):
            response = self._follow("GET", "/api/3.0/mlflow/server-info", "", None, {})
            try:
                answer = self._read_answer(response)
            finally:
                response.release_conn()
            if answer.status in REPEATED or answer.status in (401, 403, 407):
                raise self._error(answer)
        kind = answer.headers.get("Content-Type")
        try:
            return parse_object(answer.status, kind, answer.body, self.where)
        except Unavailable:  # an older server has no such address
            return {}

    # --- answers ---

    def _ask_version(self, *, waits: bool = False) -> Answer:
        """Return the answer to ``/version``, with any status that is not a redirect.

        A redirect is only followed to a version. With ``waits``, a busy server is asked again for
        :data:`PROBE_S` seconds.
        """
        url = f"{self._root}{self._prefix}/version"
        for redirects in range(MAX_REDIRECTS):
            ask = functools.partial(self._request, "GET", url, None, {}, seconds=PROBE_S)
            response = while_busy(ask, PROBE_S) if waits else ask()
            try:
                if response.status not in REDIRECTS:
                    answer = self._read_answer(response)
                    if redirects and not is_version(answer.status, answer.body):
                        break
                    return answer
                target = urlsplit(self._target(response, url, "GET"))
                response.drain_conn()
            finally:
                response.release_conn()
            if not settings.follows_redirects():
                break
            url = f"{self._root}{target.path}{'?' if target.query else ''}{target.query}"
        raise foreign(self.where, "it redirects /version")

    def _version_headers(self) -> Mapping[str, str] | None:
        try:
            answer = self._ask_version()
        except (Unavailable, HTTPError, OSError):  # the call that asks for them says what is wrong
            return None
        return answer.headers if is_version(answer.status, answer.body) else None

    def _read_answer(self, response: urllib3.BaseHTTPResponse) -> Answer:
        parts, size = [], 0
        for part in response.stream(CHUNK_BYTES):
            parts.append(part)
            size += len(part)
            if size > MAX_ANSWER_BYTES:
                response.close()
                raise foreign(self.where, f"its answer is longer than {MAX_ANSWER_BYTES} bytes")
        return Answer(response.status, response.headers, b"".join(parts))

    def _error(self, answer: Answer) -> Exception:
        return error_of_answer(
            answer.status, mlflow_error(answer.body), self.uri, answer.headers.get("Retry-After")
        )


def _encode(query: Mapping[str, Any] | None) -> str:
    """Encode a query. A list becomes a field that is repeated."""
    fields = {key: value for key, value in (query or {}).items() if value is not None}
    return urlencode(fields, doseq=True)


def _sign(
    signer: str, method: str, url: str, body: Any, headers: Mapping[str, str]
) -> dict[str, str]:
    """Return the headers of a call after a ``requests`` authentication has signed it."""
    # Only needed to sign calls.
    import requests

    request = requests.Request(
        method, url, headers=dict(headers), data=body, auth=settings.open_signer(signer)
    )
    signed = {name: str(value) for name, value in request.prepare().headers.items()}
    if hasattr(body, "rewind"):
        body.rewind()
    return signed
