"""Turns failures of MLflow, HTTP, databases and files into the contract's errors.

Use :func:`translate_errors`::

    with translate_errors(uri, RunNotFound(run_id)):
        store.get_run(run_id)

It looks at the exception's class (:data:`_OF_TYPE`), then at MLflow's error code
(:data:`_OF_CODE`). It looks at the message (:data:`_OF_MESSAGE`) only if MLflow has no better code.
Each message for users is written once, in the functions that the tables name.

The text of a server or store is input: :mod:`amlflow_mlflow.server_texts` cleans it.
Nothing here imports MLflow, requests or sqlalchemy: their classes are known by name.
"""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.spec import Refused, RunNotFound, TooLarge, Unavailable, redacted
from amlflow.store_errors import ARTIFACT_STORE, error_of_store

from amlflow_mlflow.server_texts import cause, clean, retry_after_s

BUSY_TIMEOUT_S = 15
"""How long to wait for a database that another program has locked."""
BUSY_OPENING_S = 60
"""How long to wait when the database is opened, for example when many jobs start together."""

_LATER = frozenset({408, 421, 423, 425, 429})
"""Statuses below 500 after which the same call may work."""
_NO_ROOM = 507


# --- Translation --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that failed.

    ``uri`` is the tracking URI. ``missing`` is the error to raise if MLflow finds nothing. For a
    call to an artifact store, ``files`` names the files.
    """

    error: BaseException
    uri: str
    missing: AzureMLException | None = None
    files: str | None = None
    doing: str = "used"

    @property
    def where(self) -> str:
        """The tracking URI without credentials."""
        return redacted(self.uri)

    @property
    def who(self) -> str:
        """The service that failed, as the subject of a sentence."""
        if self.files is not None:
            return ARTIFACT_STORE
        return f"MLflow at {self.where}"

    @property
    def reason(self) -> str:
        """MLflow's own message, in one line."""
        message = str(getattr(self.error, "message", self.error)).strip()
        return (
            clean(message, self.uri)
            or str(getattr(self.error, "error_code", ""))
            or cause(self.error)
        )


@contextlib.contextmanager
def translate_errors(
    uri: str,
    missing: AzureMLException | None = None,
    *,
    files: str | None = None,
    doing: str = "used",
) -> Iterator[None]:
    """Raise the contract's error for a failure. Errors that are not known here do not change.

    ``missing`` is raised if MLflow finds nothing. ``files`` names the files of a call to an
    artifact store. ``doing`` says what could not be done with a database: "opened", "read" or
    "written".
    """
    try:
        yield
    except AzureMLException:
        raise
    except Exception as error:
        translation = error_of(Failure(error, uri, missing, files, doing))
        if translation is None:
            raise
        raise translation from error


def error_of(failure: Failure) -> AzureMLException | None:
    """Return the contract's error for a failure. None if the failure is not known here."""
    for kind in type(failure.error).__mro__:
        translate = _OF_TYPE.get(f"{kind.__module__}.{kind.__qualname__}")
        if translate is not None:
            return translate(failure)
    if failure.files is not None:
        return _error_of_store(failure.error, failure.files)
    return None


# --- Sentences ----------------------------------------------------------------------------------


def busy(uri: str) -> Unavailable:
    """Make the error for a database that another program has locked."""
    return Unavailable(
        f"The tracking database {redacted(uri)} is busy: another program holds its lock. "
        "Try again when that has ended; a database server serves many writers better."
    )


def opening_error(uri: str, error: BaseException) -> Unavailable:
    """Make the error for a database that cannot be opened, or that another program has locked."""
    if says(error, BUSY):
        return busy(uri)
    return Unavailable(
        f"The tracking database {redacted(uri)} does not open ({cause(error)}). Check that it is "
        "there, that it is one of MLflow's and that you may use it, or correct "
        "MLFLOW_TRACKING_URI."
    )


def silence_error(who: str, error: BaseException) -> Unavailable:
    """Make the error for a server that does not answer. ``who`` is the subject of a sentence."""
    return Unavailable(f"{who} does not answer ({cause(error)}).")


def _credentials_error(who: str, because: str) -> AuthenticationException:
    return AuthenticationException(
        f"{who} refuses{because} Check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD or "
        "MLFLOW_TRACKING_TOKEN."
    )


def _not_now(who: str, because: str, retry_after: float | None = None) -> Unavailable:
    return Unavailable(f"{who} could not do this now{because}", retry_after=retry_after)


def _refusal(who: str, because: str) -> Refused:
    return Refused(f"{who} refuses this{because}")


