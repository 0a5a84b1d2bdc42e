"""The first contact with a storage, which has to answer within seconds.

The clients of clouds try again for minutes where credentials are missing or nobody answers: adlfs
for 250 s, gcsfs for longer. A script is told within seconds instead. Later calls are left to the
client, since a storage that has answered once is worth waiting for.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

ANSWER_S = 20.0
"""How long a storage may take for its first answer, with the look for credentials."""
_AZURE_SCOPE = "https://storage.azure.com/.default"
_AZURE = {"max_concurrency": 8}
"""Blocks of 4 MB that are in memory at once; adlfs takes 128 of itself."""
_OPTIONS = {"abfs": _AZURE, "abfss": _AZURE, "az": _AZURE}
"""Options of fsspec's file systems, by scheme."""
_answered: set[str] = set()
"""The storages of this process that have answered, by scheme and host."""


class UnknownScheme(ValueError):
    """fsspec has no file system of this scheme."""


def open_url(address: str) -> tuple[AbstractFileSystem, str]:
    """The file system of an address and the path there, once a cloud's storage has answered.

    Any answer counts, also a refusal or that the path does not exist.

    Raises:
        UnknownScheme: fsspec knows no file system of the address's scheme.
        TimeoutError: it has not answered after :data:`ANSWER_S`.
        ImportError: the package that reads such addresses is not installed.
        Exception: what fsspec's client raises where it finds no credentials.
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
    # The clients of clouds are asynchronous ones. The others are kept by thread, so they are made
    # in the thread that uses them.
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

    # A daemon, so that a client that goes on trying does not keep the process from ending.
    threading.Thread(target=ask, name="amlflow storage", daemon=True).start()
    result = answer.result(ANSWER_S)
    _answered.add(storage)
    return result


def _ask(fs: AbstractFileSystem, root: str) -> None:
    credential = getattr(fs, "credential", None)
    if credential is not None and hasattr(credential, "get_token"):
        # Azure's: the client itself would look for it four times, with pauses of up to a minute.
        from fsspec.asyn import sync

        sync(fs.loop, credential.get_token, _AZURE_SCOPE)
    try:
        fs.info(root)
    except OSError:  # it does not exist, or is refused: both are answers
        pass
    except Exception as error:
        # Azure's errors of an answer; a key may be for the files and not for their container.
        if not isinstance(getattr(error, "status_code", None), int):
            raise
