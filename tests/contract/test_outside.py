"""Plugins that somebody else made, beside amlflow's wheel in an environment of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from amlflow.testing.suites.processes import ProcessTests
from helpers import servers
from helpers.wheels import build_wheel, lend_packages, make_environment, pip, run
from test_guide import SCRIPT, check_printed

OUTSIDE = Path(__file__).with_name("outside")

STORY = """
import amlflow, azureml.core, ledger, sys
from azureml.core import Experiment, Run, Workspace
from azureml.exceptions import UserErrorException

assert all(each.__file__.startswith(sys.prefix) for each in (amlflow, azureml.core, ledger))
exp = Experiment(Workspace.from_config(), "outside")
with exp.start_logging(snapshot_directory=None) as run:
    run.log("loss", 0.5)
    run.log("loss", 0.25)
    run.tag("quality", "fantastic run")
    run.add_properties({"author": "azureml-user"})
    try:
        Run(exp, run.id).add_properties({"author": "somebody"})
    except UserErrorException as error:
        print("immutable" in str(error))
    with run.child_run() as child:
        child.log("fold", 1)
print(run.get_status(), run.get_metrics())
print([each.id for each in run.get_children()] == [child.id])
found = exp.get_runs(properties={"author": "azureml-user"}, tags="quality")
print([each.id for each in found] == [run.id])
print(run.id, child.id)
"""

SUBMISSION = """
from azureml.core import Experiment, Run, ScriptRunConfig, Workspace

exp = Experiment(Workspace.from_config(), "outside")
runs = [
    exp.submit(ScriptRunConfig(".", "train.py", arguments=[n], compute_target="shells"))
    for n in ("0", "600")
]
runs[0].wait_for_completion()
while "started" not in runs[1].get_metrics():
    assert runs[1].get_status() not in ("Failed", "Completed")
Run(exp, runs[1].id).cancel()
runs[1].wait_for_completion(raise_on_error=False)
for run in runs:
    print(run.get_status(), run.get_metrics())
"""

TRAIN = """
import sys, time
from azureml.core import Run

