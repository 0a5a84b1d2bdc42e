"""The time limit of a query, so that one user's query does not hold up a server for the others."""

from __future__ import annotations

import time
from collections.abc import Callable

from amlflow.exceptions import UserErrorException
from amlflow.spec import RunRecord

LIMIT_S = 20.0
"""Seconds after which a query that reads all runs is given up."""


class TookTooLong(UserErrorException):
    """A query was given up."""

    status_code = 400


class Busy(UserErrorException):
    """The server answers as many questions already as it may at once."""

    status_code = 429


class Superseded(UserErrorException):
    """The page that put a question has put another one in its place."""

    status_code = 409


class ProcessEnded(UserErrorException):
    """A query's process has ended without an answer."""

    status_code = 500


def limit_time(
    keep: Callable[[RunRecord], bool], seconds: float = LIMIT_S
) -> Callable[[RunRecord], bool]:
    """``keep``, which raises :class:`TookTooLong` once the time is over."""
    end, looked_at = time.monotonic() + seconds, 0

    def keep_in_time(record: RunRecord) -> bool:
        nonlocal looked_at
        looked_at += 1
        if time.monotonic() > end:
            raise TookTooLong(
                f"The query was given up after {seconds:g} seconds, in which it looked at "
                f"{looked_at:,} runs. Choose fewer runs first, by experiment, status or time; what "
                "the tracker can search by takes no time."
            )
        return keep(record)

    return keep_in_time
