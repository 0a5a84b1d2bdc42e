"""Real servers for tests. The first test that needs one starts it, and all workers share it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from amlflow.jobs.job import FOLDER_SETTING
from amlflow.spec import JOB

from helpers.tools import need

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # Without this, a server starts a dozen processes for jobs, which no test uses.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
NO_ACCESS_LOG = ("--uvicorn-opts=--no-access-log",)
"""The option of a server without a line for each call, which takes a sixth of the server's time."""
AS_INSTALLED = ("--uvicorn-opts=--loop asyncio --http h11",)
"""The option of a server with what MLflow itself installs, so without uvloop and httptools."""
POSTGRES_USER = "postgres"
WHOLE_LIFE = Path(__file__).with_name("whole_life.py")


def free_port() -> int:
    """Return a port of this machine that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(**more: str) -> dict[str, str]:
    """Return this process's environment without the variables of a tracking store or a run."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "AZUREML_"))}
    return {**kept, **QUIET, **more}


def live(uri: str, *options: str, folder: Path | None = None, **environment: str) -> None:
    """Check a run's whole life at a tracking URI, in another process."""
    done = subprocess.run(
        [sys.executable, str(WHOLE_LIFE), *options],
        env=clean_environment(MLFLOW_TRACKING_URI=uri, **environment),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a server and its workers."""
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(30)


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until a server is ready. Raises RuntimeError if it ends, or takes too long."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        if time.monotonic() > deadline:
            end_group(process)
            raise RuntimeError(f"{process.args} does not answer after {seconds} s")
        time.sleep(0.1)


def start_mlflow(
    backend: str,
    folder: Path,
    port: int | None = None,
    workers: int = 2,
    options: tuple[str, ...] = (),
    python: str = sys.executable,
    **environment: str,
) -> Any:
    """Start an MLflow server with its artifacts in the folder. Returns its URI and process.

    ``python`` is the interpreter of the environment that has the server.
    """
    port = port or free_port()
    uri = f"http://127.0.0.1:{port}"
    log = (folder / "server.log").open("ab")
    # The server starts gunicorn or uvicorn by name, so its programs must be on the PATH.
    path = f"{Path(python).parent}:{os.environ.get('PATH', '')}"
    process = subprocess.Popen(
        [
            python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
            "--backend-store-uri", backend, "--artifacts-destination", str(folder / "artifacts"),
            "--workers", str(workers), *options,
        ],
        cwd=folder, env=clean_environment(**{"PATH": path, **environment}), stdout=log, stderr=log,
        start_new_session=True,
    )  # fmt: skip

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    wait_for(ready, process, 300)
    return uri, process


def need_postgres(name: str) -> str:
    """Return the path of a PostgreSQL program without links, since it looks for files beside it."""
    return os.path.realpath(need(name))


def start_postgres(folder: Path) -> Any:
    """Start PostgreSQL with some databases. Returns its URI without a database, and the process."""
    # PostgreSQL refuses to run as root.
    user = POSTGRES_USER if os.geteuid() == 0 else None
    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir()
    if user:
        shutil.chown(data, user)
    subprocess.run(
        [need_postgres("initdb"), "-D", str(data), "-U", "amlflow", "-A", "trust", "-E", "UTF8",
         "--locale=C.UTF-8", "--no-sync"],
        user=user, cwd="/", check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    port = free_port()
    log = (folder / "postgres.log").open("ab")
    process = subprocess.Popen(
        [need_postgres("postgres"), "-D", str(data), "-p", str(port), "-k", "",
         "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=400"],
        user=user, cwd="/", stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip

    import psycopg

    server = f"postgresql://amlflow@127.0.0.1:{port}/"

    def ready() -> bool:
        try:
            with psycopg.connect(f"{server}postgres", connect_timeout=2, autocommit=True) as base:
                for name in ("direct", "served", "studio"):
                    base.execute(f"CREATE DATABASE {name}")
        except psycopg.OperationalError:
            return False
        return True

    wait_for(ready, process, 300)
    return server.replace(":", "+psycopg:", 1), process


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def _no_tests_own() -> Iterator[None]:
    """Let processes that are started within the ``with`` block belong to no test.

    A test may end all processes that its worker has started, or that use the test's folder of jobs.
    A service is also started by a worker, but must not be ended.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(JOB, "services")
        patched.delenv(FOLDER_SETTING, raising=False)
        yield


class Shared:
    """The services that all workers of one test session share, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def get(self, name: str, start: Callable[[Path], Any]) -> str:
        """Return the URI of a service, or the path of something that takes long to make.

        The first caller starts or makes it with ``start``. ``start`` returns the URI or path, and
        the process of the service or None.
        """
        with self._lock(name):
            note = self.folder / f"{name}.json"
            if not note.exists():
                folder = self.folder / name
                folder.mkdir()
                try:
                    with _no_tests_own():
                        uri, process = start(folder)
                except BaseException:
                    shutil.rmtree(folder, ignore_errors=True)  # the next caller tries again
                    raise
                pid = None if process is None else process.pid
                note.write_text(json.dumps({"uri": uri, "pid": pid}))
            return str(json.loads(note.read_text())["uri"])

    def stop(self) -> None:
        """End all services, and remove their files."""
        notes = [json.loads(note.read_text()) for note in self.folder.glob("*.json")]
        groups = [note["pid"] for note in notes if note["pid"] is not None]
        # SIGTERM comes first, so that Docker unmounts its file systems.
        for number, seconds in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 1.0)):
            deadline = time.monotonic() + seconds
            for group in groups:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, number)
            while any(_is_alive(group) for group in groups) and time.monotonic() < deadline:
                time.sleep(0.1)
        shutil.rmtree(self.folder, ignore_errors=True)


def shared_folder() -> Path:
    """Make the folder of a session's services. Other users may read it."""
    folder = Path(tempfile.mkdtemp(prefix="amlflow-tests-"))
    folder.chmod(0o755)
    return folder
