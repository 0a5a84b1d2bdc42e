"""Finds out whether an answer comes from MLflow.

A proxy, a login page or a captive portal may answer 200 to a call that never reached MLflow. If
amlflow trusted such an answer, what was sent would be lost. So it only trusts an answer that has

* the status 200, the content type ``application/json`` and a JSON object, for the calls of MLflow's
  REST API; for a download, the ``Content-Disposition: attachment`` that MLflow sends with files;
* the shape of that call: for ``runs/get``, ``runs/create`` and ``runs/update`` a run, and exactly
  the run of the call. A proxy cannot invent that.

``{}`` has no shape. It is MLflow's answer to many writes, and to a search that finds nothing.
(After an upload, newer servers even send an empty body.) Such an answer is trusted if it has the
server's :class:`Signs`. If a server has no signs of its own, another call is needed: a write is
trusted after a read shows its effect, and an empty list after ``/version`` has returned a version.

All other answers count as an outage: :class:`amlflow.spec.Unavailable`. The caller tries again.
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
"""The largest answer. MLflow sends a metric's whole history in one, about 150 bytes a point."""
MAX_REDIRECTS = 5

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPS_METHOD = frozenset({307, 308})
_VERSION = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}[\w.+-]{0,40}")


def foreign(where: str, why: str) -> Unavailable:
    """Make the error for an answer that is not MLflow's."""
    return Unavailable(
        f"What answers at {where} does not answer as MLflow does ({why}). A proxy or a login page "
        "may be in between; nothing of this call counts as done."
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def parse_object(status: int, content_type: str | None, body: bytes, where: str) -> dict[str, Any]:
    """Parse the JSON object of a successful answer. Raises :class:`Unavailable` for others."""
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
    """Parse MLflow's error code and message. None if the body is not an error of MLflow's."""
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
    """Whether an answer is one that MLflow gives to ``GET /version``."""
    return (
        status == 200
        and len(body) < 100
        and _VERSION.fullmatch(body.decode("latin-1").strip()) is not None
    )


def is_attachment(headers: Mapping[str, str]) -> bool:
    """Whether an answer has the header with which MLflow sends files."""
    kind = headers.get("Content-Disposition") or ""
    return kind.partition(";")[0].strip().lower() == "attachment"


def origin(url: str) -> tuple[str, str, int | None]:
    """Return the scheme, host and port of a URL. Raises ValueError if the port is not valid."""
    parts = urlsplit(url)
    standard = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or standard


def redirect_target(url: str, method: str, status: int, location: str | None, where: str) -> str:
    """Return the URL to which a redirect of a call leads. It has the same origin.

    Another origin is refused, for reads and for writes: data and credentials are for this server
    only, and another server cannot answer for it. A redirect that turns a write into a GET is also
    refused, since nothing would be written. A refusal is :class:`Unavailable`, as it may pass: for
    example, a login page is gone after the login.
    """
    try:
        target = urljoin(url, location or "")
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
    """Return a text of a JSON answer. Raises TypeError for other values."""
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def number(value: Any) -> int:
    """Return a whole number of a JSON answer, which may be a text there. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, str)) or len(str(value)) > 20:
        raise ValueError(value)
    return int(value)


def check_run(answer: Mapping[str, Any], key: str, run_id: str, where: str) -> None:
    """Check that an answer is about a run. ``key`` is "run", or "run_info" for an info only."""
    info = answer.get(key)
    if key == "run":
        info = info.get("info") if isinstance(info, dict) else None
    if not isinstance(info, dict) or info.get("run_id") != run_id:
        raise foreign(where, f"it is not about the run {run_id}")


def holds(
    answer: Mapping[str, Any], run_id: str, batch: Mapping[str, Any], where: str
) -> dict[str, set[tuple[int, int]]]:
    """Check that the answer of ``runs/get`` has all that a batch has sent.

    The answer only has the last point of each metric. If that point is later than those of the
    batch, the metric's points in the batch are returned, as (milliseconds, step). The caller has to
    look for them. Raises :class:`Unavailable` if something is missing.
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
"""The writes that MLflow answers with ``{}``, by path. Each function tells whether a write is done:
from the experiment or the run's info that was read after it, and from what was sent, where the key
is as amlflow has it."""


def _tag(state: Experiment | RunInfo, sent: Mapping[str, Any]) -> str | None:
    """Return the value that an experiment has for a tag that was sent."""
    return state.tags.get(sent["key"]) if isinstance(state, Experiment) else None


# --- Signs --------------------------------------------------------------------------------------

_HEADERS = ("server", "via", "x-content-type-options", "x-frame-options")
"""Headers that are the same in all answers of one server."""
_SOFTWARE = ("uvicorn", "gunicorn", "waitress", "werkzeug")
"""The programs in which MLflow's server runs, as the header Server names them."""

Sign = tuple[str, ...]


class Verdict(enum.Enum):
    """The sender of an answer without a shape."""

    MLFLOW = "MLflow's"
    FOREIGN = "somebody else's"
    UNKNOWN = "cannot be told"


class Signs:
    """The headers by which the answers of one server are recognized.

    They are learned from answers that only MLflow can give: a version number for ``/version``, or
    the run of the call. They only prove something if MLflow itself has sent one of them. These are
    ``Server``, with the program in which MLflow runs, and the security headers of MLflow 3.5 and
    newer. A proxy may replace ``Server`` and remove the others. Then there are no such headers.
    """

    def __init__(self, ask: Callable[[], Mapping[str, str] | None]) -> None:
        """Keep ``ask``, which calls ``/version``. It returns MLflow's headers; None for others."""
        self._ask = ask
        self._signs: set[Sign] = set()

    def learn(self, headers: Mapping[str, str]) -> None:
        """Learn the headers of an answer that is MLflow's."""
        self._signs.add(_sign(headers))

    def judge(self, headers: Mapping[str, str]) -> Verdict:
        """Decide who has sent an answer with these headers."""
        sign = _sign(headers)
        if sign not in self._signs:  # the server may have been updated
            mlflow_headers = self._ask()
            if mlflow_headers is not None:
                self.learn(mlflow_headers)
        if sign in self._signs:
            return Verdict.MLFLOW if _is_own(sign) else Verdict.UNKNOWN
        return Verdict.FOREIGN if any(map(_is_own, self._signs)) else Verdict.UNKNOWN


def _sign(headers: Mapping[str, str]) -> Sign:
    return tuple(str(headers.get(name) or "") for name in _HEADERS)


def _is_own(sign: Sign) -> bool:
    """Whether one of the headers comes from MLflow's own server."""
    server, _, *security = sign
    return any(security) or any(name in server.lower() for name in _SOFTWARE)