class Deleted(RunNotFound):
    """The error for a change of a run that is deleted, or whose experiment is archived."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.message = inactive(f"Run {run_id} is deleted, or its experiment is archived.")


def inactive(what: str) -> str:
    """Write the message about a change of something deleted. ``what`` is a sentence, too."""
    return (
        f"MLflow does not change what is archived or deleted. {what} Reactivate the experiment, "
        "or restore the run in MLflow, first."
    )


# --- MLflow's error codes and messages ----------------------------------------------------------

_Translate = Callable[[Failure], AzureMLException | None]


def _mlflow_refused(failure: Failure) -> AzureMLException:
    return _refusal("MLflow", f": {failure.reason}")


def _mlflow_missing(failure: Failure) -> AzureMLException:
    return failure.missing or _mlflow_refused(failure)


def _mlflow_unauthorized(failure: Failure) -> AzureMLException:
    return _credentials_error(f"MLflow at {failure.where}", f": {failure.reason}")


def _mlflow_not_now(failure: Failure) -> AzureMLException:
    return _not_now(f"MLflow at {failure.where}", f": {failure.reason}")


def _mlflow_inactive(failure: Failure) -> AzureMLException:
    if isinstance(failure.missing, RunNotFound):
        return Deleted(failure.missing.run_id)
    return Refused(inactive(failure.reason))


def _busy_database(failure: Failure) -> AzureMLException:
    return busy(failure.uri)


_OF_CODE: dict[str, _Translate] = {
    "RESOURCE_DOES_NOT_EXIST": _mlflow_missing,
    "NOT_FOUND": _mlflow_missing,
    "UNAUTHENTICATED": _mlflow_unauthorized,
    "PERMISSION_DENIED": _mlflow_unauthorized,
    "CUSTOMER_UNAUTHORIZED": _mlflow_unauthorized,
}
"""The translation for each error code of MLflow's that is clear."""

BUSY = re.compile("database (table )?is locked|deadlock detected|could not serialize")
"""Messages of SQLite and PostgreSQL about another program's lock, also through MLflow."""
OUT_OF_CONNECTIONS = re.compile(
    "QueuePool limit|connection (is |already )*closed|closed the connection unexpectedly"
    "|terminating connection|invalid transaction is rolled back"
)
"""Messages of SQLAlchemy and PostgreSQL about a server's own connections to its database. MLflow
gives them the code of a wrong request. In one request, some versions use several connections, so
that many requests at once wait for each other's."""
NOT_UTF8 = re.compile("Could not decode to UTF-8")
"""Python's message about a text in SQLite that is not in UTF-8."""
SAME_POINT = re.compile("failed: (latest_)?metrics|metrics?_pk")
"""A message if two processes send the same point at once. MLflow accepts the point next time."""
NO_TAG = re.compile("No tag with name")
"""A message if the tag to delete does not exist. MLflow's code is the same for a missing run."""

_OF_MESSAGE: tuple[tuple[re.Pattern[str], _Translate], ...] = (
    (re.compile("must be in the 'active' state"), _mlflow_inactive),
    (BUSY, _busy_database),
    (OUT_OF_CONNECTIONS, _mlflow_not_now),
    (re.compile("^API request .* failed"), _mlflow_not_now),
)
"""The translation for parts of MLflow's messages. Used if the code is not in :data:`_OF_CODE`."""

_OF_VAGUE_CODE: dict[str, _Translate] = {
    "TEMPORARILY_UNAVAILABLE": _mlflow_not_now,
    "REQUEST_LIMIT_EXCEEDED": _mlflow_not_now,
    "INTERNAL_ERROR": _mlflow_not_now,
}
"""The translation for codes that MLflow uses for many failures. Used if no message fits."""


def _mlflow(failure: Failure) -> AzureMLException | None:
    code = str(getattr(failure.error, "error_code", ""))
    message = str(getattr(failure.error, "message", ""))
    translate = (
        _OF_CODE.get(code)
        or next((function for pattern, function in _OF_MESSAGE if pattern.search(message)), None)
        or _OF_VAGUE_CODE.get(code)
        or _mlflow_refused
    )
    return translate(failure)


def says(error: BaseException, words: re.Pattern[str]) -> bool:
    """Whether the message of an error, or of one of its causes, has these words."""
    reason: BaseException | None = error
    while reason is not None:
        if words.search(str(getattr(reason, "message", reason))):
            return True
        reason = reason.__cause__
    return False


# --- Databases, connections, files --------------------------------------------------------------


