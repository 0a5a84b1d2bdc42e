"""Version 1 of the contract grows: newer and older amlflows and plugins work with each other."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path

import pytest
from test_outside import Shell, check_story, outside, shell

__all__ = ["outside", "shell"]  # fixtures

ASKED = "def get_run(self, run_id: str, experiment_id: str | None = None)"
ASKED_FOR_PINS = ASKED[:-1] + ", *, with_pins: bool = False)"
HOST_OF_TOMORROW = {
    "spec/tracker.py": [
        # one more feature
        ("    MODELS = ", '    PINS = "pinned runs"\n    MODELS = '),
        # one more method
        (
            "    def own_paths(self)",
            "    def pin_run(self, run_id: str, *, reason: str = '') -> str:\n"
            "        ...\n\n    def own_paths(self)",
        ),
        # one more argument, by keyword only, of a method that is there already
        (ASKED, ASKED_FOR_PINS),
    ],
    "spec/base.py": [
        (
            "    def own_paths(self)",
            "    def pin_run(self, run_id, *, reason=''):\n"
            "        return 'not pinned'\n\n    def own_paths(self)",
        ),
        # one more method of a compute target, and of a cluster
        (
            "    images: Images | None = None\n",
            "    images: Images | None = None\n\n"
            "    def pause(self, name):\n        return 'not paused'\n\n",
        ),
        (
            "    def addresses(self)",
            "    def hold(self, name):\n        return 'not held'\n\n    def addresses(self)",
        ),
    ],
    # one more field of what they are given, and of what they give
    "spec/compute.py": [
        ("    needs: Sequence[Path] = ()\n",
         "    needs: Sequence[Path] = ()\n    priority: int = 0\n"),
        ("    errors_end: int | None = None\n",
         "    errors_end: int | None = None\n    cpu_seconds: float | None = None\n"),
        ("    @abstractmethod\n    def clean",
         "    def pause(self, name: str) -> str: ...\n\n    @abstractmethod\n    def clean"),
    ],
    "spec/cluster.py": [
        ("    max_seconds: float", "    priority: int = 0\n    max_seconds: float"),
        ("    before: int | None = None\n", "    before: int | None = None\n    rank: int = 0\n"),
        ("    @abstractmethod\n    def cancel",
         "    def hold(self, name: str) -> str: ...\n\n    @abstractmethod\n    def cancel"),
    ],
    "spec/records.py": [
        # one more field of what a tracker is given, and of what it gives
        (
            "    writer: str | None = None\n",
            "    writer: str | None = None\n    priority: int = 0\n",
        ),
        (
            "    params: Mapping[str, str] = field(default_factory=dict)\n",
            "    params: Mapping[str, str] = field(default_factory=dict)\n    priority: int = 0\n",
        ),
    ],
    "spec/hooks.py": [
        # one more argument of a hook, and one more hook
        ("amlflow_run_started(self, run: RunRecord)", "amlflow_run_started(self, run, reason)"),
        ("    def amlflow_run_ended", "    def amlflow_run_pinned(self, run): ...\n\n"
         "    def amlflow_run_ended"),
    ],
    "plugins.py": [("manager.hook, hook)(run=run)", "manager.hook, hook)(run=run, reason='why')")],
    "layers/layer.py": [
        (
            "    def own_paths(self)",
            "    def pin_run(self, run_id, *, reason=''):\n"
            "        return member(self.inner, 'pin_run')(run_id)\n\n    def own_paths(self)",
        ),
        (ASKED, ASKED_FOR_PINS),
        (
            "return self.inner.get_run(run_id, experiment_id)",
            "more = {'with_pins': with_pins} if Feature.PINS in self.inner.features else {}\n"
            "        return self.inner.get_run(run_id, experiment_id, **more)",
        ),
    ],
    "layers/kept_in_notes.py": [
        (ASKED, ASKED_FOR_PINS),
        (
            "self.inner.get_run(run_id, experiment_id)",
            "super().get_run(run_id, experiment_id, with_pins=with_pins)",
        ),
    ],
    "layers/journaled.py": [
        (ASKED, ASKED_FOR_PINS),
        (
            "self.inner.get_run(self._tracker_id(run_id), experiment_id)",
            "self.inner.get_run(self._tracker_id(run_id), experiment_id, with_pins=with_pins)",
        ),
    ],
}  # fmt: skip

PIN = """
from amlflow.core.experiment import Experiment
from amlflow.core.workspace import Workspace
from amlflow.layers.stack import open_layered
from amlflow.spec import Feature, RunDraft, RunRecord

