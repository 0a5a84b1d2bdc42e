"""`amlflow ui` of a server: the studio's address is printed only if the studio is there."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import pytest
import trustme
from amlflow.exceptions import UserErrorException
from amlflow_page.command import ui
from helpers.tls_servers import Answering, serve

STUDIO = "/ajax-api/2.0/amlflow/static/studio.js"
SCRIPT = "// Adds to the page\ndocument.body.classList.toggle('amlflow-shows-run');"
LOGIN = "<!doctype html><title>Log in to amlflow's team</title>"
MARK = {"X-Amlflow-Studio": "yes"}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def server(
    status: int, kind: str, text: str, headers: dict[str, str] | None = None
) -> type[Answering]:
    """Make a server that gives one answer to all calls."""

    class Handler(Answering):
        def do_GET(self) -> None:
            assert self.headers["Authorization"] is None
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

    return Handler


def shown(uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Show a server. Returns what `amlflow ui` says about the studio; "" if it is there."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.replace("://", "://me:secret@"))
    ui(no_browser=True)
    printed = capsys.readouterr()
    page = f"MLflow's page: {uri}/\n" if printed.err else f"All runs: {uri}/#/amlflow/runs\n"
    assert printed.out == page
    return printed.err


@pytest.mark.parametrize(
    "answer",
    [
        (200, "text/javascript; charset=utf-8", SCRIPT, MARK),
        (200, "text/javascript", SCRIPT),  # of an earlier version
        (200, "text/plain", SCRIPT),  # Windows may name the script so
        (401, "text/html", "log in", MARK),
        (403, "application/json", "{}", MARK),
        (503, "text/html", "busy", MARK),
    ],
)
def test_the_studio_of_a_server_is_opened(
    answer: tuple[int, str, str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serve(server(*answer), None) as uri:
        assert shown(uri, monkeypatch, capsys) == ""


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ((404, "text/html", "none"), "has no studio"),
        ((401, "text/html", "log in"), "(HTTP 401)"),
        ((403, "application/json", "{}"), "(HTTP 403)"),
        ((500, "text/html", "amlflow"), "(HTTP 500)"),
        ((502, "text/html", "amlflow"), "(HTTP 502)"),
        ((200, "text/html", LOGIN), "(another page answers)"),
        ((200, "application/json", "{}"), "(another page answers)"),
        ((200, "text/plain", "OK"), "(another page answers)"),
        ((204, "text/plain", ""), "(HTTP 204)"),
        ((302, "text/html", "", {"Location": STUDIO}), "(HTTP 302)"),  # a circle
        ((302, "text/html", "", {"Location": "ftp://127.0.0.1/x"}), "(HTTP 302)"),
    ],
)
def test_the_first_page_of_a_server_is_opened_if_the_studio_may_not_be_there(
    answer: tuple[int, str, str],
    seen: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serve(server(*answer), None) as uri:
        assert seen in shown(uri, monkeypatch, capsys)


def test_a_redirect_is_left_to_the_browser(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve(server(200, "text/javascript", SCRIPT), None) as there:
        redirect = {"Location": f"{there}{STUDIO}"}
        with serve(server(302, "text/html", "", redirect), None) as uri:
            assert "(HTTP 302)" in shown(uri, monkeypatch, capsys)


def test_the_certificate_is_left_to_the_browser(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)  # only the browser knows it
    with serve(server(200, "text/javascript", SCRIPT), context) as uri:
        assert shown(uri, monkeypatch, capsys) == ""


def test_a_server_that_does_not_answer_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(Answering):
        def do_GET(self) -> None:
            self.close_connection = True

    with serve(Silent, None) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        with pytest.raises(UserErrorException, match=rf"No server answers at {uri} \(Remote end"):
            ui(no_browser=True)
    with pytest.raises(UserErrorException, match=r"\(Connection refused\)\. Start it, or correct"):
        ui(no_browser=True)


@pytest.mark.parametrize("host", ["[::1", "a..b"])
def test_a_wrong_host_is_an_error(host: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{host}")
    with pytest.raises(UserErrorException, match=re.escape(host)):
        ui(no_browser=True)
