"""Compute targets: how they are declared, and how many runs each runs at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.compute import declared
from azureml.core import ComputeTarget, ScriptRunConfig
from azureml.core.compute import AmlCompute
from azureml.core.compute_target import ComputeTargetException
from helpers.submitted_jobs import (
    agents,
    kill_agent,
    log_of,
    script,
    scripts,
    submit,
    until,
    wait_for_end,
)


def declare(text: str) -> None:
    Path(".azureml").mkdir(exist_ok=True)
    Path(".azureml/compute.yaml").write_text(text)


CLUSTER = "gpu-cluster:\n  kind: local\n  max_runs: 1\n"


def test_declared_in_the_folder_or_above(
    experiment: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(CLUSTER)
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    ws = experiment.workspace
    target = ws.compute_targets["gpu-cluster"]
    assert (target.name, target.type) == ("gpu-cluster", "local")
    assert ComputeTarget(workspace=ws, name="gpu-cluster").name == "gpu-cluster"
    assert AmlCompute(ws, "gpu-cluster").get_status() == "Succeeded"
    assert target.get_status().serialize()["provisioningState"] == "Succeeded"
    assert set(ws.compute_targets) == {"gpu-cluster", "local"}
    assert [each.name for each in ComputeTarget.list(ws)] == ["gpu-cluster", "local"]
    assert json.loads(json.dumps(target.serialize()))["properties"]["max_runs"] == 1


@pytest.mark.parametrize("by_name", [True, False])
def test_a_run_on_a_declared_target(experiment: Any, by_name: bool) -> None:
    declare(CLUSTER)
    target = experiment.workspace.compute_targets["gpu-cluster"]
    text = "from azureml.core import Workspace as W; W.from_config().compute_targets['gpu-cluster']"
    run = submit(experiment, text, compute_target="gpu-cluster" if by_name else target)
    assert wait_for_end(run) == "Completed"
    assert run.get_details()["target"] == "gpu-cluster"
    assert [each.id for each in type(run).list_by_compute(target)] == [run.id]
    assert list(target.get_active_runs()) == []


def test_an_unknown_name(experiment: Any, jobs: Path) -> None:
    declare(CLUSTER)
    ws = experiment.workspace
    script("pass")

    def names() -> list[Any]:
        return [
            lambda: ws.compute_targets["nope"],
            lambda: ComputeTarget(ws, "nope"),
            lambda: experiment.submit(
                ScriptRunConfig("src", script="script.py", compute_target="nope")
            ),
        ]

    for look in names():
        with pytest.raises(ComputeTargetException) as caught:
            look()
        message = caught.value.message
        assert "'nope'" in message
        assert "gpu-cluster, local" in message
        assert "compute.yaml" in message
        assert "amlflow computetarget attach" in message
    with pytest.raises(KeyError):
        ws.compute_targets["nope"]
    assert ws.compute_targets.get("nope") is None
    assert list(experiment.get_runs()) == []
    assert not list(jobs.glob("*"))


def test_an_attached_target_runs_until_it_is_detached(experiment: Any) -> None:
    ws = experiment.workspace
    declared.attach(ws, "mine", "local", {"max_runs": 3})
    assert ws.compute_targets["mine"].type == "local"
    other = type(ws)("sub", "group", "another")
    assert "mine" not in other.compute_targets
    run = submit(experiment, "pass", compute_target="mine")
    assert wait_for_end(run) == "Completed"
    ws.compute_targets["mine"].detach()
    assert "mine" not in ws.compute_targets
    with pytest.raises(ComputeTargetException, match="not attached"):
        declared.detach(ws, "mine")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x:\n  kind: moon\n", "'moon'"),
        ("x:\n  max_runs: 1\n", "lacks 'kind'"),
        ("x:\n  kind: local\n  max_runs: 0\n", "max_runs: 0"),
        ("x:\n  kind: local\n  colour: red\n", "'colour'"),
        ("x: local\n", "'x' is not a compute target"),
        ("- x\n", "must map the name of each compute target"),
        ("x: [\n", "is not YAML"),
    ],
)
def test_wrong_declarations(experiment: Any, text: str, said: str) -> None:
    declare(text)
    script("pass")
    with pytest.raises(ComputeTargetException) as caught:
        experiment.submit(ScriptRunConfig("src", script="script.py", compute_target="x"))
    assert said in caught.value.message


def test_wrong_names_and_settings_are_not_attached(experiment: Any) -> None:
    ws = experiment.workspace
    for name, kind in (("../up", "local"), ("", "local"), ("x", "moon")):
        with pytest.raises(ComputeTargetException):
            declared.attach(ws, name, kind)
    assert set(ws.compute_targets) == {"local"}


CREATE = """
from azureml.core import ComputeTarget, Workspace
from azureml.core.compute import AmlCompute
workspace = Workspace("s", "g", "w")
for number in range(8):
    for name in ("NAME", "shared"):
        configuration = AmlCompute.provisioning_configuration("x", max_nodes=number + 1)
        ComputeTarget.create(workspace, f"{name}-{number}", configuration)