ws = Workspace.from_config()
assert "priority" in RunDraft.__dataclass_fields__
tracker = open_layered(ws.get_mlflow_tracking_uri())
with Experiment(ws, "pinned").start_logging() as run:
    pass
# A tracker that does not claim the feature never gets its argument.
assert tracker.get_run(run.id, with_pins=True).id == run.id
print(tracker.pin_run("any"), Feature.PINS in tracker.features)
"""

PLUGIN_OF_TOMORROW = """
import dataclasses
from amlflow.spec import Feature, RunRecord, hookimpl, make_record
from ledger import *
from ledger_tracker import LedgerTracker

amlflow_spec = 1
features = frozenset({Feature.SHARED, Feature.BATCHES, "pinned runs"})


class TrackerOfTomorrow(LedgerTracker):
    features = features

    def pin_run(self, run_id, *, reason=""):
        raise AssertionError("an older amlflow does not know this method")

    def get_run(self, run_id, experiment_id=None, *, with_pins=False):
        run = super().get_run(run_id, experiment_id)
        values = {field.name: getattr(run, field.name) for field in dataclasses.fields(run)}
        return make_record(RunRecord, **values, priority=3)


@hookimpl
def amlflow_tracker(uri):
    scheme, _, folder = uri.partition(":")
    return TrackerOfTomorrow(uri, folder) if scheme == "ledger" else None


@hookimpl(optionalhook=True)
def amlflow_run_pinned(run):
    raise AssertionError("an older amlflow does not know this hook")
"""


QUEUE_OF_TODAY = """
from amlflow.spec import ClusterBase, ClusterJob, JobState, hookimpl
from ledger_compute import ShellCompute

amlflow_spec = 1


class Queue(ClusterBase):
    def __init__(self):
        self.names = []

    def submit(self, works):
        self.names += [work.name for work in works]

    def look(self, names, *, now=False):
        states = {name: JobState.QUEUED for name in self.names}
        return {name: ClusterJob(state=states.get(name, JobState.UNKNOWN)) for name in names}

    def cancel(self, names):
        self.names = [name for name in self.names if name not in names]


@hookimpl
def amlflow_cluster(kind, settings):
    return Queue() if kind == "queue" else None


@hookimpl
def amlflow_compute(kind, settings):
    return ShellCompute() if kind == "own" else None
"""

QUEUE_OF_TOMORROW = (
    QUEUE_OF_TODAY
    + """

from amlflow.spec import Ending, make_record


class LaterQueue(Queue):
    def check(self, work, tracking_uri, *, is_strict=False):
        assert getattr(work, "priority", 0) == 0

    def hold(self, name):
        raise AssertionError("an older amlflow does not know this method")

    def look(self, names, *, now=False, ranks=True):
        jobs = super().look(names, now=now)
        return {
            name: make_record(ClusterJob, state=job.state, reason="it waits", rank=7)
            for name, job in jobs.items()
        }


class LaterWork:
    def __init__(self, started):
        self.end, self._ending = started.end, started.ending

    def ending(self):
        ending = self._ending()
        return ending and make_record(Ending, code=ending.code, cpu_seconds=1.0)


class LaterCompute(ShellCompute):
    def pause(self, name):
        raise AssertionError("an older amlflow does not know this method")

    def start(self, work, *, is_paused=False):
        assert getattr(work, "priority", 0) == 0
        return LaterWork(super().start(work))


@hookimpl
def amlflow_cluster(kind, settings):
    return LaterQueue() if kind == "queue" else None


@hookimpl
def amlflow_compute(kind, settings):
    return LaterCompute() if kind == "own" else None
"""
)

USE_COMPUTE = """
import sys, time
from pathlib import Path
from amlflow.plugins import open_cluster, open_compute
from amlflow.spec import ClusterWork, Work

is_later = "priority" in Work.__dataclass_fields__
more = {"priority": 5} if is_later else {}
folder = Path.cwd()
work = Work(
    name="w", command=[sys.executable, "-c", "print('done')"], is_script=False, folder=folder,
    output=folder / "output", **more
)
compute = open_compute("own", {})
compute.check(work)
started = compute.start(work)
while (ending := started.ending()) is None:
    time.sleep(0.01)