Run.get_context().log("started", True)
time.sleep(int(sys.argv[1]))
"""


@pytest.fixture(scope="session")
def outside(shared: servers.Shared, wheel: Path) -> Path:
    """An environment with both wheels, and a folder `faulty` in it with the other plugins."""

    def make(place: Path) -> tuple[str, None]:
        environment = make_environment(place / "env")
        ledger, faulty = (
            build_wheel(OUTSIDE / each, place / each) for each in ("ledger", "faulty")
        )
        pip(environment, "install", "--no-deps", "--no-index", wheel, ledger)
        pip(environment, "install", "--no-deps", "--target", environment / "faulty", faulty)
        lend_packages(environment)
        return str(environment), None

    return Path(shared.get("outside", make))


class Shell:
    """The environment's programs, in a folder whose tracker is the ledger beside it."""

    def __init__(self, environment: Path, folder: Path) -> None:
        self.environment, self.folder = environment, folder
        self.uri = f"ledger:{folder.parent}/ledger"
        self.notes = folder.parent / "notes"

    def done(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        program = self.environment / "bin" / command[0]
        variables = {
            "MLFLOW_TRACKING_URI": self.uri, "LEDGER_NOTES": str(self.notes),
            "PATH": f"{self.environment}/bin{os.pathsep}{os.environ['PATH']}", **more,
        }  # fmt: skip
        return run(program, *command[1:], folder=self.folder, **variables)

    def __call__(self, *command: str, **more: str) -> str:
        done = self.done(*command, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def shell(outside: Path, folder: Path) -> Shell:
    return Shell(outside, folder)


@pytest.fixture
def faulty(outside: Path) -> dict[str, str]:
    """The variable that adds the faulty plugins."""
    return {"PYTHONPATH": str(outside / "faulty")}


def check_story(shell: Shell, **more: str) -> None:
    lines = shell("python", "-c", STORY, **more).splitlines()
    assert lines[:4] == ["True", "Completed {'loss': [0.5, 0.25]}", "True", "True"]
    run_id, child_id = lines[4].split()
    assert shell.notes.read_text().splitlines() == [
        f"started {run_id} Running", f"started {child_id} Running",
        f"ended {child_id} Completed", f"ended {run_id} Completed",
    ]  # fmt: skip


def test_code_for_azureml_runs_on_it(shell: Shell) -> None:
    check_story(shell)


def test_the_guide_runs_on_it(shell: Shell) -> None:
    shutil.copy(SCRIPT, shell.folder)
    check_printed(shell("python", SCRIPT.name).splitlines())


def test_scripts_are_submitted_to_its_compute_target(shell: Shell, jobs: Path) -> None:
    (shell.folder / "train.py").write_text(TRAIN)
    (shell.folder / ".azureml").mkdir()
    (shell.folder / ".azureml" / "compute.yaml").write_text("shells:\n  kind: shell\n")
    lines = shell("python", "-c", SUBMISSION, AMLFLOW_JOBS=str(jobs)).splitlines()
    assert lines[-2:] == ["Completed {'started': True}", "Canceled {'started': True}"]


def test_its_command(shell: Shell) -> None:
    shell("python", "-c", STORY)
    count = ("amlflow", "ledger", "count", "--uri", shell.uri)
    assert json.loads(shell(*count)) == {"runs": 3}
    counted = json.loads(shell(*count, "--by-experiment"))
    # The ledger itself has the log by which properties are written once.
    assert counted == {"outside": 2, "amlflow.properties": 1}
    for words in (["-h"], ["ledger", "-h"], ["ledger", "count", "-h"]):
        assert "ledger" in shell("amlflow", *words)
    explained = shell("amlflow", "ledger", "count", "-h")
    for piece in ("Count the runs of a ledger.", "Address of the ledger.", "ledger:/tmp/mine"):
        assert piece in explained
    assert shell.done("amlflow", "ledger", "count").returncode == 2


def test_it_passes_the_suites(shell: Shell) -> None:
    out = shell("amlflow", "plugins", "check", "ledger", PYTEST_ADDOPTS="--quick")
    assert " passed" in out
    # It gives runs in no order but by time, begins no page at a place and deletes none, no layer
    # does, and nothing makes it unavailable.
    assert "6 skipped" in out


def test_its_layers_are_listed_with_their_reasons(shell: Shell) -> None:
    err = shell.done("amlflow", "plugins", "--debug").stderr
    for layer, reason in (
        ("WriteOnce", "does not claim 'write-once properties'"),
        ("Nesting", "does not claim 'nested runs'"),
        ("Statuses", "does not claim 'cancel requests'"),
        ("Search", "does not claim 'search by tags and properties'"),
    ):
        assert f"ledger: layer {layer}: the tracker {reason}" in err
    assert "Batches" not in err
    assert "mlflow: layer Journaled: logged values must be stored" in err
    assert err.count(" mlflow: ") == 1


def test_a_broken_claim_is_named_by_the_suite(shell: Shell, faulty: dict[str, str]) -> None:
    some = "too_long or draft or process"
    done = shell.done(
        "amlflow", "plugins", "check", "cuts", PYTEST_ADDOPTS=f"-k '{some}'", **faulty
    )
    assert done.returncode == 1
    assert "page: It never shortens a text." in done.stdout
    assert "page: Other processes and machines change the same runs" in done.stdout
    failed = set(re.findall(r"^FAILED \S*::(test_\w+)", done.stdout, re.MULTILINE))
    assert failed >= {"test_too_long_is_refused_not_cut_off", "test_many_processes_tag_one_run"}
    others = {name for name in failed if name not in vars(ProcessTests)}
    assert others == {"test_too_long_is_refused_not_cut_off"}
    assert "'cuts' does not keep the contract" in done.stderr


@pytest.mark.parametrize(
    ("module", "named"), [("nowhere", "Plugin 'nowhere'"), ("lacks", "check_uri")]
)
def test_what_cannot_be_checked(
    shell: Shell, faulty: dict[str, str], module: str, named: str
) -> None:
    done = shell.done("amlflow", "plugins", "check", module, **faulty)
    assert done.returncode in (1, 3)
    assert named in done.stderr
    assert shell.done("amlflow", "plugins", "chek", module).returncode == 2


def test_the_rest_goes_on_beside_faulty_plugins(shell: Shell, faulty: dict[str, str]) -> None:
    check_story(shell, **faulty)
    done = shell.done("amlflow", "plugins", **faulty)
    errors = {each["plugin"]: each["error"] for each in json.loads(done.stdout)}
    assert "a library of its own is missing" in errors.pop("breaks")
    assert "version 99" in errors.pop("tomorrow")
    assert set(errors) > {"ledger", "mlflow", "local", "same", "lacks"}
    assert set(errors.values()) == {None}
    counted = shell.done("amlflow", "ledger", "count", "--uri", shell.uri, **faulty)
    assert json.loads(counted.stdout) == {"runs": 3}
    for piece in ("'breaks' (breaks_on_import)", "'commands' failed", "'run'"):
        assert piece in counted.stderr
    failed = shell.done("amlflow", "faulty", **faulty)
    assert failed.returncode == 1
    assert "'faulty' of the plugin 'commands' failed: KeyError('missing')" in failed.stderr


@pytest.mark.parametrize(
    ("opened", "named"),
    [
        ("open_tracker('{uri}/both')", ["'ledger'", "'same'", "both take"]),
        ("open_tracker('half:x')", ["'lacks'", "find_runs"]),
        ("open_compute('half', {})", ["'lacks'", "max_runs, check, start, clean"]),
        ("open_tracker('gopher:x')", ["breaks does not load", "library of its own is missing"]),
    ],
)
def test_a_faulty_plugin_is_named(
    shell: Shell, faulty: dict[str, str], opened: str, named: list[str]
) -> None:
    code = f"from amlflow.plugins import *; {opened.replace('{uri}', shell.uri)}"
    done = shell.done("python", "-c", code, **faulty)
    assert done.returncode == 1
    for piece in named:
        assert piece in done.stderr
