"""The variables that a cluster's job gets for the tracker."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from amlflow.exceptions import UserErrorException
from amlflow.jobs.cluster.payload import to_work, to_works
from amlflow.jobs.job import Job, Target

OURS = {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "p%%ä"}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MLflow's file with credentials, in a home folder that the nodes do not have."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / ".mlflow" / "credentials"
    path.parent.mkdir()
    path.write_text(
        "[mlflow]\nmlflow_tracking_username = me\nmlflow_tracking_password = p%%%%ä\n", "utf-8"
    )
    return path


def jobs(uri: str = "http://server:5000") -> list[Job]:
    return [
        Job(
            name=f"{number:032x}", run_id=str(number), tracking_uri=uri,
            target=Target(name="cluster", kind="slurm"), command=["x"], is_script=True, environ={},
            environment={}, agent_python=sys.executable,
        )
        for number in range(2)
    ]  # fmt: skip


def test_nodes_get_the_credentials_that_are_in_the_submitters_home(file: Path) -> None:
    works = [to_work(jobs()[0]), *to_works(jobs())]
    assert len(works) == 3
    for work in works:
        assert OURS.items() <= work.environment.items()
        assert "me" not in work.arguments


def test_credentials_for_a_server_are_not_given_for_another_tracker(file: Path) -> None:
    for uri in ("postgresql://host/db", "mlflow-artifacts:/x"):
        assert not OURS.keys() & to_work(jobs(uri)[0]).environment.keys()


def test_variables_of_the_submitter_reach_the_nodes_by_themselves(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OURS:
        monkeypatch.setenv(name, "of the shell")
    assert not OURS.keys() & to_work(jobs()[0]).environment.keys()


def test_a_damaged_file_is_named_before_there_is_a_run(file: Path) -> None:
    file.write_text("mlflow_tracking_username")
    with pytest.raises(UserErrorException, match="cannot be read as MLflow's credentials"):
        to_work(jobs()[0])
