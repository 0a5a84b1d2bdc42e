"""MLflow's client of a server: what counts as an answer, where calls and credentials go."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
import tenacity
import urllib3
from amlflow.spec import Unavailable, is_tried_once, redacted
from google.protobuf.json_format import ParseError
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos.service_pb2 import (
    DeleteTag,
    GetExperiment,
    GetMetricHistory,
    GetRun,
    LogBatch,
    LogMetric,
    LogParam,
    SetTag,
)
from mlflow.store.tracking.rest_store import RestStore
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.proto_json_utils import parse_dict
from mlflow.utils.rest_utils import MlflowHostCreds, http_request

from amlflow_mlflow.answers import (
    MAX_ANSWER_BYTES,
    MAX_REDIRECTS,
    REDIRECTS,
    STATES,
    Signs,
    Verdict,
    foreign,
    holds,
    is_version,
    mlflow_error,
    parse_object,
    redirect_target,
)
from amlflow_mlflow.errors import MlflowError, error_of_answer, unreached
from amlflow_mlflow.private import endpoint as endpoint_of
from amlflow_mlflow.server_texts import cause

PROBE_S = 5
CREATE_S = 120
"""How long a call that may be made only once is tried again while no server can be reached."""
CHUNK_BYTES = 256 * 1024

_ONLY_ONCE = ("/api/2.0/mlflow/runs/create", "/api/2.0/mlflow/model-versions/create")
"""Calls that, made twice, do something twice."""
_NO_RETRY: dict[str, Any] = {"max_retries": 0, "raise_on_status": False}
_UNREACHED = (requests.exceptions.RequestException, MlflowException)
_LOCATION = "amlflow-location"
_TOKEN = "next_page_token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer that says success or a redirect."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _CutOff(Unavailable):
    """An answer began and did not end."""


class Client:
    """Makes the HTTP calls to one server.

    MLflow tries a call again for minutes. Within :func:`amlflow.spec.tried_once` it is tried once,
    and the answer's Retry-After is told. Redirects are followed within the server's own origin only
    (:func:`amlflow_mlflow.answers.redirect_target`). Raises the contract's errors, and
    :class:`MlflowException` for what MLflow itself says is wrong.
    """

    def __init__(self, uri: str) -> None:
        self.uri, self.where = uri, redacted(uri)
        self.signs = Signs(self._version_headers)
        parts = urlsplit(uri)
        self._root = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
        self._prefix = parts.path.rstrip("/")

    def creds(self) -> MlflowHostCreds:
        """What MLflow's client sends to this server; asked anew, for a token may change."""
        return get_default_host_creds(self.uri)  # type: ignore[no-any-return]

    def probe(self) -> None:
        """Raise :class:`Unavailable` within seconds if MLflow does not answer."""
        try:
            answer = self._version()
        except _UNREACHED as error:
            raise Unavailable(
                f"No MLflow server answers at {self.where} ({cause(error)}). Start it, or correct "
                "MLFLOW_TRACKING_URI or the tracking_uri in config.json."
            ) from None
        if is_version(answer.status, answer.body):
            self.signs.learn(answer.headers)
        elif answer.status < 400:
            raise foreign(self.where, "/version says no version")
        elif answer.status != 404:  # not every proxy lets it through
            raise self._error(answer)

    def _version_headers(self) -> Mapping[str, str] | None:
        try:
            answer = self._version()
        except (Unavailable, *_UNREACHED):
            return None
        return answer.headers if is_version(answer.status, answer.body) else None

    def call(self, method: str, path: str, content: Any) -> tuple[dict[str, Any], Answer]:
        """The JSON object of a call of MLflow's REST API, and the answer that bears it."""
        answer = self.send(method, path, **{"params" if method == "GET" else "json": content})
        kind = answer.headers.get("Content-Type")
        return parse_object(answer.status, kind, answer.body, self.where), answer

    def send(self, method: str, path: str, **content: Any) -> Answer:
        """A call's answer, which says success."""
        try:
            return self._send(method, path, content)
        except _CutOff:
            if path in _ONLY_ONCE:
                raise
            return self._send(method, path, content)

    def _send(self, method: str, path: str, content: dict[str, Any]) -> Answer:
        with self.opened(method, path, **content) as response:
            return self._read_answer(response)

    def is_mlflows(self, headers: Mapping[str, str]) -> bool:
        """Whether an answer without a shape is surely MLflow's. Raises if it is surely not."""
        verdict = self.signs.judge(headers)
        if verdict is Verdict.FOREIGN:
            raise foreign(self.where, "it lacks the headers of this server's answers")
        return verdict is Verdict.MLFLOW

    def check_empty(self, headers: Mapping[str, str]) -> None:
        """Check that an empty list is MLflow's.

        Where the headers do not tell, it is looked whether MLflow answers at all: whatever else
        stands there says ``{}`` to ``/version``, too. Raises :class:`Unavailable`.
        """
        if not self.is_mlflows(headers):
            self.probe()

    @contextmanager
    def opened(self, method: str, path: str, **content: Any) -> Iterator[requests.Response]:
        """A call's answer that says success, whose body is not read yet."""
        try:
            with self._follow(method, path, content) as response:
                if response.status_code >= 300:
                    raise self._error(self._read_answer(response))
                yield response
        except requests.exceptions.RequestException as error:
            raise _CutOff(
                f"The answer of the MLflow server at {self.where} is cut off ({cause(error)})."
            ) from error

    def _follow(self, method: str, path: str, content: dict[str, Any]) -> requests.Response:
        only_once, path = path in _ONLY_ONCE, self._prefix + path
        for _ in range(MAX_REDIRECTS):
            response = self._try(method, path, content, only_once)
            if response.status_code not in REDIRECTS:
                return response
            target = urlsplit(self._target(response, method))
            response.close()
            path = urlunsplit(("", "", target.path, "", ""))
            content = {**content, "params": target.query}
        raise foreign(self.where, "it redirects in a circle")

    def _target(self, response: requests.Response, method: str) -> str:
        location = response.headers.get(_LOCATION)
        return redirect_target(response.url, method, response.status_code, location, self.where)

    def _try(
        self, method: str, path: str, content: dict[str, Any], only_once: bool
    ) -> requests.Response:
        """One call, tried again as often as that is harmless."""
        once = only_once or is_tried_once()
        # A server's own Retry-After would be waited for, however long it is.
        how = _NO_RETRY if once else {"respect_retry_after_header": False}
        send = functools.partial(self._request, method, path, content, **how)
        try:
            if only_once and not is_tried_once():
                return self._until_reached(send)
            try:
                return send()
            except MlflowException as error:
                # A server may close a connection that is kept open just as the call is sent.
                if only_once or not once or not _is_dropped(error):
                    raise
                return send()
        except MlflowException as error:
            raise unreached(f"The MLflow server at {self.where}", error) from error

    @staticmethod
    def _until_reached(send: Callable[[], requests.Response]) -> requests.Response:
        """Call again only while the server was not reached, or says that it did nothing."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_unreached)
            | tenacity.retry_if_result(lambda response: response.status_code in (429, 503)),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=10),
            stop=tenacity.stop_after_delay(CREATE_S),
            retry_error_callback=lambda state: state.outcome and state.outcome.result(),
        )
        response: requests.Response = retrying(send)
        return response

    def _request(
        self, method: str, path: str, content: dict[str, Any], **how: Any
    ) -> requests.Response:
        if hasattr(content.get("data"), "seek"):
            content["data"].seek(0)
        creds = self.creds()
        creds.host = self._root
        return http_request(  # type: ignore[no-any-return]
            creds,
            path,
            method,
            allow_redirects=False,
            stream=True,
            hooks={"response": _set_aside_location},
            **how,
            **content,
        )

    def _version(self) -> Answer:
        """What is answered to ``/version``, of any status below 300 or above 399."""
        path = f"{self._prefix}/version"
        with self._request("GET", path, {}, timeout=PROBE_S, **_NO_RETRY) as response:
            if response.status_code in REDIRECTS:
                self._target(response, "GET")
                raise foreign(self.where, "it redirects /version")
            return self._read_answer(response)

    def _read_answer(self, response: requests.Response) -> Answer:
        parts, size = [], 0
        for part in response.iter_content(CHUNK_BYTES):
            parts.append(part)
            size += len(part)
            if size > MAX_ANSWER_BYTES:
                raise foreign(self.where, f"its answer is longer than {MAX_ANSWER_BYTES} bytes")
        return Answer(response.status_code, response.headers, b"".join(parts))

    def _error(self, answer: Answer) -> Exception:
        error = error_of_answer(
            answer.status, mlflow_error(answer.body), self.uri, answer.headers.get("Retry-After")
        )
        if isinstance(error, MlflowError):  # MLflow's store looks for its own
            return RestException({"error_code": error.error_code, "message": error.message})
        return error


def _set_aside_location(response: requests.Response, **_: Any) -> None:
    # requests prepares the call that a redirect leads to, body and credentials, even where it is
    # not to make it.
    response.headers.pop(_LOCATION, None)
    if "Location" in response.headers:
        response.headers[_LOCATION] = response.headers.pop("Location")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it; requests and urllib3 keep one error in another."""
    seen: set[int] = set()
    while isinstance(error, BaseException) and id(error) not in seen:
        seen.add(id(error))
        yield error
        reason = getattr(error, "reason", None)
        inner = next(
            (argument for argument in error.args if isinstance(argument, BaseException)), None
        )
        error = (
            reason
            if isinstance(reason, BaseException)
            else inner or error.__cause__ or error.__context__
        )


