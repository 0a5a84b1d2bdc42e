"""The time limit of a query, so that one user's query does not hold up a server for the others."""

from __future__ import annotations

import time
from collections.abc import Callable

from amlflow.exceptions import UserErrorException
from amlflow.spec import RunRecord

LIMIT_S = 20.0
"""Seconds after which a query is given up."""


class TookTooLong(UserErrorException):
    """An error: a query took too long and was given up."""

    status_code = 400


class Busy(UserErrorException):
    """An error: the server already answers as many questions as it may at once."""

    status_code = 429


class Superseded(UserErrorException):
    """An error: the same page has asked another question, which replaces this one."""

    status_code = 409


class ProcessEnded(UserErrorException):
    """An error: a query's process has ended without an answer."""

    status_code = 500


def limit_time(
    keep: Callable[[RunRecord], bool], seconds: float = LIMIT_S
) -> Callable[[RunRecord], bool]:
    """Return a function like ``keep`` that raises :class:`TookTooLong` after some seconds.

    The time begins now.
    """
    end, looked_at = time.monotonic() + seconds, 0

    def keep_in_time(record: RunRecord) -> bool:
        nonlocal looked_at
        looked_at += 1
        if time.monotonic() > end:
            raise TookTooLong(
                f"The query was given up after {seconds:g} seconds, in which it looked at "
                f"{looked_at:,} runs. Choose fewer runs first, by experiment, status or time; "
                "conditions that the tracker itself can search by are quick."
            )
        return keep(record)

    return keep_in_time
