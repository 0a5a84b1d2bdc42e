"""The environment of a distributed job, which each of its nodes makes, on a real Slurm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azureml.core.runconfig import PyTorchConfiguration
from helpers.slurm_jobs import submit
from helpers.submitted_jobs import SOON, error_of, wait_for_end
from helpers.tiny_environments import environment_of, write_index


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, which is the only index."""
    return write_index(tmp_path / "wheels", monkeypatch, "1.0")


def submit_to_nodes(experiment: Any, links: Path, package: str) -> Any:
    return submit(
        experiment,
        "import amlflow_tiny",
        environment=environment_of(links, package),
        distributed_job_config=PyTorchConfiguration("Gloo", 2, node_count=2),
    )


def test_a_run_on_several_nodes_has_its_packages(slurm_experiment: Any, links: Path) -> None:
    run = submit_to_nodes(slurm_experiment, links, "amlflow-tiny==1.0")
    assert wait_for_end(run, 2 * SOON) == "Completed", error_of(run)
    # One of the two nodes has made it.
    [log] = [name for name in run.get_file_names() if name.startswith("azureml-logs/20_image")]
    assert "amlflow-tiny==1.0" in run.get_details_with_logs()["logFiles"][log]
    assert run.get_details()["environment"]["packages"] == ["amlflow-tiny==1.0"]


def test_a_build_that_fails_on_nodes_leaves_its_log(slurm_experiment: Any, links: Path) -> None:
    run = submit_to_nodes(slurm_experiment, links, "amlflow-tiny==7.0")
    assert wait_for_end(run, 2 * SOON) == "Failed"
    assert "there is no version of amlflow-tiny==7.0" in error_of(run)
    [name] = [name for name in run.get_file_names() if name in error_of(run)]
    assert "amlflow-tiny==7.0" in run.get_details_with_logs()["logFiles"][name]
