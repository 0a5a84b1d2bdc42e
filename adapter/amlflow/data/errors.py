"""The errors of data, in v1's classes. A message says what failed, and has no credential."""

from __future__ import annotations

import concurrent.futures
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from amlflow.exceptions import AzureMLException, UserErrorException
from amlflow.parts import install_command

MAX_TEXT = 4000
"""How many characters of a storage's error are looked at."""
MAX_REASON = 300
"""The number of characters of a storage's own message that an error repeats."""
EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "abfs": "azure",
    "abfss": "azure",
    "az": "azure",
    "adl": "azure",
    "gs": "gcs",
    "gcs": "gcs",
    "http": "data",
    "https": "data",
}
"""For each scheme of addresses, the extra of amlflow that installs the package for reading it."""
VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
    "azure": "AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_CONNECTION_STRING",
    "gcs": "GOOGLE_APPLICATION_CREDENTIALS",
}
"""For each extra, the environment variables in which its client looks for credentials first."""
_BACKENDS = frozenset(
    {"adlfs", "aiobotocore", "aiohttp", "azure", "botocore", "fsspec", "gcsfs", "google", "s3fs"}
)
"""Packages whose errors are not subclasses of Python's own errors, such as OSError."""
_REFUSED = (401, 403)
"""The HTTP statuses of a refusal. Azure's errors have them."""
_NO_CREDENTIALS = frozenset(
    {
        "AzureSigningError",
        "ClientAuthenticationError",
        "DefaultCredentialsError",
        "NoCredentialsError",
        "RefreshError",
    }
)
"""Errors of Azure's, Google's and Amazon's packages about credentials. Their texts list everything
that was tried, and may contain keys, so they are not shown."""


class DatasetValidationError(UserErrorException):
    """The data of a data set cannot be read, or does not have the form that the data set says."""


class DatasetExecutionError(UserErrorException):
    """Data could not be read when it was needed."""


class NoSuchFile(DatasetExecutionError):
    """A file or folder of a data set does not exist."""


class TooSlow(TimeoutError):
    """A web server sends next to nothing. The text says what it has sent."""


_BROKEN = {
    **dict.fromkeys(
        ("ClientPayloadError", "ServerDisconnectedError"),
        "the server ended the connection before it had sent all. Try again.",
    ),
    **dict.fromkeys(
        ("InvalidUrlRedirectClientError", "NonHttpUrlRedirectClientError"),
        "the server redirects to what is not a web address. Check the address.",
    ),
    "TooManyRedirects": "the server redirects again and again. Check the address.",
}
"""What aiohttp's errors mean that come after the server's first answer."""
_NO_SUCH_FILE = "it does not exist. Check the path."


@contextmanager
def explain_errors(what: str, address: str, storage: str | None = None) -> Iterator[None]:
    """Turn errors of fsspec and its backends into one sentence.

    ``what`` names the action in the message, such as ``Reading``. ``address`` is shown without
    credentials. ``storage`` is the address of its storage, if ``address`` begins with the name of a
    datastore.

    Raises:
        NoSuchFile: the storage does not have the file.
        DatasetExecutionError: the storage refuses or does not answer.
    """
    try:
        yield
    except AzureMLException:
        raise
    except Exception as error:
        reason = _explain(error, storage or address)
        if reason is None:
            raise
        kind = NoSuchFile if reason == _NO_SUCH_FILE else DatasetExecutionError
        raise kind(f"{what} {without_secrets(address)!r} failed: {reason}") from None


def _explain(error: Exception, address: str) -> str | None:
    """Return the reason in one sentence; None for an error that does not come from a storage."""
    slow: BaseException | None = error
    while slow is not None and not isinstance(slow, TooSlow):
        slow = slow.__cause__  # aiohttp and fsspec each raise another error from it
    if slow is not None:
        return f"the server is too slow: {slow}. Try again later."
    if isinstance(error, FileNotFoundError) and error.__cause__ is not None:
        # fsspec's client for web servers raises this error for every kind of failure.
        cause = _explain_web(error.__cause__)
        if cause is not None:
            return cause
    if type(error).__module__.startswith("aiohttp"):
        cause = _explain_web(error)
        if cause is not None:
            return cause
    if isinstance(error, FileNotFoundError):
        return _NO_SUCH_FILE
    if isinstance(error, IsADirectoryError):
        return "it is a folder, and a file is asked for."
    if isinstance(error, NotADirectoryError):
        return "a part of the path is a file, and a folder is asked for."
    if isinstance(error, FileExistsError):
        return "there is something else of that name."
    is_refused = (
        isinstance(error, PermissionError) or getattr(error, "status_code", None) in _REFUSED
    )
    if is_refused or type(error).__name__ in _NO_CREDENTIALS:
        what = "access was refused" if is_refused else "the credentials are missing or wrong"
        return (
            f"{what}. Check the credentials that the storage's own client reads, such as its "
            f"environment variables{_variables(address)}."
        )
    if isinstance(error, (TimeoutError, concurrent.futures.TimeoutError)):  # the same from 3.11 on
        return "it did not answer in time. Check the address, the network and the credentials."
    if isinstance(error, ImportError):
        scheme = urlsplit(address).scheme
        extra = EXTRAS.get(scheme)
        hint = install_command(extra) if extra else "install the package that reads it"
        return f"addresses with {scheme}: need another package; {hint}."
    if isinstance(error, OSError) or type(error).__module__.split(".")[0] in _BACKENDS:
        status = getattr(error, "status", None)
        text = f"HTTP status {status}" if isinstance(status, int) else str(error)
        first = without_secrets(text.strip().splitlines()[0] if text.strip() else "")
        return f"{first[:MAX_REASON] or 'the storage gave no reason'} ({type(error).__name__})."
    return None


def _variables(address: str) -> str:
    names = VARIABLES.get(EXTRAS.get(urlsplit(address).scheme, ""))
    return f" ({names})" if names else ""


def _explain_web(cause: BaseException) -> str | None:
    """Return why a web server did not return a file; None if it does not have the file."""
    if type(cause).__name__ in _BROKEN:
        return _BROKEN[type(cause).__name__]
    status = getattr(cause, "status", None)
    if isinstance(status, int):
        return None if status == 404 else f"the server answered with HTTP status {status}."
    if isinstance(cause, TimeoutError):
        return "it did not answer in time. Check the address and the network."
    if type(cause).__module__.startswith("aiohttp"):
        return f"no server answers there ({type(cause).__name__}). Check the address."
    return None


def without_secrets(text: str) -> str:
    """Return a text without the users, passwords and queries of addresses, which may have keys.

    In Azure's ``abfs://container@account``, the container is kept.
    """
    text = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
    text = re.sub(r"((?:abfss?|az|wasbs?)://[^/@:\s'\"]+@)|(\w{1,20}://)[^/@\s'\"]+@", _keep, text)
    return re.sub(r"(\w{1,20}://[^\s'\"?]*)\?[^\s'\"]*", r"\1", text)


def _keep(match: re.Match[str]) -> str:
    return match[1] or match[2]
