"""How an answer is known to be MLflow's.

A proxy, a login page or a captive portal may answer 200 to a call that never reached MLflow. What
was sent would be lost if that counted. So an answer counts where it has

* the status 200, the content type ``application/json`` and a JSON object, for the calls of MLflow's
  REST API; for a download, the ``Content-Disposition: attachment`` that MLflow sends with files;
* the shape of that call: a run for ``runs/get``, ``runs/create`` and ``runs/update``, and the
  very run that was asked for. No proxy makes that up, so such an answer is trusted.

``{}`` has no shape, and MLflow says it of a write that is done and of a list that is empty. (Of
an uploaded file, MLflow's newer servers say nothing at all.) It is trusted where it bears the
server's :class:`Signs`. Where a server has no signs of its own, one call more is made: a write is
trusted after a look that it is done, and an empty list after ``/version`` has said a version.

Anything else is an outage: :class:`amlflow.spec.Unavailable`, and the caller sends it again.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from amlflow.spec import Unavailable

from amlflow_mlflow.entities import Experiment, RunInfo

MAX_ANSWER_BYTES = 512 * 1024**2
"""Of an answer; MLflow sends a metric's whole history as one, some 150 bytes a point."""
MAX_REDIRECTS = 5

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPS_METHOD = frozenset({307, 308})
_VERSION = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}[\w.+-]{0,40}")