def _database(failure: Failure) -> AzureMLException:
    if failure.doing == "opened":
        return opening_error(failure.uri, failure.error)
    if says(failure.error, BUSY):
        return busy(failure.uri)
    return Unavailable(
        f"The tracking database {failure.where} cannot be {failure.doing} now: "
        f"{cause(failure.error)}."
    )


def _database_refused(failure: Failure) -> AzureMLException:
    return _refusal(f"The tracking database {failure.where}", f": {cause(failure.error)}.")


def _connection(failure: Failure) -> AzureMLException:
    who = ARTIFACT_STORE if failure.files is not None else f"The MLflow server at {failure.where}"
    return silence_error(who, failure.error)


def _requests(failure: Failure) -> AzureMLException:
    # MLflow's calls to its own server raise MLflow's error. So this is an artifact store's error.
    what = failure.files or "this"
    return _error_of_store(failure.error, what) or silence_error(ARTIFACT_STORE, failure.error)


_LOCAL = frozenset(
    getattr(errno, name)
    for name in (
        "EACCES", "EDQUOT", "EEXIST", "EFBIG", "EISDIR", "ENAMETOOLONG", "ENOENT", "ENOSPC",
        "ENOTDIR", "ENOTEMPTY", "EPERM", "EROFS",
    )
    if hasattr(errno, name)
)  # fmt: skip
"""The error numbers that come from a file system, and never from a connection."""


def _os_error(failure: Failure) -> AzureMLException:
    error = failure.error
    if not isinstance(error, OSError) or error.errno not in _LOCAL:
        return _connection(failure)
    what = failure.files or "this"
    return Refused(f"{failure.who} could not take or give {what}: {error.strerror or error}.")


_OF_TYPE: dict[str, _Translate] = {
    "mlflow.exceptions.MlflowException": _mlflow,
    f"{__name__}.MlflowError": _mlflow,
    "sqlalchemy.exc.IntegrityError": _database_refused,
    "sqlalchemy.exc.SQLAlchemyError": _database,
    "sqlite3.IntegrityError": _database_refused,
    "sqlite3.Error": _database,
    "requests.exceptions.RequestException": _requests,
    "http.client.HTTPException": _connection,
    "urllib3.exceptions.HTTPError": _connection,
    "builtins.OSError": _os_error,
}
"""The translation for each class, by full name. A class without one uses its nearest ancestor's."""


# --- HTTP statuses ------------------------------------------------------------------------------


class MlflowError(Exception):
    """An error of MLflow's server, for processes that do not import MLflow's own exception."""

    def __init__(self, error_code: str, message: str) -> None:
        super().__init__(message)
        self.error_code, self.message = error_code, message


def error_of_answer(
    status: int, reason: tuple[str, str] | None, uri: str, retry_after: str | None
) -> Exception:
    """Return (not raise) the error for an answer that is not a success.

    ``reason`` is MLflow's error code and message, if the answer has them. They say more than the
    status, so the error is a :class:`MlflowError`, for :func:`translate_errors`. Without a
    ``reason``, or if the same call may work later or with less data, it is the contract's error.
    """
    passes = status in _LATER or (status >= 500 and status != 501) or status == 413
    if reason is not None and not passes:
        return MlflowError(*reason)
    if reason is None:
        return error_of_status(status, "", f"What answers at {redacted(uri)}", retry_after)
    return error_of_status(status, clean(reason[1], uri), f"MLflow at {redacted(uri)}", retry_after)


def error_of_status(
    status: int, reason: str, who: str, retry_after: str | None = None
) -> AzureMLException:
    """Return (not raise) the contract's error for an HTTP status that is not a success.

    ``reason`` is the message in the body, cleaned by :func:`clean`, or empty. ``who`` names the
    service, as the subject of a sentence.
    """
    because = f" (HTTP {status}{f': {reason}' if reason else ''})."
    if status in (401, 403, 407):
        return _credentials_error(who, because)
    if status == 413:
        return TooLarge(f"{who} does not take this much at once{because}")
    if status == _NO_ROOM:
        return Refused(f"{who} has no room for this{because}")
    if status in _LATER or status >= 500:
        return _not_now(who, because, retry_after_s(retry_after))
    if status == 404:
        return Unavailable(f"{who} is not an MLflow server now{because}")
    if 400 <= status < 500:
        return _refusal(who, because)
    return Unavailable(f"{who} does not answer as MLflow does{because}")


def _error_of_store(error: BaseException, what: str) -> AzureMLException | None:
    """Return the contract's error for one of a store's own client. ``what`` names the files."""
    return error_of_store(error, ARTIFACT_STORE, what, lambda reason: clean(str(reason)))