def _is_dropped(error: BaseException) -> bool:
    """Whether the connection was closed, so that a new one may do."""
    kinds = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
    return any(
        isinstance(reason, kinds) for reason in _causes(error)
    ) or "RemoteDisconnected" in str(error)


def _is_unreached(error: BaseException) -> bool:
    """Whether the call did not leave this machine."""
    kinds = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    return any(isinstance(reason, kinds) for reason in _causes(error))


# --- Experiments and runs -----------------------------------------------------------------------


class Server(RestStore):
    """MLflow's store of a server at a URI."""

    def __init__(self, uri: str) -> None:
        self.client = Client(uri)
        super().__init__(self.client.creds)

    def _call_endpoint(
        self,
        api: Any,
        json_body: str | None = None,
        endpoint: str | None = None,
        retry_timeout_seconds: float | None = None,
        response_proto: Any = None,
    ) -> Any:
        self._validate_workspace_support_if_specified()
        path, method = endpoint_of(self, api)
        content = {} if json_body is None else json.loads(json_body)
        result = response_proto or api.Response()
        if not fill(result, self.client, method, endpoint or path, content):
            self._check_done(api, content)
        return result

    def _check_done(self, api: Any, content: dict[str, Any]) -> None:
        """Look whether a write has been done whose answer does not tell. Raises if it has not."""
        if api.__name__ in STATES:
            self._check_state(api.__name__, content)
            return
        if api not in (LogBatch, SetTag, DeleteTag, LogMetric, LogParam):
            self.client.probe()  # an empty list
            return
        run_id = content["run_id"]
        path, method = endpoint_of(self, GetRun)
        answer, _ = self.client.call(method, path, {"run_id": run_id})
        if api is LogBatch:
            batch = content
        else:
            kind = {SetTag: "tags", LogMetric: "metrics", LogParam: "params"}.get(api, "removed")
            batch = {kind: [content]}
        later = holds(answer, run_id, batch, self.client.where)
        for key, points in later.items():
            if not points <= {(time, step) for time, step, _ in self.metric_rows(run_id, key)}:
                raise foreign(self.client.where, "what was logged is not there")

    def _check_state(self, name: str, content: dict[str, Any]) -> None:
        """Look whether an experiment or a run is now as a write should leave it."""
        is_run = "run_id" in content
        path, method = endpoint_of(self, GetRun if is_run else GetExperiment)
        key = "run_id" if is_run else "experiment_id"
        answer, _ = self.client.call(method, path, {key: content[key]})
        try:
            state = answer["run"]["info"] if is_run else answer["experiment"]
            tags = {tag["key"]: tag.get("value", "") for tag in state.get("tags", ())}
            is_done = state[key] == content[key] and STATES[name](state, tags, content)
        except (KeyError, TypeError, AttributeError):
            is_done = False
        if not is_done:
            raise foreign(self.client.where, f"it says nothing, and {name} is not done")

    def metric_rows(self, run_id: str, key: str) -> list[tuple[int, int, float]]:
        """A metric's points (milliseconds, step, value), in this order."""
        path, method = endpoint_of(self, GetMetricHistory)
        content = {"run_id": run_id, "metric_key": key}
        rows: list[tuple[int, int, float]] = []
        while True:
            answer, response = self.client.call(method, path, content)
            if not answer:
                self.client.check_empty(response.headers)
            elif not answer.keys() & {"metrics", _TOKEN}:
                raise foreign(self.client.where, "its points are not points")
            try:
                rows += [
                    (int(point["timestamp"]), int(point.get("step", 0)), float(point["value"]))
                    for point in answer.get("metrics", ())
                ]
                token = answer.get(_TOKEN)
                if token is not None and (
                    not isinstance(token, str) or token == content.get("page_token")
                ):
                    raise ValueError(token)
            except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
                raise foreign(self.client.where, "its points are not points") from None
            if not token:
                return sorted(rows)
            content["page_token"] = token


