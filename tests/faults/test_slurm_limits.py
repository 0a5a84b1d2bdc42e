"""Runs that wait for a limit of Slurm's accounts, and what Slurm refuses because of them.

Run them with ``pytest -m long tests/faults/test_slurm_limits.py``: they need slurmdbd and MariaDB.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from amlflow.exceptions import ComputeTargetException
from helpers import slurm_accounts, slurm_faults
from helpers.slurm_faults import GATED, check_nothing_is_left
from helpers.slurm_jobs import submit
from helpers.submitted_jobs import until, wait_for_end

pytestmark = pytest.mark.long

LIMITS = {
    "one-of-a-user": ("qos", "MaxJobsPerUser=1", "QOSMaxJobsPerUserLimit"),
    "few-processors": ("qos", "GrpTRES=cpu=1", "QOSGrpCpuLimit"),
    "no-third": ("qos", "MaxSubmitJobsPerUser=2", ""),
    "team": ("account", "GrpJobs=1", "AssocGrpJobsLimit"),
}
"""Names of targets, which are also those of their limits: where, which, and Slurm's reason."""


@pytest.fixture(scope="module")
def own_slurm() -> Iterator[slurm_faults.Daemons]:
    """A Slurm with accounts."""
    made = tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True)
    with made as folder, slurm_faults.own_daemons(Path(folder), has_accounts=True) as daemons:
        environ = {**os.environ, "SLURM_CONF": daemons.conf}
        qos = [name for name, (kind, _, _) in LIMITS.items() if kind == "qos"]
        for name, (kind, limit, _) in LIMITS.items():
            slurm_accounts.manage(environ, "add", kind, name, *([limit] if kind == "qos" else []))
        slurm_accounts.manage(environ, "add", "user", "root", "account=team")
        slurm_accounts.manage(
            environ, "modify", "user", "root", "set", f"qos=normal,{','.join(qos)}"
        )
        slurm_accounts.manage(environ, "modify", "account", "team", "set", LIMITS["team"][1])
        yield daemons


@pytest.fixture
def experiment(on_slurm: Any) -> Any:
    """An experiment that has a target for each limit."""
    targets = [
        f"{name}: {{kind: slurm, partition: main, {kind}: {name}}}\n"
        for name, (kind, _, _) in LIMITS.items()
    ]
    wrong = (
        "no-qos: {kind: slurm, partition: main, qos: nothere}\n"
        "no-account: {kind: slurm, partition: main, account: nothere}\n"
    )
    Path(".azureml", "compute.yaml").write_text("".join(targets) + wrong)
    return on_slurm


@pytest.mark.parametrize("target", [name for name, (_, _, reason) in LIMITS.items() if reason])
def test_a_run_waits_for_a_limit(experiment: Any, tmp_path: Path, target: str) -> None:
    _, _, reason = LIMITS[target]
    note, gate = tmp_path / "note", tmp_path / "gate"
    first = submit(experiment, GATED.format(note=str(note), gate=str(gate)), target)
    until(note.exists)
    second, third = (submit(experiment, "print('there')", target) for _ in range(2))
    until(lambda: second.get_detailed_status()["details"] == f"waiting: {reason}")
    assert second.get_status() == "Queued"
    third.cancel()
    assert third.get_status() == "Canceled"
    gate.touch()
    assert [wait_for_end(run) for run in (first, second)] == ["Completed", "Completed"]
    assert third.get_status() == "Canceled"
    check_nothing_is_left(first, note)


def test_a_run_that_slurms_accounts_refuse_is_not_made(experiment: Any, tmp_path: Path) -> None:
    for target, reason in (
        ("no-qos", "Invalid qos specification"),
        ("no-account", "Invalid account or account/partition combination specified"),
    ):
        with pytest.raises(ComputeTargetException, match=reason):
            submit(experiment, "pass", target)
    note, gate = tmp_path / "note", tmp_path / "gate"
    gated = GATED.format(note=str(note), gate=str(gate))
    runs = [submit(experiment, gated, "no-third") for _ in range(2)]
    with pytest.raises(ComputeTargetException, match="job submit limit"):
        submit(experiment, "pass", "no-third")
    assert {run.id for run in experiment.get_runs()} == {run.id for run in runs}
    gate.touch()
    assert [wait_for_end(run) for run in runs] == ["Completed", "Completed"]
