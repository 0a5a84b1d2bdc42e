"""Logs on artifact stores elsewhere: only what is new is fetched."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from amlflow.exceptions import AuthenticationException
from amlflow.spec import Refused, Unavailable
from amlflow_page import logs
from mlflow.entities import FileInfo
from mlflow.store.artifact.artifact_repo import MultipartDownloadMixin

LOG = b"".join(b"line %d\n" % number for number in range(1000))
NAME = "user_logs/std_log.txt"


class Store(MultipartDownloadMixin):
    """An object store: an address for each file, which takes ranges or does not."""

    ranges = True
    broken = False

    def __init__(self) -> None:
        self.sent = 0
        store = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
                content = LOG
                if store.ranges and asked is not None:
                    content = LOG[int(asked[1]) : int(asked[2]) + 1]
                self.send_response(500 if store.broken else 206 if store.ranges else 200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                store.sent += len(content)
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def list_artifacts(self, path: str) -> list[FileInfo]:
        return [FileInfo(f"7/run/artifacts/{NAME}", False, len(LOG))] if "user_logs" in path else []

    def get_download_presigned_url(self, artifact_path: str, expiration: int = 300) -> Any:
        url = f"http://127.0.0.1:{self.server.server_port}/{artifact_path}?secret=signature"
        return SimpleNamespace(url=url, headers={})


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    made = Store()
    monkeypatch.setattr(logs, "artifacts_of", lambda run_id: (made, "7/run/artifacts"))
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_only_what_is_new_is_fetched(store: Store):
    assert logs.log_files("run") == [{"name": NAME, "size": len(LOG)}]
    assert logs.piece("run", NAME, len(LOG) - 10) == (LOG[-10:], len(LOG))
    assert logs.piece("run", NAME, len(LOG)) == (b"", len(LOG))
    assert logs.piece("run", NAME, -20) == (LOG[-20:], len(LOG))
    assert store.sent == 30


def test_a_store_without_ranges_gives_the_same(store: Store):
    store.ranges = False
    assert logs.piece("run", NAME, 100) == (LOG[100:], len(LOG))


def test_a_stores_failure_does_not_give_its_address_away(store: Store):
    store.broken = True
    with pytest.raises(Unavailable, match="does not give the log now") as failure:
        logs.piece("run", NAME, 0)
    assert "secret" not in str(failure.value)


def test_errors_of_a_stores_client_are_the_contracts() -> None:
    client_error = type("NoCredentialsError", (Exception,), {"__module__": "botocore.exceptions"})
    with pytest.raises(AuthenticationException), logs.translate_errors("'f'"):
        raise client_error("words")


def test_an_error_of_the_program_stays_itself() -> None:
    with pytest.raises(ValueError, match="a bug"), logs.translate_errors("'f'"):
        raise ValueError("a bug")


def test_a_file_of_this_machine_that_cannot_be_read_is_refused() -> None:
    refused = pytest.raises(Refused, match="could not give 'f': Permission denied")
    with refused, logs.translate_errors("'f'"):
        raise PermissionError(13, "Permission denied")


def test_no_more_than_a_piece_is_kept_of_a_store_without_byte_ranges() -> None:
    read = 0

    def chunks() -> Any:
        nonlocal read
        while True:
            read += 1000
            yield b"x" * 1000

    assert logs._read_part(chunks(), 5500) == b"x" * logs.MAX_BYTES
    assert read < logs.MAX_BYTES + 5500 + 2000
    assert logs._read_part([b"abc", b"defg"], 2) == b"cdefg"
    logs._check_whole("a.txt", logs.MAX_WHOLE)
    with pytest.raises(Refused, match=r"'a.txt' is shown up to 64 MB"):
        logs._check_whole("a.txt", logs.MAX_WHOLE + 1)