def fill(result: Any, client: Client, method: str, path: str, content: dict[str, Any]) -> bool:
    """Make a call and fill its message; whether the answer is surely MLflow's.

    Raises :class:`Unavailable` if it surely is not.
    """
    answer, response = client.call(method, path, content)
    try:
        parse_dict(answer, result)
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError):
        raise foreign(client.where, f"it is not what {path} answers") from None
    fields = result.DESCRIPTOR.fields_by_name
    if answer and not answer.keys() & fields.keys():
        raise foreign(client.where, f"it is not what {path} answers")
    # What is one thing is always there; lists and the mark of a next page may be left out.
    single = [name for name, field in fields.items() if not field.is_repeated and name != _TOKEN]
    if single and not any(result.HasField(name) for name in single):
        raise foreign(client.where, f"it is not what {path} answers")
    if not _is_about(result, content):
        raise foreign(client.where, f"its answer to {path} is about something else")
    if single:
        client.signs.learn(response.headers)
        return True
    return bool(answer) or client.is_mlflows(response.headers)


def _is_about(result: Any, content: dict[str, Any]) -> bool:
    """Whether what is in an answer has ids, or a name, and those that were asked for."""
    for name, value in result.ListFields():
        messages = value if name.is_repeated else [value]
        for message in messages:
            if name.name in ("run", "runs"):
                ids = (message.info.run_id or message.info.run_uuid, content.get("run_id"))
            elif name.name == "run_info":
                ids = (message.run_id or message.run_uuid, content.get("run_id"))
            elif name.name in ("experiment", "experiments"):
                ids = (message.experiment_id, content.get("experiment_id"))
                if content.get("experiment_name") not in (None, message.name):
                    return False
            elif name.name in ("registered_model", "model_version", "model_versions"):
                ids = (message.name, content.get("name"))
                if name.name != "registered_model" and (
                    content.get("version") not in (None, message.version)
                ):
                    return False
            else:
                continue
            if not ids[0] or ids[1] not in (None, "", ids[0]):
                return False
    return True
