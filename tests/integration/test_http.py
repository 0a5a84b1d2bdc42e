"""Each client of a server: where calls and credentials are sent, and errors of HTTP statuses."""

from __future__ import annotations

import email.utils
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.plugins import open_keeper, open_tracker
from amlflow.spec import Refused, RunChange, TooLarge, Unavailable, tried_once
from amlflow.store_errors import error_of_store
from amlflow_mlflow.errors import error_of_status
from amlflow_mlflow.rest import settings
from amlflow_mlflow.server_texts import MAX_REASON, MAX_RETRY_AFTER_S, clean, retry_after_s
from amlflow_mlflow.store_of_uri import open_store
from amlflow_mlflow.tracker import MlflowTracker
from helpers.flaky_proxy import Proxy, Reply, start_proxy

RUN = "0" * 32
SIGNS = (("X-Frame-Options", "SAMEORIGIN"),)
VERSION = Reply(b"3.17.2", "text/html", headers=SIGNS)
SECRET = "s3cr3t-w0rd"


def run_answer(place: str = "mlflow-artifacts:/0/x/artifacts") -> Reply:
    info = (
        f'"run_id": "{RUN}", "run_uuid": "{RUN}", "experiment_id": "0", "status": "RUNNING",'
        f' "start_time": 0, "lifecycle_stage": "active", "artifact_uri": "{place}"'
    )
    return Reply(f'{{"run": {{"info": {{{info}}}, "data": {{}}}}}}'.encode())


@contextmanager
def server(reply: Any, get: Any = None) -> Iterator[tuple[Proxy, str]]:
    """A server that is MLflow's until it is asked for more than its version and a run."""
    with start_proxy("http://127.0.0.1:9") as (proxy, uri):

        def rule(path: str, content: Any) -> Any:
            if path.endswith("/version"):
                return VERSION
            if "runs/get?" in path and get is None:
                return run_answer()
            return reply

        proxy.rule = rule
        yield proxy, uri


class Listener:
    """Hears who connects, and answers nothing."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.settimeout(1)
            with connection:
                self.heard.append(connection.recv(10_000))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def calls_of(uri: str, path: Path) -> dict[str, Callable[[], Any]]:
    """A call of each kind and client."""
    path.write_text("content")
    # Not `open_tracker`, which would remember the server that had this port in another test.
    tracker: Any = MlflowTracker(uri)
    keeper = open_keeper(uri)
    store = tracker._store

    def make_model() -> None:
        store.registry.ensure_model("name")

    return {
        "read": lambda: store.get_experiment_by_name("x"),
        "write": lambda: store.set_tag(RUN, "a", "b"),
        "create": lambda: store.create_run("0", "me", 0, {}, "name"),
        "upload": lambda: tracker.put_files(RUN, {"f": path}, replace=True),
        "download": lambda: tracker.get_file(RUN, "f", path.with_suffix(".got")),
        "list": lambda: tracker.list_files(RUN),
        "model": make_model,
        "agent's write": lambda: keeper.update_run(RUN, RunChange(tags={"a": "b"})),
        "agent's upload": lambda: keeper.put_files(RUN, {"f": path}, replace=True),
    }


# --- Redirects ----------------------------------------------------------------------------------


def with_user(patch: pytest.MonkeyPatch, folder: Path, uri: str) -> str:
    patch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    patch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    return uri


def with_token(patch: pytest.MonkeyPatch, folder: Path, uri: str) -> str:
    patch.setenv("MLFLOW_TRACKING_TOKEN", SECRET)
    return uri


def with_userinfo(patch: pytest.MonkeyPatch, folder: Path, uri: str) -> str:
    return uri.replace("//", f"//me:{SECRET}@")


def with_netrc(patch: pytest.MonkeyPatch, folder: Path, uri: str) -> str:
    file = folder / "netrc"
    file.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    file.chmod(0o600)
    patch.setenv("NETRC", str(file))
    return uri


class Header:
    """What a package adds to MLflow's calls."""

    def in_context(self) -> bool:
        return True

    def request_headers(self) -> dict[str, str]:
        return {"X-Secret": SECRET}


def with_header(patch: pytest.MonkeyPatch, folder: Path, uri: str) -> str:
    patch.setattr(settings, "header_providers", lambda: (Header(),))
    return uri


@pytest.mark.parametrize("given", [with_user, with_token, with_userinfo, with_netrc, with_header])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_call_follows_a_redirect_to_another_origin(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Any, status: int
) -> None:
    for target in (
        f"http://127.0.0.1:{listener.port}/api/2.0/mlflow/runs/get",
        f"https://127.0.0.1:{listener.port}/",
        f"http://localhost:{listener.port}/?a=b",
        f"//127.0.0.1:{listener.port}/x",
        f"http://me:{SECRET}@127.0.0.1:{listener.port}/x",
    ):
        away = Reply(b"", None, status, (("Location", target),))
        with server(away) as (_, plain):
            uri = given(monkeypatch, tmp_path, plain)
            for name, call in calls_of(uri, tmp_path / "file").items():
                with tried_once(), pytest.raises(Unavailable) as caught:
                    call()
                assert f":{listener.port}" in caught.value.message, name
                assert plain in caught.value.message, name
                assert SECRET not in str(caught.value), name
    assert listener.heard == []


