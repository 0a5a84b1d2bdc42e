"""Unusual names, arguments, partitions and nodes, on a real Slurm."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

import pytest
from amlflow.jobs.cluster.names import cluster_name_of
from azureml.core import ScriptRunConfig
from azureml.exceptions import ComputeTargetException
from helpers.slurm_jobs import TARGETS, jobs_named, slurm_says, submit
from helpers.submitted_jobs import error_of, log_of, script, until, wait_for_end

UNUSUAL = "a \"b\" 'c' $UNSET `id`; ü \\ #%j"
NAME = "a 'c' $UNSET `id`; ü #%j"
"""A name that files of each system can have, and metrics of each server."""


def declare(settings: str) -> None:
    """Add a target ``own`` with these settings."""
    text = f"{TARGETS}own:\n  kind: slurm\n  {settings}\n"
    Path(".azureml/compute.yaml").write_text(text)


def test_unusual_names_arguments_and_variables(slurm_experiment: Any) -> None:
    code = """
        import json, os, sys
        from azureml.core import Run
        text = json.dumps([sys.argv[1:], os.environ["ODD"], os.path.basename(__file__)])
        print(text)
        Run.get_context().log(sys.argv[2], 1)
        open(f"outputs/{sys.argv[2]}", "w").write(text)
        """
    name = f"{NAME}.py"
    script(code, name)
    arguments = ["", NAME, UNUSUAL, "two\nlines", "-x", "é" * 1000]
    config = ScriptRunConfig("src", name, arguments=arguments, compute_target="gpu-cluster")
    config.run_config.environment_variables = {"ODD": f"{UNUSUAL}\n\n\ttwo 'lines'\n"}
    other = ScriptRunConfig("src", name, arguments=[NAME], compute_target="gpu-cluster")
    other.run_config.environment_variables = {"ODD": "\n"}
    alone = slurm_experiment.submit(config, tags={UNUSUAL: UNUSUAL})
    alone.display_name = f"{UNUSUAL}\n"
    first, second = slurm_experiment.submit([config, other])
    for run in (alone, first):
        assert wait_for_end(run) == "Completed", error_of(run)
        expected = [arguments, f"{UNUSUAL}\n\n\ttwo 'lines'\n", name]
        assert json.loads(log_of(run)) == expected
        assert f"outputs/{NAME}" in run.get_file_names()
        assert run.get_metrics() == {NAME: 1}
    assert wait_for_end(second) == "Failed"
    assert "IndexError" in error_of(second)


@pytest.mark.long
def test_arguments_of_megabytes(slurm_experiment: Any) -> None:
    """The kernel takes neither: it is said before there is a run, or by the run's error."""
    with pytest.raises(ComputeTargetException, match="Put long values into a file"):
        submit(slurm_experiment, "print(1)", arguments=[secrets.token_hex(2 << 20)])
    assert list(slurm_experiment.get_runs()) == []
    run = submit(slurm_experiment, "print(1)", arguments=["x" * (4 << 20)])
    assert wait_for_end(run) == "Failed"
    assert "Argument list too long" in error_of(run)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("partition: drained", "Required partition not available"),
        ("partition: small\n  nodes: 2", "Requested node configuration is not available"),
        ("partition: main\n  nodes: 4", "Requested node configuration is not available"),
        ("partition: main\n  cpus: 5", "Requested node configuration is not available"),
        ("partition: main\n  gpus: 2", "Requested node configuration is not available"),
        ("partition: main\n  constraint: a100", "Invalid feature specification"),
        ("partition: main\n  options: [--no-such]", "unrecognized option '--no-such'"),
        ("partition: main\n  options: [--reservation=no]", "Requested reservation is invalid"),
    ],
)
def test_what_slurm_refuses_before_there_is_a_run(
    slurm_experiment: Any, settings: str, message: str
) -> None:
    declare(settings)
    with pytest.raises(ComputeTargetException, match=f"Slurm refuses it: .*{message}"):
        submit(slurm_experiment, "print(1)", target="own")
    assert list(slurm_experiment.get_runs()) == []


def test_a_job_waits_for_nodes_that_are_drained(slurm_experiment: Any) -> None:
    nodes = "NodeName=n1,n2,n3"
    slurm_says("scontrol", "update", nodes, "State=DRAIN", "Reason=maintenance")
    try:
        run = submit(slurm_experiment, "print(1)")
        until(lambda: "waiting: " in str(run.get_detailed_status()["details"]))
        assert run.get_status() == "Queued"
        names = slurm_says("squeue", "--noheader", "--states=PENDING", "--format=%j").split()
        assert cluster_name_of(run._record) in names
        assert not any(name.startswith("amlflow-check") for name in names)
        declare("partition: main\n  options: [--nodelist=n1]")
        named = submit(slurm_experiment, "print(1)", target="own")
        assert named.get_status() == "Queued"
        declare("partition: main\n  cpus: 5")
        with pytest.raises(ComputeTargetException, match="Requested node configuration is not"):
            submit(slurm_experiment, "print(1)", target="own")
    finally:
        slurm_says("scontrol", "update", nodes, "State=RESUME")
    assert wait_for_end(run) == "Completed"


@pytest.mark.long
@pytest.mark.parametrize(
    ("settings", "reason"),
    [("partition: down", "PartitionDown"), ("partition: small\n  time: 6", "PartitionTimeLimit")],
)
def test_what_slurm_lets_wait(slurm_experiment: Any, settings: str, reason: str) -> None:
    declare(settings)
    run = submit(slurm_experiment, "print(1)", target="own")
    until(lambda: run.get_detailed_status()["details"] == f"waiting: {reason}")
    run.cancel()
    assert run.get_status() == "Canceled"


def test_a_node_without_home_and_temporary_folder(
    slurm_experiment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    with monkeypatch.context() as node:
        for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR", "XDG_STATE_HOME", "XDG_DATA_HOME"):
            node.setenv(name, f"{file}/missing")
        run = submit(
            slurm_experiment,
            """
            import os, tempfile
            from azureml.core import Run
            Run.get_context().log("value", 1)
            print(tempfile.gettempdir(), os.environ["HOME"])
            """,
        )
    assert wait_for_end(run) == "Completed", error_of(run)
    assert log_of(run).split() == ["/tmp", f"{file}/missing"]
    assert run.get_metrics() == {"value": 1}


def test_sbatch_that_warns_and_squeue_that_is_slow(
    slurm_experiment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    says = "echo 'sbatch: lua: welcome' >&2; echo welcome"
    for name, before in (("sbatch", says), ("squeue", "sleep 1")):
        real = shutil.which(name)
        (folder / name).write_text(f'#!/bin/sh\n{before}\nexec {real} "$@"\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    run = submit(slurm_experiment, "print(1)")
    assert wait_for_end(run) == "Completed"
    assert len(jobs_named(run)) == 1
