"""A value arrives in the tracker once its call has returned, even over a bad connection."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import venv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from helpers.flaky_proxy import FOREIGN, PASS
from helpers.outside import until

SIGNS = {"server", "x-content-type-options", "x-frame-options"}
"""Headers of MLflow's answers, which a proxy may take away."""


def stored(studio: Any, run: Any, name: str) -> list[float]:
    """The values of a metric that the server has."""
    query = {"run_id": run.id, "metric_key": name, "max_results": 1000}
    url = f"{studio.uri}/api/2.0/mlflow/metrics/get-history"
    answer = requests.get(url, query, timeout=60)
    return sorted(point["value"] for point in answer.json().get("metrics", []))


def is_write(path: str) -> bool:
    return path.endswith("/log-batch")


def complete(run: Any) -> None:
    """Complete a run, which may say that something was refused."""
    from azureml.exceptions import AzureMLException

    try:
        run.complete()
    except AzureMLException as error:
        print(error)


def test_a_record_that_is_too_large_is_not_before_the_others(
    studio: Any, proxy: Any, experiment: Any
) -> None:
    proxy.rule = lambda path, content: (413, {}) if len(json.dumps(content)) > 1_000_000 else PASS
    run = experiment.start_logging(snapshot_directory=None)
    run.log("text", "x" * 2_000_000)
    for number in range(20):
        run.log("m", number)
    complete(run)
    assert stored(studio, run, "m") == list(range(20))


@pytest.mark.parametrize("hidden", [set(), SIGNS], ids=["with signs", "without signs"])
def test_an_answer_that_is_not_mlflows_is_an_outage(
    studio: Any, proxy: Any, experiment: Any, hidden: set[str]
) -> None:
    proxy.hidden = hidden
    run = experiment.start_logging(snapshot_directory=None)
    run.flush()
    kinds = ["empty", "OK", "an object of another's", "a page", "a list", "an empty object"]
    for number, kind in enumerate(kinds):
        answers = [FOREIGN[kind]]
        proxy.rule = lambda path, content, answers=answers: (
            answers.pop() if answers and is_write(path) else PASS
        )
        run.log("m", number)
        run.flush()
        assert not answers
    complete(run)
    assert stored(studio, run, "m") == list(range(len(kinds)))


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str | None]]]:
    """The address of another server, and the credentials that it was sent."""
    heard: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers.get("Authorization"))
            self.send_response(200)
            self.end_headers()

        do_POST = do_PUT = do_PATCH = do_GET

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", heard
    server.shutdown()
    server.server_close()


def test_no_credentials_follow_a_redirect(
    proxy: Any, submit: Any, elsewhere: Any, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    go, uri, heard = work / "go", *elsewhere
    run = submit(
        f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.05)"
    )
    until(lambda: run.get_status() == "Running", "the script's start")
    proxy.calls.clear()
    proxy.rule = lambda path, content: (302, {"Location": uri})
    until(lambda: any(heard) or len(proxy.calls) >= 4, "calls of the agent's")
    proxy.rule = lambda path, content: PASS
    go.touch()
    run.wait_for_completion(raise_on_error=False)
    assert [each for each in heard if each is not None] == []


def test_the_journals_folder_vanishes(run: Any, work: Path) -> None:
    from azureml.exceptions import AzureMLException

    journal = Path(os.environ["AMLFLOW_JOURNAL_FOLDER"])
    raised = []
    for _ in range(3):
        run.log("before", 1)
        shutil.rmtree(journal, ignore_errors=True)
        for number in range(200):
            try:
                run.log("m", number)
            except AzureMLException as error:
                raised.append(error)
    with contextlib.suppress(AzureMLException):
        run.complete()
    got = run.get_metrics()
    assert len(got["m"]) + len(raised) == 600
    assert len(got["before"]) == 3


CUT = """
import contextlib, os
from azureml.core import Experiment, Workspace

def cut(size):
    # amlflow replaces the segments meanwhile.
    for folder, _, names in os.walk(os.environ["AMLFLOW_JOURNAL_FOLDER"]):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                if os.stat(os.path.join(folder, name)).st_size > 8192:
                    os.truncate(os.path.join(folder, name), size)

run = Experiment(Workspace("sub", "group", "workspace"), "own").start_logging(
    snapshot_directory=None
)
sizes = {100: 0, 300: 5000, 500: 4096}
for number in range(600):
    run.log("m", number)
    if number in sizes:
        cut(sizes[number])
run.complete()
print(run.id)
"""