started.end(grace=1)
compute.clean("w")
print(ending.code, (folder / "output").read_text().strip())

cluster = open_cluster("queue", {})
job = ClusterWork(name="j", python="python", arguments=[], **more)
cluster.check(job, "ledger:x")
cluster.submit([job])
print(cluster.look(["j"], now=True)["j"].state.name)
cluster.cancel(["j"])
print(cluster.look(["j"], now=True)["j"].state.name)
if is_later:
    print(compute.pause("w"), ending.cpu_seconds, cluster.hold("j"), cluster.look(["j"])["j"].rank)
"""


def install(folder: Path, name: str, source: str) -> dict[str, str]:
    """Put a plugin into a folder; the variables by which it is imported and loaded."""
    metadata = folder / f"{name}-1.dist-info"
    metadata.mkdir(parents=True)
    (folder / f"{name}.py").write_text(source)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[amlflow]\n{name} = {name}\n")
    return {"PYTHONPATH": str(folder), "AMLFLOW_PLUGINS": name}


def site_packages(environment: Path) -> Path:
    [folder] = environment.glob("lib/python3*/site-packages")
    return folder


@pytest.fixture
def newer_host(outside: Path) -> dict[str, str]:
    """The variable by which a later amlflow is imported, which has more of everything."""
    host = outside / f"newer-{uuid.uuid4().hex}"  # below the environment, as its packages are
    shutil.copytree(site_packages(outside) / "amlflow", host / "amlflow")
    for name, replacements in HOST_OF_TOMORROW.items():
        path = host / "amlflow" / name
        text = path.read_text()
        for old, new in replacements:
            assert old in text, (name, old)
            text = text.replace(old, new, 1)
        path.write_text(text)
    return {"PYTHONPATH": str(host)}


@pytest.mark.parametrize("has_base_class", [True, False])
def test_a_plugin_of_today_in_an_amlflow_of_tomorrow(
    shell: Shell, outside: Path, newer_host: dict[str, str], has_base_class: bool
) -> None:
    if not has_base_class:
        source = (site_packages(outside) / "ledger_tracker.py").read_text()
        source = source.replace("class LedgerTracker(spec.TrackerBase):", "class LedgerTracker:")
        source = source.replace("super().__init__(uri)", "self.uri = uri")
        source = source.replace(
            "    # files\n", "    def check_name(self, name):\n        pass\n\n    # files\n"
        )
        Path(newer_host["PYTHONPATH"], "ledger_tracker.py").write_text(source)
    check_story(shell, **newer_host)
    assert shell("python", "-c", PIN, **newer_host) == "not pinned False\n"
    plugins = json.loads(shell("amlflow", "plugins", **newer_host))
    assert [each["error"] for each in plugins if each["plugin"] == "ledger"] == [None]


def test_a_plugin_of_tomorrow_in_this_amlflow(shell: Shell, tmp_path: Path) -> None:
    variables = install(tmp_path / "tomorrow", "tomorrow", PLUGIN_OF_TOMORROW)
    check_story(shell, **variables)
    [listed] = json.loads(shell("amlflow", "plugins", **variables))
    assert listed["plugin"] == "tomorrow"
    assert listed["error"] is None
    assert listed["unknown_features"] == ["pinned runs"]


def test_compute_and_cluster_of_today_in_an_amlflow_of_tomorrow(
    shell: Shell, newer_host: dict[str, str], tmp_path: Path
) -> None:
    variables = install(tmp_path / "today", "today", QUEUE_OF_TODAY)
    path = os.pathsep.join([newer_host["PYTHONPATH"], variables.pop("PYTHONPATH")])
    lines = shell("python", "-c", USE_COMPUTE, PYTHONPATH=path, **variables).splitlines()
    assert lines == ["0 done", "QUEUED", "UNKNOWN", "not paused None not held 0"]


def test_compute_and_cluster_of_tomorrow_in_this_amlflow(shell: Shell, tmp_path: Path) -> None:
    variables = install(tmp_path / "tomorrow", "later", QUEUE_OF_TOMORROW)
    lines = shell("python", "-c", USE_COMPUTE, **variables).splitlines()
    assert lines == ["0 done", "QUEUED", "UNKNOWN"]
