"""The errors that a tracker raises, each a descendant of one of v1's.

Which error for which failure, and what amlflow's journal does with what it was sending:

==========================================  =======================  ==============================
what has happened                           raise                    the journal
==========================================  =======================  ==============================
no answer, a lost answer, a timeout, HTTP   Unavailable              keeps it and everything after
408, 429 and 5xx, another program's lock,                            it, and sends it again
an answer that is not the tracker's
the store does not open, has no room for    Unavailable              as above: nothing is lost
more runs or points, or is corrupt
credentials are missing or wrong, or the    AuthenticationException  keeps what belongs to the run,
caller may not do this (HTTP 401, 403)      (amlflow.exceptions)     sends the rest, tries again
a text, a number or a name that the         Refused                  puts it aside, sends the rest;
tracker can never store; a local file that                           ``complete()`` raises it
may not be read or has no room
more at once than it takes (HTTP 413)       TooLarge                 sends less at once
the run does not exist                      RunNotFound              puts it aside, sends the rest
anything else: a bug of the plugin          any other exception      as Refused, with the traceback
                                                                     on the log
==========================================  =======================  ==============================

``Unavailable`` holds up everything that is logged after it, and ``Refused`` is final. If a failure
may pass without the caller changing anything, it is ``Unavailable``.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from urllib.parse import urlsplit, urlunsplit

from amlflow.exceptions import (
    ModelNotFoundException,
    ServiceException,
    UserErrorException,
    WebserviceException,
)


class ExperimentNotFound(ServiceException):
    """No experiment has this id."""

    status_code = 404

    def __init__(self, experiment_id: str, where: str = "the tracker") -> None:
        super().__init__(f"Experiment {experiment_id!r} does not exist in {where}.")
        self.experiment_id = experiment_id


class RunNotFound(ServiceException):
    """No run has this id."""

    status_code = 404

    def __init__(self, run_id: str, where: str = "the tracker") -> None:
        super().__init__(f"Run {run_id!r} does not exist in {where}.")
        self.run_id = run_id


class FileNotInRun(UserErrorException):
    """The run has no file of this name."""

    def __init__(self, run_id: str, name: str) -> None:
        super().__init__(
            f"Run {run_id} has no file {name!r}; run.get_file_names() lists those it has."
        )
        self.run_id, self.name = run_id, name


class FileInRun(UserErrorException):
    """The run already has a file of this name."""

    def __init__(self, run_id: str, name: str) -> None:
        super().__init__(
            f"Run {run_id} has a file {name!r} already, and files are not overwritten; "
            "choose another name."
        )
        self.run_id, self.name = run_id, name


class ModelNotFound(WebserviceException, ModelNotFoundException):
    """No version of a model is as described."""

    # v1 raises the one or the other, depending on the call, and code looks for this word.
    def __init__(self, description: str) -> None:
        super().__init__(
            f"ModelNotFound: Model with {description} not found in provided workspace. "
            "Model.list(workspace) lists those that are there.",
            status_code=404,
        )
        self.description = description


class FileNotInModel(UserErrorException):
    """The version of a model has no file of this name."""

    def __init__(self, model: str, version: int, name: str) -> None:
        super().__init__(
            f"Version {version} of the model {model!r} has no file {name!r}; it may have been "
            "removed from the tracker's files."
        )
        self.model, self.version, self.name = model, version, name


class PropertyConflict(UserErrorException):
    """The property already has another value. Nothing of the refused change was applied."""

    def __init__(self, key: str, kept: str, refused: str) -> None:
        super().__init__(
            f"Property {key!r} is {kept!r} and cannot become {refused!r}: properties are "
            "immutable. Nothing of this call was applied; use a tag for a value that changes."
        )
        self.key, self.kept, self.refused = key, kept, refused


class Unsupported(UserErrorException):
    """The tracker does not have this feature, and amlflow cannot add it."""


class Refused(UserErrorException):
    """The tracker does not accept this value; sending it again does not help."""


class TooLarge(Refused):
    """One call has more data than the tracker accepts (HTTP 413); a call with less may succeed.

    A single point or file that is too large is refused permanently.
    """


class Unavailable(ServiceException):
    """The tracker did not answer or is busy; the same call may succeed later.

    ``retry_after`` is the number of seconds that the tracker asks to wait, or None.
    """

    status_code = 503

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


_once: ContextVar[bool] = ContextVar("amlflow_once", default=False)


@contextlib.contextmanager
def tried_once() -> Iterator[None]:
    """Inside it, this thread's calls raise :class:`Unavailable` at the first failure.

    The caller tries again by itself. A plugin whose client tries again by itself must not let it do
    so while :func:`is_tried_once` is true.
    """
    token = _once.set(True)
    try:
        yield
    finally:
        _once.reset(token)


def is_tried_once() -> bool:
    """Whether this call is made inside :func:`tried_once`."""
    return _once.get()


# The password has "/", "?" or "#". SQLAlchemy takes it, but urlsplit ends the host there.
_LOGIN = re.compile(r"^(\w[\w+.\-]*://)[^/:@\[]*:[^@]*@")
# SQLAlchemy passes these parameters to the database's client, as it does the login before the host.
_LOGIN_PARAMETERS = frozenset({"user", "password", "passwd", "sslpassword"})
_ODBC_LOGIN = re.compile(r"((?:UID|PWD)(?:=|%3D))(?:(?!%3B)[^;&])*", re.IGNORECASE)


def redacted(uri: str) -> str:
    """The URI without user name and password, for messages and logs."""
    address, _, query = _without_login(uri).partition("?")
    kept = "&".join(
        parameter
        for parameter in _ODBC_LOGIN.sub(r"\1", query).split("&")
        if parameter.partition("=")[0].lower() not in _LOGIN_PARAMETERS
    )
    return f"{address}?{kept}" if kept else address


def _without_login(uri: str) -> str:
    try:
        parts = urlsplit(uri)
    except ValueError:  # such as "http://[host"
        return re.sub("//.*@", "//", uri)
    if "@" in parts.netloc:
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    if parts.scheme in ("http", "https") and re.search(r":\d*$", parts.netloc):
        return uri  # a port, not a password
    return _LOGIN.sub(r"\1", uri)
