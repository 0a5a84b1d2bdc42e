"""Sends and reads large files directly at the server's object storage, with signed addresses.

The server signs these addresses. Its ``server-info`` says whether it can, and MLflow's settings
whose names contain ``MULTIPART`` change it. No credentials are sent to the storage, as the address
contains a signature.
"""

from __future__ import annotations

import contextlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3
from amlflow.exceptions import AzureMLException
from amlflow.spec import Unavailable, is_tried_once
from amlflow.store_errors import ARTIFACT_STORE

from amlflow_mlflow.answers import foreign, number, parse_object, text
from amlflow_mlflow.errors import MlflowError, error_of_status, silence_error
from amlflow_mlflow.rest import settings
from amlflow_mlflow.rest.connection import Answer, Connection
from amlflow_mlflow.rest.messages import MALFORMED
from amlflow_mlflow.rest.pools import find_proxy, open_pool
from amlflow_mlflow.rest.repeating import read_pauses
from amlflow_mlflow.rest.uploads import FilePart
from amlflow_mlflow.server_texts import clean
from amlflow_mlflow.several_calls import call_for_each

ROOT = "/api/2.0/mlflow-artifacts"
THREADS = 8
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]{0,8192}")
_HAS_NONE = re.compile(r"\(HTTP (?:404|501)\b")
"""What the error of a server that does not know an address says."""
_UNSUPPORTED = "Multipart upload is not supported"


