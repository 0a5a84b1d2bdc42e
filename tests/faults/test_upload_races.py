"""Uploads of different files to one run, all at the same moment: every one of them is stored."""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.jobs import snapshot
from helpers.forked_processes import in_processes

THREADS, PROCESSES, ROUNDS = 8, 4, 4
FOLDER = "outputs/a/b/c"
"""None of these is there before the first upload."""

UPLOAD = """
name, *run_ids = arguments
experiment = Experiment(Workspace.from_config(), name)
runs = [Run(experiment, run_id) for run_id in run_ids]
ready()
for run in runs:
    run.upload_file(f"outputs/a/b/c/{place}", "file")
give(None)
"""


@pytest.fixture(params=["sqlite_uri", "trackio_uri"])
def experiment(
    request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Experiment:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue(request.param))
    (folder / "file").write_text("content")
    return Experiment(Workspace.from_config(), f"uploads-{uuid.uuid4().hex[:8]}")


class Meeting:
    """Has threads that are about to make the same folder do it at the same moment."""

    def __init__(self) -> None:
        self.is_on = False
        self._lock = threading.Lock()
        self._here: dict[str, threading.Event] = {}
        sys.addaudithook(self._on_event)  # it stays for the whole process

    def _on_event(self, event: str, arguments: tuple[object, ...]) -> None:
        if event != "os.mkdir" or not self.is_on:
            return
        path = str(arguments[0])
        with self._lock:
            is_first = path not in self._here
            other = self._here.setdefault(path, threading.Event())
        if is_first:
            other.wait(0.5)  # where nobody else makes it, there is nothing to meet
        else:
            other.set()


_MEETING = Meeting()


@pytest.fixture
def _meeting() -> Iterator[None]:
    _MEETING.is_on = True
    yield
    _MEETING.is_on = False


def new_run(experiment: Experiment) -> Run:
    return experiment.start_logging(snapshot_directory=None)


@pytest.mark.usefixtures("_meeting")
@pytest.mark.parametrize("replace", [False, True])
def test_from_many_threads(experiment: Experiment, folder: Path, replace: bool) -> None:
    tracker = experiment._tracker.inner  # the journal sends one after the other
    run, start = new_run(experiment), threading.Barrier(THREADS)

    def upload(me: int) -> None:
        start.wait()
        tracker.put_files(run.id, {f"{FOLDER}/{me}/d": folder / "file"}, replace=replace)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(upload, range(THREADS)))
    assert run.get_file_names() == [f"{FOLDER}/{me}/d" for me in range(THREADS)]


def test_from_many_processes(experiment: Experiment, folder: Path) -> None:
    runs = [new_run(experiment) for _ in range(ROUNDS)]
    module = (
        "amlflow_trackio.tracker" if "trackio" in experiment._tracker.uri else "mlflow.artifacts"
    )
    in_processes(UPLOAD, PROCESSES, experiment.name, *(run.id for run in runs), module=module)
    for run in runs:
        assert run.get_file_names() == [f"{FOLDER}/{me}" for me in range(PROCESSES)]


@pytest.mark.usefixtures("_meeting")
def test_snapshots_from_many_threads(experiment: Experiment, folder: Path) -> None:
    """The first ones of a tracker: not even the place for them is there."""
    start = threading.Barrier(THREADS)
    for me in range(THREADS):
        (folder / f"{me // 2}").mkdir(exist_ok=True)  # every two take the same
        (folder / f"{me // 2}" / "file").write_text(f"{me // 2}")

    def take(me: int) -> str:
        start.wait()
        return snapshot.store(experiment._tracker, folder / f"{me // 2}")

    with ThreadPoolExecutor(THREADS) as pool:
        digests = list(pool.map(take, range(THREADS)))
    assert len(set(digests)) == THREADS // 2
    assert all(map(experiment._tracker.has_snapshot, digests))