"""


def test_processes_that_create_clusters_at_once_lose_none(folder: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", CREATE.replace("NAME", name)], cwd=folder)
        for name in "abc"
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    names = {f"{name}-{number}" for name in ("a", "b", "c", "shared") for number in range(8)}
    assert set(declared.read_file(folder / ".azureml/compute.yaml")) == names


GATE = """
    import pathlib, sys, time
    order, name, gate = sys.argv[1:]
    with open(order, "a") as file:
        file.write(name)
    while not pathlib.Path(gate).exists():
        time.sleep(0.05)
"""


def test_the_default_number_at_once_is_the_machines_cores(experiment: Any) -> None:
    stated = declared.find(experiment.workspace, "local").settings
    assert declared.open_target("local", stated).max_runs == os.cpu_count()


def test_others_wait_in_their_order(experiment: Any, jobs: Path, tmp_path: Path) -> None:
    declare(CLUSTER)
    order, gate = tmp_path / "order", tmp_path / "gate"

    def submitted(name: str) -> Any:
        arguments = [str(order), name, str(gate)]
        return submit(experiment, GATE, compute_target="gpu-cluster", arguments=arguments)

    runs = [submitted(name) for name in "abcd"]
    until(lambda: runs[0].get_status() == "Running")
    assert [run.get_status() for run in runs[1:]] == ["Queued"] * 3
    assert "startTimeUtc" not in runs[1].get_details()
    assert len(agents(jobs)) == 1
    runs[2].cancel()
    assert runs[2].get_status() == "Canceled"
    gate.touch()
    assert [wait_for_end(run) for run in runs] == [
        "Completed",
        "Completed",
        "Canceled",
        "Completed",
    ]
    assert order.read_text() == "abd"
    first, second, last = (runs[place]._record for place in (0, 1, 3))
    assert first.ended <= second.started
    assert second.ended <= last.started


def test_max_runs_of_two_runs_two_and_queues_the_third(
    experiment: Any, jobs: Path, tmp_path: Path
) -> None:
    declare("pair:\n  kind: local\n  max_runs: 2\n")
    order, gate = tmp_path / "order", tmp_path / "gate"
    runs = [
        submit(experiment, GATE, compute_target="pair", arguments=[str(order), name, str(gate)])
        for name in "abc"
    ]
    until(lambda: order.exists() and len(order.read_text()) == 2)
    assert runs[2].get_status() == "Queued"
    assert len(scripts(jobs)) == 2
    gate.touch()
    assert [wait_for_end(run) for run in runs] == ["Completed"] * 3


def test_the_queue_goes_on_when_an_agent_is_killed(
    experiment: Any, jobs: Path, tmp_path: Path
) -> None:
    declare(CLUSTER)
    order, gate = tmp_path / "order", tmp_path / "gate"
    first, second = (
        submit(
            experiment, GATE, compute_target="gpu-cluster", arguments=[str(order), name, str(gate)]
        )
        for name in "ab"
    )
    until(order.exists)
    kill_agent(jobs)
    gate.touch()
    assert second.get_status() == "Queued"  # a look starts nothing
    assert second.wait_for_completion()["status"] == "Completed"
    assert first.wait_for_completion(raise_on_error=False)["status"] == "Failed"


def test_each_job_has_its_own_submitters_environment(
    experiment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(CLUSTER)
    order, gate = tmp_path / "order", tmp_path / "gate"
    first = submit(
        experiment, GATE, compute_target="gpu-cluster", arguments=[str(order), "a", str(gate)]
    )
    monkeypatch.setenv("WHO", "the second")
    second = submit(experiment, "import os; print(os.environ['WHO'])", compute_target="gpu-cluster")
    gate.touch()
    assert wait_for_end(first) == "Completed"
    assert wait_for_end(second) == "Completed"
    assert log_of(second) == "the second\n"