def put(connection: Connection, root: str, name: str, path: Path) -> bool:
    """Send a file in parts. Returns False if it is small or the server has no such addresses."""
    size = path.stat().st_size
    if size < settings.direct_minimum_bytes():
        return False
    if not _is_enabled(settings.sends_directly(), connection, "multipart_uploads_enabled"):
        return False
    part_bytes = settings.part_bytes()
    count = -(-size // part_bytes)
    folder, base = posixpath.split(posixpath.join(root, name))
    try:
        begun = _ask(connection, "mpu/create", folder, {"path": base, "num_parts": count})
    except MlflowError as error:
        if error.message.startswith(_UNSUPPORTED):
            return False
        raise
    try:
        upload_id = begun.get("upload_id")
        parts = [
            (number(part["part_number"]), _address(part["url"]), _headers(part))
            for part in begun["credentials"]
        ]
        if len(parts) != count:
            raise ValueError(count)
    except MALFORMED:
        raise foreign(connection.where, "it begins no upload") from None
    upload = {"path": base, "upload_id": upload_id}

    def send(index: int) -> dict[str, Any]:
        number, url, headers = parts[index]
        start = index * part_bytes
        with path.open("rb") as file:
            part = FilePart(file, min(part_bytes, size - start), start)
            fields = {**headers, "Content-Length": str(len(part))}
            response = _request("PUT", url, fields, part)
            if _is_page(response):
                raise _no_storage(response)
            etag = response.headers.get("ETag", "")
            response.drain_conn()
        return {"part_number": number, "etag": etag, "url": url}

    try:
        sent = call_for_each(send, range(count), THREADS)
        sent.sort(key=lambda part: int(part["part_number"]))
        answer = _send(connection, "mpu/complete", folder, {**upload, "parts": sent})
        if _parse(connection, answer):
            raise foreign(connection.where, "it is not what the end of an upload answers")
        if not connection.is_mlflows(answer.headers):
            _check_listed(connection, folder, base, size)
    except BaseException:
        with contextlib.suppress(AzureMLException, MlflowError):  # the first error is more useful
            _ask(connection, "mpu/abort", folder, upload)
        raise
    return True


def open_file(
    connection: Connection, root: str, path: str
) -> AbstractContextManager[urllib3.BaseHTTPResponse] | None:
    """Return the storage's answer with a file. None if the server has no such addresses.

    The content of the file is read in the ``with`` block of the answer.
    """
    chosen = settings.reads_directly()
    if not _is_enabled(chosen, connection, "multipart_downloads_enabled"):
        return None
    address = quote(posixpath.join(ROOT, "presigned", root, path))
    try:
        answer = connection.send("GET", address)
    except MlflowError:
        if chosen:  # by the user, and the server may not have them
            return None
        raise
    except AzureMLException as error:
        if _HAS_NONE.search(error.message):
            return None
        raise
    try:
        content = _parse(connection, answer)
        url, headers = _address(content["url"]), _headers(content)
    except MALFORMED:
        raise foreign(connection.where, "it is not the address of a file") from None
    response = _request("GET", url, headers, None)
    if _is_page(response) and not path.lower().endswith((".html", ".htm")):
        raise _no_storage(response)
    return _reading(response)


@contextlib.contextmanager
def _reading(
    response: urllib3.BaseHTTPResponse,
) -> Iterator[urllib3.BaseHTTPResponse]:
    # Not by `translate_errors`: an error of the caller's file is not the storage's.
    try:
        yield response
    except urllib3.exceptions.HTTPError as error:
        raise silence_error(ARTIFACT_STORE, error) from error
    finally:
        response.release_conn()


def _ask(
    connection: Connection, path: str, folder: str, content: Mapping[str, Any]
) -> dict[str, Any]:
    return _parse(connection, _send(connection, path, folder, content))


def _send(connection: Connection, path: str, folder: str, content: Mapping[str, Any]) -> Answer:
    return connection.send("POST", quote(posixpath.join(ROOT, path, folder)), content=content)


def _check_listed(connection: Connection, folder: str, base: str, size: int) -> None:
    """Raise an error if a file is not there. Needed if no answer showed that it was stored."""
    query = {"path": folder}
    content = _parse(connection, connection.send("GET", f"{ROOT}/artifacts", query=query))
    try:
        sizes = {
            posixpath.basename(text(file["path"])): number(file.get("file_size") or 0)
            for file in content.get("files", ())
        }
    except MALFORMED:
        raise foreign(connection.where, "it is not a list of files") from None
    if sizes.get(base) != size:
        raise foreign(connection.where, "what was sent is not there")


def _is_page(response: urllib3.BaseHTTPResponse) -> bool:
    """Whether an answer is a page, such as a proxy's for a login. A storage sends none."""
    return response.headers.get("Content-Type", "").partition(";")[0].strip() == "text/html"


def _no_storage(response: urllib3.BaseHTTPResponse) -> AzureMLException:
    response.close()
    return Unavailable(
        f"{ARTIFACT_STORE} answers with a page. A proxy or a login page may be in between; nothing "
        "of this call counts as done."
    )


def _parse(connection: Connection, answer: Answer) -> dict[str, Any]:
    kind = answer.headers.get("Content-Type")
    return parse_object(answer.status, kind, answer.body, connection.where)


def _request(
    method: str, url: str, headers: Mapping[str, str], body: Any
) -> urllib3.BaseHTTPResponse:
    """Make a call to the object storage, and return its successful answer.

    A storage that is busy is asked again for minutes, as the server is: a part that is sent twice
    is stored once.
    """
    pool = open_pool(settings.storage_tls(), find_proxy(url))
    # Not by `translate_errors`: the address is the storage's, and not the tracking URI.
    try:
        response = pool.request(
            method,
            url,
            body=body,
            headers=dict(headers),
            retries=False if is_tried_once() else read_pauses(),
            redirect=False,
            timeout=settings.timeout_s(),
            preload_content=False,
        )
    except urllib3.exceptions.HTTPError as error:
        raise silence_error(ARTIFACT_STORE, error) from error
    if response.status >= 300:
        reason = response.read(1000).decode("latin-1")
        response.close()
        raise error_of_status(response.status, clean(reason), ARTIFACT_STORE)
    return response


def _is_enabled(chosen: bool | None, connection: Connection, key: str) -> bool:
    """Whether to use the storage: as the user has chosen, or else as the server says."""
    return connection.info.get(key) is True if chosen is None else chosen


def _address(value: Any) -> str:
    """Check the URL of a file. Raises ValueError if it is not one."""
    if urlsplit(text(value)).scheme not in ("http", "https"):
        raise ValueError(value)
    return text(value)


def _headers(message: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers for an address. Raises ValueError if one is not a valid header."""
    headers = {text(key): text(value) for key, value in (message.get("headers") or {}).items()}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(name)
    return headers