def test_a_segment_of_the_journal_is_cut(workspace: Any) -> None:
    """Memory that is mapped from a file and lies behind its end kills a process with SIGBUS."""
    done = subprocess.run([sys.executable, "-c", CUT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    assert workspace.get_run(done.stdout.split()[-1]).get_metrics() == {"m": list(range(600))}


def test_a_passing_refusal_of_credentials_is_waited_out(
    studio: Any, proxy: Any, experiment: Any
) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    run.flush()
    refusals = [401, 403, 401]
    proxy.rule = lambda path, content: (
        (refusals.pop(), {}) if refusals and not path.endswith("/version") else PASS
    )
    run.log("m", 1)
    run.complete()
    assert stored(studio, run, "m") == [1]


# --- Submitted scripts --------------------------------------------------------------------------


SUBMIT = """
import sys
from azureml.core import Experiment, ScriptRunConfig, Workspace
experiment = Experiment(Workspace("sub", "group", "workspace"), sys.argv[1])
print(experiment.submit(ScriptRunConfig("src", script="b.py")).id)
"""


def log_of(run: Any) -> str:
    return str(run.get_details_with_logs()["logFiles"].get("user_logs/std_log.txt", ""))


def test_each_job_runs_in_its_submitters_python(
    submit: Any, experiment: Any, work: Path, tmp_path: Path
) -> None:
    """Whoever advances the queue, here the agent of the job before."""
    (work / ".azureml").mkdir()
    (work / ".azureml" / "compute.yaml").write_text("local: {kind: local, max_runs: 1}")
    go = work / "go"
    first = submit(
        f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.05)"
    )
    venv.EnvBuilder(symlinks=True).create(tmp_path / "other")
    other = tmp_path / "other" / "bin" / "python"
    [packages] = (tmp_path / "other").glob("lib/*/site-packages")
    (packages / "others.pth").write_text("\n".join(path for path in sys.path if path))
    (packages / "only_b.py").write_text("__version__ = '1.2.3'")
    (work / "src" / "b.py").write_text(
        "import sys, only_b\nprint(sys.executable, only_b.__version__)"
    )
    done = subprocess.run(
        [other, "-c", SUBMIT, experiment.name], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    second = experiment.workspace.get_run(done.stdout.split()[-1])
    assert second.get_status() == "Queued"
    go.touch()
    for run in (first, second):
        assert run.wait_for_completion(raise_on_error=False)["status"] == "Completed"
    assert log_of(second).split()[-2:] == [str(other), "1.2.3"]


LIST = """
from azureml.core import Workspace

print(list(Workspace("sub", "group", "workspace").experiments))
"""


def test_a_busy_database_is_waited_for_when_it_is_opened(run: Any, tmp_path: Path) -> None:
    """Longer than the 5 s that SQLite itself waits in Python."""
    run.complete()
    path = tmp_path / "mlflow.db"
    with contextlib.closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as database:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        process = psutil.Popen([sys.executable, "-c", LIST], stdout=-1, stderr=-1, text=True)
        until(lambda: has_opened(process, path) or has_ended(process), "the database's opening")
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(6)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert run.experiment.name in output


def has_opened(process: psutil.Popen, path: Path) -> bool:
    with contextlib.suppress(psutil.Error):
        return str(path) in [file.path for file in process.open_files()]
    return False


def has_ended(process: psutil.Popen) -> bool:
    return process.poll() is not None


def test_files_of_a_scripts_own_experiments_are_kept(
    submit: Any, tmp_path: Path, work: Path
) -> None:
    run = submit(
        """
import mlflow
with mlflow.start_run():
    mlflow.log_text("first", "first.txt")
mlflow.set_experiment("own")
with mlflow.start_run():
    mlflow.log_text("hello", "keep.txt")
"""
    )
    assert run.wait_for_completion()["status"] == "Completed"
    until(lambda: not list((tmp_path / "state" / "jobs").iterdir()), "the job's end")
    assert [path.read_text() for path in tmp_path.rglob("keep.txt")] == ["hello"]
    assert "first.txt" in run.get_file_names()


def test_what_the_agent_sends_for_a_script_is_no_alarm(submit: Any) -> None:
    from azureml.core.runconfig import RunConfiguration

    settings = RunConfiguration()
    # The script's process ends without waiting until its values are sent.
    settings.environment_variables = {"AMLFLOW_EXIT_SECONDS": "0"}
    run = submit(
        """
from azureml.core import Run
run = Run.get_context()
for number in range(1000):
    run.log("m", number)
""",
        run_config=settings,
    )
    assert run.wait_for_completion()["status"] == "Completed"
    assert run.get_metrics() == {"m": list(range(1000))}
    assert "have not reached" not in log_of(run)


# --- Threads ------------------------------------------------------------------------------------


def at_once(count: int, act: Callable[[int], Any]) -> None:
    """Call a function from many threads at the same time."""
    ready = threading.Barrier(count)

    def begin(number: int) -> None:
        ready.wait()
        act(number)

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(begin, range(count)))


def test_what_other_threads_have_changed_is_seen(proxy: Any, experiment: Any) -> None:
    proxy.rule = lambda path, content: hash(str(content)) % 5 / 100  # some calls take longer
    run = experiment.start_logging(snapshot_directory=None)
    for number in range(3):
        at_once(12, lambda i, n=number: run.set_tags({"shared": f"{i}", f"own {n} {i}": None}))
        assert {f"own {number} {i}" for i in range(12)} <= run.get_tags().keys()


def test_first_uploads_at_once_succeed(experiment: Any, work: Path) -> None:
    (work / "file").write_text("content")
    for _ in range(12):
        run = experiment.start_logging(snapshot_directory=None)
        at_once(8, lambda i, run=run: run.upload_file(f"outputs/a/b/{i}", "file"))
        run.flush()
        assert len(run.get_file_names()) == 8
