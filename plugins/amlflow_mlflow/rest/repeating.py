"""When a call to a server is made again, and how long it waits before that."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
)

from amlflow_mlflow.rest import settings
from amlflow_mlflow.server_texts import retry_after_s

CREATE_S = 120.0
"""How long to repeat a call that may have an effect only once, while the server is not reached."""
MAX_PAUSE_S = 120.0
"""The longest pause between two tries. If a server asks for more, it is asked again after it."""
BUSY = (429, 503)
"""The statuses of a server that has done nothing now, and may do it later."""
REPEATED = frozenset({408, 429, 500, 502, 503, 504})
"""The statuses after which MLflow's client repeats a call."""


class _Pauses(urllib3.Retry):
    """Pauses as MLflow's client makes them, but none longer than ``MAX_PAUSE_S``."""

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        return _asked_pause_s(response)


def read_pauses() -> urllib3.Retry:
    """Return how to repeat a call that has the same effect if it is made twice."""
    how = settings.retries()
    return _Pauses(
        how.count,
        redirect=False,
        status_forcelist=REPEATED,
        allowed_methods=None,
        backoff_factor=how.factor,
        backoff_jitter=how.jitter,
        raise_on_status=False,
        respect_retry_after_header=settings.respects_retry_after(),
    )


def until_reached(
    send: Callable[[], urllib3.BaseHTTPResponse],
) -> urllib3.BaseHTTPResponse:
    """Make a call. Repeat it only if the server was not reached, or says that it did nothing."""
    return _repeat(send, CREATE_S, _is_unreached)


def while_busy(
    send: Callable[[], urllib3.BaseHTTPResponse], seconds: float
) -> urllib3.BaseHTTPResponse:
    """Make a call. Repeat it for some seconds while the server says that it is busy."""
    return _repeat(send, seconds, lambda error: False)


def _repeat(
    send: Callable[[], urllib3.BaseHTTPResponse],
    seconds: float,
    is_passing: Callable[[BaseException], bool],
) -> urllib3.BaseHTTPResponse:
    deadline, pause = time.monotonic() + seconds, 0.5
    while True:
        asked = None
        try:
            response = send()
        except HTTPError as error:
            if not is_passing(error) or time.monotonic() >= deadline:
                raise
        else:
            if response.status not in BUSY or time.monotonic() >= deadline:
                return response
            response.drain_conn()
            if settings.respects_retry_after():
                asked = _asked_pause_s(response)
        wait = asked or random.uniform(0, pause)  # noqa: S311  (no secret)
        time.sleep(max(0.0, min(wait, deadline - time.monotonic())))
        pause = min(10.0, 2 * pause)


def is_dropped(error: BaseException) -> bool:
    """Whether the connection was closed, so that a new one may work."""
    return isinstance(error, ProtocolError)


def _asked_pause_s(response: urllib3.BaseHTTPResponse) -> float | None:
    """Return the pause that an answer asks for, in seconds. None if it asks for none."""
    asked = retry_after_s(response.headers.get("Retry-After"))
    return None if asked is None else min(asked, MAX_PAUSE_S)


def _is_unreached(error: BaseException) -> bool:
    """Whether the call did not leave this machine."""
    reason = error.reason if isinstance(error, MaxRetryError) else error
    return isinstance(reason, (NewConnectionError, ConnectTimeoutError))