def foreign(where: str, why: str) -> Unavailable:
    """The error of an answer that is not MLflow's."""
    return Unavailable(
        f"What answers at {where} does not answer as MLflow does ({why}). A proxy or a login page "
        "may be in between; nothing of this call counts as done."
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def parse_object(status: int, content_type: str | None, body: bytes, where: str) -> dict[str, Any]:
    """The JSON object of an answer that says success. Raises :class:`Unavailable`."""
    if status != 200:
        raise foreign(where, f"HTTP {status}")
    if (content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise foreign(where, "its answer is not JSON")
    try:
        answer = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise foreign(where, "its answer is cut off, or not JSON") from None
    if not isinstance(answer, dict):
        raise foreign(where, "its answer is not a JSON object")
    return answer


def mlflow_error(body: bytes) -> tuple[str, str] | None:
    """The error code and message of a body by which MLflow says what is wrong, or None."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    code = answer.get("error_code") if isinstance(answer, dict) else None
    if not isinstance(code, str) or not re.fullmatch("[A-Z_]{1,100}", code):
        return None
    message = answer.get("message")
    return code, message if isinstance(message, str) else ""


def is_version(status: int, body: bytes) -> bool:
    """Whether it is what MLflow answers to ``GET /version``."""
    return (
        status == 200
        and len(body) < 100
        and _VERSION.fullmatch(body.decode("latin-1").strip()) is not None
    )


def is_attachment(headers: Mapping[str, str]) -> bool:
    """Whether an answer is a file, as MLflow sends one."""
    kind = headers.get("Content-Disposition") or ""
    return kind.partition(";")[0].strip().lower() == "attachment"


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL. Raises ValueError for a port that is not one."""
    parts = urlsplit(url)
    standard = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or standard


def redirect_target(url: str, method: str, status: int, location: str | None, where: str) -> str:
    """The URL that a redirect of a call leads to; it is of the same origin.

    Another origin is refused, for reads as for writes: what is sent and the credentials are meant
    for this server, and what another one says of runs is not this server's answer. A redirect that
    would make a GET of a write is refused since nothing would be written. Raises
    :class:`Unavailable`: a login page goes away again.
    """
    target = urljoin(url, location or "")
    try:
        here, there = origin(url), origin(target)
    except ValueError:
        raise foreign(where, "it redirects to what is not an address") from None
    if here != there:
        raise Unavailable(
            f"The server at {_format_origin(here)} redirects to {_format_origin(there)}, which is "
            "not followed: data and credentials are for the first only. If the server has moved, "
            "set MLFLOW_TRACKING_URI to its new address; if it wants a login, log in there."
        )
    if not location or (method not in ("GET", "HEAD") and status not in _KEEPS_METHOD):
        raise foreign(where, f"it redirects a write, HTTP {status}")
    return target


def _format_origin(address: tuple[str, str, int | None]) -> str:
    scheme, host, port = address
    text = f"{scheme[:10]}://{host[:100]}{f':{port}' if port is not None else ''}"
    return "".join(character if character.isprintable() else "?" for character in text)


def text(value: Any) -> str:
    """A text of a JSON answer. Raises TypeError for another value."""
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def number(value: Any) -> int:
    """A whole number of a JSON answer, which may be written as a text. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, str)) or len(str(value)) > 20:
        raise ValueError(value)
    return int(value)


def check_run(answer: Mapping[str, Any], key: str, run_id: str, where: str) -> None:
    """Check that an answer is about a run; ``key`` is ``run``, or ``run_info`` for its info."""
    info = answer.get(key)
    if key == "run":
        info = info.get("info") if isinstance(info, dict) else None
    if not isinstance(info, dict) or info.get("run_id") != run_id:
        raise foreign(where, f"it is not about the run {run_id}")


def holds(
    answer: Mapping[str, Any], run_id: str, batch: Mapping[str, Any], where: str
) -> dict[str, set[tuple[int, int]]]:
    """Check that a run, as ``runs/get`` answers, has what a batch says; raises if it has not.

    A run tells only the last point of each metric. Where a metric has a later point, its points of
    the batch (milliseconds, step) are returned, and the caller looks for them.
    """
    try:
        run = answer["run"]
        data = run.get("data", {})
        if run["info"]["run_id"] != run_id:
            raise KeyError(run_id)
        tags, params = (
            {entry["key"]: entry.get("value", "") for entry in data.get(kind, ())}
            for kind in ("tags", "params")
        )
        last = {entry["key"]: _point(entry)[::-1] for entry in data.get("metrics", ())}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise foreign(where, "it is not a run") from None
    points: dict[str, set[tuple[int, int]]] = {}
    for entry in batch.get("metrics", ()):
        points.setdefault(entry["key"], set()).add(_point(entry))
    # MLflow's last point is the one of the greatest step, and then of the latest time.
    newest = {key: max(point[::-1] for point in mine) for key, mine in points.items()}
    is_complete = (
        all(tags.get(entry["key"]) == entry.get("value", "") for entry in batch.get("tags", ()))
        and all(
            params.get(entry["key"]) == entry.get("value", "") for entry in batch.get("params", ())
        )
        and not any(entry["key"] in tags for entry in batch.get("removed", ()))
        and all(last.get(key, ()) >= point for key, point in newest.items())
    )
    if not is_complete:
        raise foreign(where, "what was sent is not there")
    return {key: mine for key, mine in points.items() if last[key] != newest[key]}


def _point(metric: Mapping[str, Any]) -> tuple[int, int]:
    return int(metric["timestamp"]), int(metric.get("step", 0))


STATES: dict[str, Callable[[Experiment | RunInfo, Mapping[str, Any]], bool]] = {
    "experiments/set-experiment-tag": lambda state, sent: _tag(state, sent) == sent["value"],
    "experiments/delete-experiment-tag": lambda state, sent: _tag(state, sent) is None,
    "experiments/update": lambda state, sent: getattr(state, "name", None) == sent["new_name"],
    "experiments/delete": lambda state, sent: state.lifecycle_stage == "deleted",
    "experiments/restore": lambda state, sent: state.lifecycle_stage == "active",
    "runs/delete": lambda state, sent: state.lifecycle_stage == "deleted",
    "runs/restore": lambda state, sent: state.lifecycle_stage == "active",
}
"""Writes that MLflow answers with ``{}``, by path: whether what was read after one shows it done,
from the experiment or the run's info, and what was sent, with the key as amlflow has it."""


def _tag(state: Experiment | RunInfo, sent: Mapping[str, Any]) -> str | None:
    """The tag of an experiment that was written."""
    return state.tags.get(sent["key"]) if isinstance(state, Experiment) else None


# --- Signs --------------------------------------------------------------------------------------

_HEADERS = ("server", "via", "x-content-type-options", "x-frame-options")
"""Headers that are the same in all answers of one server."""
_SOFTWARE = ("uvicorn", "gunicorn", "waitress", "werkzeug")
"""What MLflow's server runs in, in the header Server."""

Sign = tuple[str, ...]


class Verdict(enum.Enum):
    """Whose an answer without a shape is."""

    MLFLOW = "MLflow's"
    FOREIGN = "somebody else's"
    UNKNOWN = "cannot be told"


class Signs:
    """The headers by which one server's answers are known.

    They are learned from answers that only MLflow gives: a version number for ``/version``, the run
    that was asked for. They tell something where MLflow itself sends one of them: ``Server`` names
    what it runs in, or from 3.5 on its security headers. A proxy that puts its own name into
    ``Server`` and removes the others leaves none.
    """

    def __init__(self, ask: Callable[[], Mapping[str, str] | None]) -> None:
        """``ask`` calls ``/version``: the headers of MLflow's answer, or None if it is not."""
        self._ask = ask
        self._signs: set[Sign] = set()

    def learn(self, headers: Mapping[str, str]) -> None:
        """These are headers of an answer that is MLflow's."""
        self._signs.add(_sign(headers))

    def judge(self, headers: Mapping[str, str]) -> Verdict:
        """Whose the answer with these headers is."""
        sign = _sign(headers)
        if sign not in self._signs:  # another version of the server may run there now
            mlflow_headers = self._ask()
            if mlflow_headers is not None:
                self.learn(mlflow_headers)
        if sign in self._signs:
            return Verdict.MLFLOW if _is_own(sign) else Verdict.UNKNOWN
        return Verdict.FOREIGN if any(map(_is_own, self._signs)) else Verdict.UNKNOWN


def _sign(headers: Mapping[str, str]) -> Sign:
    return tuple(str(headers.get(name) or "") for name in _HEADERS)


def _is_own(sign: Sign) -> bool:
    """Whether something in it comes from MLflow's own server."""
    server, _, *security = sign
    return any(security) or any(name in server.lower() for name in _SOFTWARE)