@pytest.mark.parametrize("target", ["http://[", "//[x", "http://127.0.0.1:99999/", "http://a:b/"])
def test_a_redirect_to_what_is_not_an_address_is_an_outage(tmp_path: Path, target: str) -> None:
    with server(Reply(b"", None, 307, (("Location", target),))) as (_, uri):
        for call in calls_of(uri, tmp_path / "file").values():
            with tried_once(), pytest.raises(Unavailable, match="not an address"):
                call()


@pytest.mark.parametrize("place", ["", "file://[", "mlflow-artifacts://[/0", "http://[x]/0", "//["])
def test_no_file_is_where_the_server_names_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """An empty path would be the working folder."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "own").touch()
    monkeypatch.chdir(tmp_path / "work")
    with server(run_answer(place), get=True) as (_, uri):
        calls = calls_of(uri, tmp_path / "file")
        assert calls["list"]() == []
        for name in ("upload", "download", "agent's upload"):
            with tried_once(), pytest.raises(AzureMLException):
                calls[name]()
    assert [path.name for path in Path().iterdir()] == ["own"]


def test_https_on_the_same_host_and_port_is_another_origin(tmp_path: Path) -> None:
    with server(None) as (proxy, uri):
        calls = calls_of(uri, tmp_path / "file")
        upgrade = Reply(b"", None, 301, (("Location", f"{uri.replace('http:', 'https:')}/x"),))
        proxy.rule = lambda path, content: upgrade
        for call in [*calls.values(), lambda: open_store(uri)]:
            with tried_once(), pytest.raises(Unavailable, match="redirects to https"):
                call()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "PERMISSION_DENIED", AuthenticationException),
        (400, "INVALID_PARAMETER_VALUE", Refused),
        (503, "TEMPORARILY_UNAVAILABLE", Unavailable),
    ],
)
def test_mlflows_own_error_at_the_first_contact_is_shown(
    status: int, code: str, kind: type[AzureMLException]
) -> None:
    error = Reply(json.dumps({"error_code": code, "message": "not you"}).encode(), status=status)
    with start_proxy("http://127.0.0.1:9") as (proxy, uri):
        proxy.rule = lambda path, content: error
        with tried_once(), pytest.raises(kind, match="not you"):
            open_tracker(uri)
        proxy.rule = lambda path, content: VERSION if path == "/version" else error
        with tried_once(), pytest.raises(kind, match="not you"):
            open_store(uri).get_run(RUN)


def test_a_redirect_within_the_server_is_followed_where_it_keeps_what_was_sent(
    tmp_path: Path,
) -> None:
    written: list[tuple[str, Any]] = []

    def reply(path: str, content: Any, status: int) -> Any:
        if path == "/new/version":
            return VERSION
        if path.startswith("/new"):
            written.append((path, content))
            return run_answer() if "runs/get" in path else Reply(b"{}", headers=SIGNS)
        return Reply(b"", None, status, (("Location", f"/new{path}"),))

    with start_proxy("http://127.0.0.1:9") as (proxy, uri):
        for status in (301, 302, 303, 307, 308):
            proxy.rule = lambda path, content, status=status: reply(path, content, status)
            calls = calls_of(uri, tmp_path / "file")
            keeper = open_keeper(uri)
            assert keeper.get_run(RUN).id == RUN
            written.clear()
            for name in ("write", "upload", "agent's write", "agent's upload"):
                if status in (307, 308):
                    calls[name]()
                else:
                    with pytest.raises(Unavailable):
                        calls[name]()
            sent = [content for path, content in written if "set-tag" in path or "batch" in path]
            assert len(sent) == (2 if status in (307, 308) else 0)
            assert all(content["run_id"] == RUN for content in sent)
        circle = Reply(b"", None, 307, (("Location", "/again"),))
        proxy.rule = lambda path, content: VERSION if path == "/version" else circle
        for call in calls_of(uri, tmp_path / "file").values():
            with pytest.raises(Unavailable, match="circle"):
                call()


@pytest.mark.parametrize("scheme", ["mlflow-artifacts", "http"])
def test_credentials_do_not_go_where_an_experiment_says_its_files_are(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    place = f"{scheme}://127.0.0.1:{listener.port}/api/2.0/mlflow-artifacts/artifacts/x"
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", SECRET)
    with server(run_answer(place), get=True) as (_, uri):
        calls = calls_of(uri, tmp_path / "file")
        for name in ("upload", "download", "list", "agent's upload"):
            with pytest.raises(Refused, match="not sent"):
                calls[name]()
    assert listener.heard == []


# --- Errors -------------------------------------------------------------------------------------

LATER = (408, 425, 429, 500, 502, 503, 504, 520, 599)
STATUSES: dict[int, type[AzureMLException]] = {
    400: Refused, 402: Refused, 405: Refused, 409: Refused, 415: Refused, 422: Refused,
    411: Refused, 507: Refused, 413: TooLarge,
    401: AuthenticationException, 403: AuthenticationException, 407: AuthenticationException,
    **dict.fromkeys(LATER, Unavailable), 404: Unavailable, 100 + 200: Unavailable,
}  # fmt: skip


def test_each_status_is_the_same_error_in_each_client(tmp_path: Path) -> None:
    with server(None) as (proxy, uri):
        calls = calls_of(uri, tmp_path / "file")
        for status, kind in STATUSES.items():
            page = f"<html>\x1b[31m<h1>{status}</h1> because" + "x" * 10_000
            reply = Reply(page.encode(), "text/html", status, (("Retry-After", "7"),))

            def rule(path: str, content: Any, reply: Any = reply) -> Any:
                return run_answer() if "runs/get?" in path else reply

            proxy.rule = rule
            for name, call in calls.items():
                if name == "download" and kind is Refused:
                    continue  # it looks whether the file is there
                with tried_once(), pytest.raises(AzureMLException) as caught:
                    call()
                error = caught.value
                assert type(error) is kind, (status, name, error.message)
                assert str(status) in error.message
                assert len(error.message) < 1000
                if status in LATER:
                    assert error.retry_after == 7


def test_what_mlflow_says_is_shown_short_clean_and_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", SECRET)
    said = f"no \\u001b[31m{SECRET} http://me:pw@host/ Bearer abc.def {'x' * 5000}\\nsecond line"
    body = f'{{"error_code": "INVALID_PARAMETER_VALUE", "message": "{said}"}}'
    with server(Reply(body.encode(), status=400)) as (_, uri):
        for name, call in calls_of(uri, tmp_path / "file").items():
            if name == "download":
                continue  # it looks whether the file is there
            with tried_once(), pytest.raises(Refused) as caught:
                call()
            message = caught.value.message
            assert "no  [31m*** http://host/ Bearer *** xxx" in message, name
            assert len(message) < MAX_REASON + 200
            assert not {SECRET, "\x1b", "second"} & {
                each for each in (SECRET, "\x1b", "second") if each in message
            }


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0), (" 0.5 ", 0.5), ("0", 0.0), ("999999999", MAX_RETRY_AFTER_S),
        ("99999999999999999999", None), ("-5", None), ("nan", None), ("inf", None), ("1e9", None),
        ("²", None), ("", None), ("soon", None), ("x" * 10_000, None), (None, None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("Fri, 99 Dec 9999 23:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_S),
    ],
)  # fmt: skip
def test_retry_after_is_input(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value) == seconds


def test_retry_after_may_be_a_date() -> None:
    soon = email.utils.formatdate(time.time() + 100, usegmt=True)
    assert 95 < (retry_after_s(soon) or 0) <= 100


def test_an_artifact_stores_own_errors() -> None:
    class ClientError(Exception):
        def __init__(self, status: int) -> None:
            super().__init__("AccessDenied")
            self.response = {"ResponseMetadata": {"HTTPStatusCode": status}}

    class Wrapper(Exception):
        pass

    def wrapped(cause: Exception) -> Exception:
        try:
            try:
                raise cause
            except type(cause) as error:
                raise Wrapper("Failed to upload") from error
        except Wrapper as error:
            return error

    def told(error: Exception) -> Any:
        return type(error_of_store(error, "The artifact store", "'f'"))

    assert told(wrapped(ClientError(403))) is AuthenticationException
    assert told(ClientError(507)) is Refused
    assert told(wrapped(ConnectionResetError())) is Unavailable
    assert error_of_store(ValueError("a bug"), "The artifact store", "'f'") is None


def test_texts_are_cleaned() -> None:
    assert clean("\n\n first \n second") == "first"
    assert clean("") == ""
    assert clean("a\x00b\u202ec") == "a b c"
    assert len(clean("y" * 10**6)) < MAX_REASON + 5
    assert "pässword" not in clean("it is pässword!", "http://me:p%C3%A4ssword@host")
    assert isinstance(error_of_status(413, "", "It"), Refused)


def test_an_answer_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amlflow_mlflow.rest.connection.MAX_ANSWER_BYTES", 10_000)
    long = Reply(run_answer().body + b" " * 20_000)
    with server(long, get=True) as (_, uri):
        for opened in (open_tracker(uri), open_keeper(uri)):
            with pytest.raises(Unavailable, match="longer than"):
                opened.get_run(RUN)
