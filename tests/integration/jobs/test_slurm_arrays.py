"""Lists of scripts that become job arrays in a real Slurm."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from azureml.core import ScriptRunConfig
from azureml.exceptions import ComputeTargetException, UserErrorException
from helpers.slurm_jobs import slurm_says, submit_and_be_killed
from helpers.submitted_jobs import error_of, log_of, script, until, wait_for_end

CODE = """
import os, sys
from azureml.core import Run

run = Run.get_context()
run.log("number", int(sys.argv[1]))
print("element", os.environ["SLURM_ARRAY_TASK_ID"], os.environ.get("COLOUR"))
print([name for name in os.environ if name.startswith("AMLFLOW_CLUSTER")])
open("outputs/number.txt", "w").write(sys.argv[1])
if sys.argv[1] == "2":
    raise ValueError("no such number")
"""


def configs(count: int, target: str = "gpu-cluster") -> list[ScriptRunConfig]:
    script(CODE)
    return [
        ScriptRunConfig("src", "script.py", arguments=[number], compute_target=target)
        for number in range(count)
    ]


def array_ids(target_state: str | None = None) -> list[str]:
    """The ids of the elements in Slurm's queue, ``array_number``."""
    states = "all" if target_state is None else target_state
    lines = slurm_says("squeue", "--noheader", "--array", f"--states={states}", "-O", "JobArrayID")
    return [line.strip() for line in lines.splitlines() if "_" in line]


def test_a_list_is_one_array(slurm_experiment: Any, jobs: Path) -> None:
    before = set(array_ids())
    parent = slurm_experiment.start_logging(snapshot_directory=None)
    submitted = configs(4)
    submitted[3].run_config.environment_variables = {"COLOUR": "blue"}
    runs = parent.submit_child(submitted, tags=[{"number": str(n)} for n in range(4)])
    assert len({element.partition("_")[0] for element in set(array_ids()) - before}) == 1
    assert list(jobs.iterdir()) == [], "the submitter's machine keeps something of the jobs"
    ends = [wait_for_end(run) for run in runs]
    assert ends == ["Completed", "Completed", "Failed", "Completed"]
    assert "ValueError: no such number" in error_of(runs[2])
    for number, run in enumerate(runs):
        assert run.get_metrics() == {"number": number}
        assert run.get_tags()["number"] == str(number)
        assert run.parent.id == parent.id
        assert f"element {number} {'blue' if number == 3 else None}\n[]" in log_of(run)
        assert "outputs/number.txt" in run.get_file_names()
    assert [run.id for run in parent.get_children()] == [run.id for run in reversed(runs)]


def test_one_of_a_list_is_cancelled(slurm_experiment: Any) -> None:
    runs = slurm_experiment.submit(configs(3, "held"))
    until(lambda: "JobHeldUser" in str(runs[1].get_detailed_status()["details"]))
    runs[1].cancel()
    assert [run.get_status() for run in runs] == ["Queued", "Canceled", "Queued"]
    array, _, _ = array_ids("PENDING")[-1].partition("_")
    until(lambda: f"{array}_1" not in array_ids("PENDING"))
    slurm_says("scontrol", "release", array)
    assert wait_for_end(runs[0]) == "Completed"
    assert wait_for_end(runs[2]) == "Failed"
    assert runs[1].get_metrics() == {}


def test_no_run_is_made_if_one_of_a_list_is_wrong(slurm_experiment: Any) -> None:
    wrong = ScriptRunConfig("src", "missing.py", compute_target="gpu-cluster")
    with pytest.raises(UserErrorException, match=r"'missing.py' does not exist"):
        slurm_experiment.submit([*configs(2), wrong])
    with pytest.raises(UserErrorException, match="has 1 entries, and 2 configurations"):
        slurm_experiment.submit(configs(2), tags=[{}])
    with pytest.raises(UserErrorException, match="consists of ScriptRunConfigs"):
        slurm_experiment.submit([*configs(1), "script.py"])
    too_long = configs(2)
    too_long[1].run_config.environment_variables = {"LONG": os.urandom(150_000).hex()}
    with pytest.raises(ComputeTargetException, match="takes at most 131072"):
        slurm_experiment.submit(too_long)
    assert list(slurm_experiment.get_runs()) == []
    assert slurm_experiment.submit([]) == []


def test_no_run_is_made_if_one_of_several_targets_cannot_run_its_scripts(
    slurm_experiment: Any,
) -> None:
    """Each target is asked before the first script is submitted, also if it comes last."""
    here, there = configs(2, "local"), configs(2)
    with pytest.raises(ComputeTargetException, match="invalid partition specified: nowhere"):
        slurm_experiment.submit([*here, *there, *configs(1, "nowhere")])
    here[1].run_config.environment.python.interpreter_path = "/missing/python"
    with pytest.raises(ComputeTargetException, match="'/missing/python' does not exist"):
        slurm_experiment.submit([*there, *here])
    script("pass", folder="other")
    Path("other/.amlignore").write_text("*.py")
    ignored = ScriptRunConfig("other", "script.py", compute_target="local")
    with pytest.raises(UserErrorException, match=r"matches a line of \.amlignore"):
        slurm_experiment.submit([*there, ignored])
    with pytest.raises(UserErrorException, match="tags takes a dict"):
        slurm_experiment.submit([*configs(1, "local"), *there], tags=[{}, {}, "wrong"])
    assert list(slurm_experiment.get_runs()) == []


def test_why_the_runs_of_a_list_were_not_started(
    slurm_experiment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ComputeTargetException("Slurm refuses it: job submit limit")

    monkeypatch.setattr("amlflow_slurm.cluster.SlurmCluster.submit", refuse)
    with pytest.raises(ComputeTargetException):
        slurm_experiment.submit(configs(2))
    with pytest.raises(ComputeTargetException):
        slurm_experiment.submit(configs(1)[0])
    said = "The run could not be started: Slurm refuses it: job submit limit"
    assert [error_of(run) for run in slurm_experiment.get_runs()] == [said] * 3


@pytest.mark.parametrize("place", ["many.remove", "SlurmCluster.submit"])
def test_a_submitter_of_a_list_that_is_killed(
    slurm_experiment: Any, jobs: Path, place: str
) -> None:
    """The runs run once if the cluster has the array, and end if it has not."""
    configs(2)
    runs = submit_and_be_killed(slurm_experiment, place, count=2)
    if place == "many.remove":
        for run in runs:
            run.wait_for_completion()
        assert sorted(run.get_metrics()["number"] for run in runs) == [0, 1]
    else:
        with pytest.raises(Exception, match="before the cluster had the job"):
            runs[0].wait_for_completion()
        assert [run.get_status() for run in runs] == ["Failed", "Failed"]
    assert list(jobs.iterdir()) == []


def test_a_submitter_of_a_list_that_is_killed_when_the_runs_are_made(slurm_experiment: Any) -> None:
    """A look ends the runs, since nobody hands them to the cluster any more."""
    configs(2)
    runs = submit_and_be_killed(slurm_experiment, "lists.bind_job", count=2)
    until(lambda: [run.get_status() for run in runs] == ["Failed", "Failed"])
    assert "ended before the cluster had the job, or somebody else has" in error_of(runs[1])
