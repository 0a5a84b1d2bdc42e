"""A unit test uses nothing outside its process: no other process, no server, no database file.

So all unit tests together run in seconds, on a machine that has only Python. For the same reason,
they do not import what takes long, such as MLflow and pandas: each worker would. Put a test that
needs more into tests/integration.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

FORBIDDEN = {
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "pty.spawn",
    "socket.connect", "sqlite3.connect", "subprocess.Popen",
}  # fmt: skip
"""Events that Python's audit hooks are told of."""

SLOW_TO_IMPORT = {"aiohttp", "hypothesis", "mlflow", "pandas", "pyarrow"}
"""Packages that no unit test imports, nor what it calls."""

MEMORY = Path("/dev/shm")
SPACE = 2**30
"""How many bytes must be free there. The tests use a few MB at a time."""

watched: list[str] | None = None
"""What the test that runs now, or the file that is imported now, has done of them."""


def is_forbidden(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "import":
        return arguments[0] in SLOW_TO_IMPORT
    return event in FORBIDDEN and arguments[:1] != (":memory:",)


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if watched is not None and is_forbidden(event, arguments):
        watched.append(" ".join([event, *map(str, arguments[:1])]))
        raise PermissionError(f"A test in tests/unit must not do this: {watched[-1]}")


FOLDER = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    """Leave hypothesis out where only unit tests run: its plugin imports it for the summary."""
    folders = (Path(config.invocation_params.dir, each.partition("::")[0]) for each in config.args)
    if all(folder.resolve().is_relative_to(FOLDER) for folder in folders):
        config.pluginmanager.unregister(name="hypothesispytest")


sys.addaudithook(watch)
os.environ["LANGUAGE"] = "C"  # argparse looks for files with translations for each parser


@pytest.fixture(autouse=True)
def _nothing_outside_the_process() -> Iterator[None]:
    """Refuse what a unit test must not do, and fail the test if the code went on without it."""
    global watched
    watched = done = []
    yield
    watched = None
    assert done == [], "Such a test belongs in tests/integration."


@pytest.fixture(scope="session")
def folder_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory, if the system has one with enough space.

    On a disk, each of 10,000 folders that are removed waits for a millisecond or two. A thread that
    a test has left may still write there when the folder is removed.
    """
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > SPACE:
        with tempfile.TemporaryDirectory(
            prefix="amlflow-unit-", dir=MEMORY, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder)
    else:
        yield tmp_path_factory.getbasetemp()


@pytest.fixture(autouse=True)
def _temporary_files(folder_of_tests: Path) -> Iterator[None]:
    """What the code calls the system's temporary folder is the same one."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder_of_tests)
    yield
    tempfile.tempdir = before


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A new folder, which goes with a test that passes: removing 6,000 old ones takes seconds."""
    failures = request.session.testsfailed
    yield tmp_path
    if request.session.testsfailed == failures:
        shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse the same while the test files are imported."""
    global watched
    watched = [] if isinstance(collector, pytest.File) else None
    try:
        return (yield)
    finally:
        watched = None
