"""Environments that cannot be made: killed makers, indexes that are away, wrong definitions."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from amlflow.environments import kept
from amlflow.environments.building import BuiltEnvironment, ensure
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.specification import Specification
from helpers.submitted_jobs import find_children, until
from helpers.tiny_environments import write_index
from helpers.tls_servers import serve
from helpers.tools import need

BUILDER = """
import io, json, sys
from amlflow.environments.building import ensure
from amlflow.environments.specification import Specification
ensure(Specification(pip=tuple(json.loads(sys.argv[1]))), io.StringIO())
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of environments; uv begins with an empty cache and gives up soon."""
    monkeypatch.setenv("AMLFLOW_ENVIRONMENTS", str(tmp_path / "environments"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    return tmp_path / "environments"


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return write_index(tmp_path / "wheels", monkeypatch, "1.0", "2.0")


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of an index that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/simple"


def made(*pip: str) -> BuiltEnvironment:
    return ensure(Specification(pip=pip), io.StringIO())


class Statuses(http.server.BaseHTTPRequestHandler):
    """An index that answers the HTTP status that its address begins with."""

    def do_GET(self) -> None:
        self.send_error(int(self.path.split("/")[1]))

    do_HEAD = do_GET

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


class Drip(http.server.BaseHTTPRequestHandler):
    """An index that sends a byte now and then, so that uv goes on waiting."""

    ended = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.ended.wait(0.5):
                self.wfile.write(b" ")
                self.wfile.flush()

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


class Gate(http.server.BaseHTTPRequestHandler):
    """An index that has no package, and says so once ``opened`` is set."""

    opened = threading.Event()

    def do_GET(self) -> None:
        self.opened.wait()
        self.send_error(404)

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


def test_a_killed_maker_leaves_no_hindrance(
    links: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "60")
    with serve(Gate, None) as address:
        lines = [f"-i {address}/simple", f"--find-links {links}", "amlflow-tiny"]
        maker = subprocess.Popen([sys.executable, "-c", BUILDER, json.dumps(lines)])
        try:
            uv = until(lambda: find_children(maker.pid, "install"))
        finally:
            maker.kill()
            maker.wait()
        for process in uv:
            process.kill()
        Gate.opened.set()
        [left] = folder.glob(".making-*")
        assert (left / "bin" / "python").exists()
        environment = made(*lines)
    assert (environment.is_new, environment.packages) == (True, ["amlflow-tiny==2.0"])
    assert sorted(path.name for path in folder.iterdir()) == [".locks", environment.key]


def test_an_index_that_does_not_answer_is_named_within_seconds(silent: str) -> None:
    start = time.monotonic()
    with pytest.raises(EnvironmentBuildException, match=re.escape(silent)) as raised:
        made(f"-i {silent}", "amlflow-tiny")
    assert "does not answer, and uv's cache does not have all packages" in str(raised.value)
    assert time.monotonic() - start < 30


SAID = {
    401: "access is refused by {}/401/simple (401 Unauthorized), so it is not known whether "
    "amlflow-tiny can be found there. Check the user and the password.",
    403: "access is refused by {}/403/simple (403 Forbidden), so it is not known whether",
    404: "Because amlflow-tiny was not found",
    407: "{}/407/simple/amlflow-tiny/ answers 407 Proxy Authentication Required.",
    503: "the index {}/503/simple/amlflow-tiny/ answers 503 Service Unavailable, and uv's cache",
}
"""What the error says, by the HTTP status of the index. The braces are its address."""


@pytest.mark.parametrize("is_only_one", [True, False])
@pytest.mark.parametrize("status", SAID)
def test_what_an_index_answers_is_said(status: int, is_only_one: bool) -> None:
    with serve(Statuses, None) as address:
        more = [] if is_only_one else [f"--extra-index-url {address}/404/simple"]
        with pytest.raises(EnvironmentBuildException) as raised:
            made(f"-i {address}/{status}/simple", *more, "amlflow-tiny")
    assert SAID[status].format(address) in raised.value.message


def test_what_the_host_of_a_wheel_answers_is_said() -> None:
    with serve(Statuses, None) as address:
        for status, said in (("403", "access is refused by {}"), ("404", "made: {} answers 404")):
            wheel = f"{address}/{status}/amlflow_tiny-1.0-py3-none-any.whl"
            with pytest.raises(EnvironmentBuildException) as raised:
                made(f"amlflow-tiny @ {wheel}")
            assert said.format(wheel) in raised.value.message


def test_an_index_that_drips_does_not_hold_a_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMLFLOW_STALL_SECONDS", "2")
    with serve(Drip, None) as address:
        try:
            with pytest.raises(EnvironmentBuildException) as raised:
                made(f"-i {address}/simple", "amlflow-tiny")
        finally:
            Drip.ended.set()
    host = address.removeprefix("http://")
    assert f"made: {host} has sent next to nothing for 2 s, and uv's" in raised.value.message
    monkeypatch.setenv("AMLFLOW_STALL_SECONDS", "soon")
    with pytest.raises(EnvironmentBuildException, match="AMLFLOW_STALL_SECONDS is 'soon'"):
        made("amlflow-tiny")


def test_what_git_says_is_the_reason(tmp_path: Path) -> None:
    need("git")
    with pytest.raises(EnvironmentBuildException) as raised:
        made(f"amlflow-tiny @ git+file://{tmp_path}/gone")
    assert "made: git says: " in raised.value.message
    assert str(tmp_path / "gone") in raised.value.message


def test_without_the_index_the_cache_is_enough(links: Path, folder: Path, monkeypatch) -> None:
    for package in ("amlflow-tiny", "amlflow-other"):
        page = links / "simple" / package
        page.mkdir(parents=True)
        names = [wheel.name for wheel in links.glob(f"{package.replace('-', '_')}-*.whl")]
        page.joinpath("index.html").write_text(
            "".join(f'<a href="/{name}">{name}</a>' for name in names)
        )
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(links))
    with serve(handler, None) as address:
        index = f"{address}/simple"
        first = made(f"-i {index}", "amlflow-tiny==1.0")
    monkeypatch.setattr(kept, "JUST_USED_S", 0)
    assert kept.remove(first.key)
    again = made(f"-i {index}", "amlflow-tiny==1.0")
    assert (again.is_new, again.packages) == (True, first.packages)
    with pytest.raises(EnvironmentBuildException, match=f"the index {index}/amlflow-other/ does"):
        made(f"-i {index}", "amlflow-other")


@pytest.mark.parametrize(
    ("packages", "reason"),
    [
        (["amlflow-tiny==1.0", "amlflow-tiny==2.0"], "amlflow-tiny==1.0 and amlflow-tiny==2.0"),
        (["no-such-package-here"], "no-such-package-here was not found"),
        ([f"package-{number}" for number in range(10_000)], "names more than 2000 packages"),
    ],
)
def test_the_reason_is_one_sentence(links: Path, packages: list[str], reason: str) -> None:
    with pytest.raises(EnvironmentBuildException, match=reason) as raised:
        made(f"--find-links {links}", *packages)
    assert "\n" not in raised.value.message
    assert not kept.list_environments()
