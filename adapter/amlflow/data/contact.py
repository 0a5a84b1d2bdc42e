"""The first contact with a storage, which must answer within seconds.

If credentials are missing, or no server answers, the clients of clouds try again for minutes: adlfs
for 250 s, gcsfs for longer. Here, a script gets the error within seconds. Later calls wait as long
as the client does, because a storage that has answered once will probably answer again.
"""

from __future__ import annotations

import concurrent.futures
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

ANSWER_S = 20.0
"""How long a storage may take for its first answer. This includes the search for credentials."""
_AZURE_SCOPE = "https://storage.azure.com/.default"
_AZURE = {"max_concurrency": 8}
"""The number of blocks of 4 MB that are in memory at once. The default of adlfs is 128."""
_OPTIONS = {"abfs": _AZURE, "abfss": _AZURE, "az": _AZURE}
"""Options of fsspec's file systems, by scheme."""
_answered: set[str] = set()
"""The storages of this process that have answered, by scheme and host."""


class UnknownScheme(ValueError):
    """fsspec has no file system of this scheme."""


def open_url(address: str) -> tuple[AbstractFileSystem, str]:
    """Open an address: return its file system, and the path in the file system.

    The storage of a cloud must answer first. Any answer counts, also a refusal, or the answer that
    the path does not exist.

    Raises:
        UnknownScheme: fsspec knows no file system of the address's scheme.
        TimeoutError: the storage has not answered within :data:`ANSWER_S` seconds.
        ImportError: the package that reads such addresses is not installed.
        Exception: the client's own error, for example if it finds no credentials.
    """
    # fsspec takes 0.1 s, and `import azureml.core` does not load it.
    from fsspec import get_filesystem_class
    from fsspec.core import split_protocol, url_to_fs

    parts = urlsplit(address)
    storage = f"{parts.scheme}://{parts.netloc}"
    options = _OPTIONS.get(parts.scheme, {})
    try:
        kind = get_filesystem_class(split_protocol(address)[0] or "file")
    except ValueError:
        raise UnknownScheme(parts.scheme) from None
    # The clients of clouds are asynchronous. fsspec keeps one of the other clients for each thread,
    # so it is made here, in the thread that uses it.
    if not kind.async_impl or storage in _answered:
        fs, path = url_to_fs(address, **options)
        return fs, str(path)
    answer: Future[tuple[AbstractFileSystem, str]] = Future()

    def ask() -> None:
        try:
            fs, path = url_to_fs(address, **options)
            _ask(fs, str(path).partition("/")[0])
            answer.set_result((fs, str(path)))
        except Exception as error:  # noqa: BLE001 - it is raised in the thread that asks
            answer.set_exception(error)

    # A daemon thread, because a client that keeps trying must not keep the process alive.
    threading.Thread(target=ask, name="amlflow storage", daemon=True).start()
    try:
        result = answer.result(ANSWER_S)
    except concurrent.futures.TimeoutError as error:  # a class of its own before Python 3.11
        raise TimeoutError(str(error)) from error
    _answered.add(storage)
    return result


def _ask(fs: AbstractFileSystem, root: str) -> None:
    credential = getattr(fs, "credential", None)
    if credential is not None and hasattr(credential, "get_token"):
        # A credential of Azure: the client would try four times, with pauses of up to a minute.
        from fsspec.asyn import sync

        sync(fs.loop, credential.get_token, _AZURE_SCOPE)
    try:
        fs.info(root)
    except OSError:  # the path does not exist, or access is refused: both are answers
        pass
    except Exception as error:
        # Azure's error for an answer has a status. A key may give access to the files only, and not
        # to their container.
        if not isinstance(getattr(error, "status_code", None), int):
            raise
