"""Version 1 of the contract grows: newer and older amlflows and plugins work with each other."""

from __future__ import annotations

import json
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
    folder = tmp_path / "tomorrow"
    metadata = folder / "tomorrow-1.dist-info"
    metadata.mkdir(parents=True)
    (folder / "tomorrow.py").write_text(PLUGIN_OF_TOMORROW)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tomorrow\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[amlflow]\ntomorrow = tomorrow\n")
    variables = {"PYTHONPATH": str(folder), "AMLFLOW_PLUGINS": "tomorrow"}
    check_story(shell, **variables)
    [listed] = json.loads(shell("amlflow", "plugins", **variables))
    assert listed["plugin"] == "tomorrow"
    assert listed["error"] is None
    assert listed["unknown_features"] == ["pinned runs"]
