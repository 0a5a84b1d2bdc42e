"""The guide's submitted scripts with ``compute_target="gpu-cluster"``, on a real Slurm."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.slurm_jobs import job_of
from helpers.submitted_jobs import until
from stories import cancel_a_script, create_children, submit_children

TARGET = "gpu-cluster"


def test_cancel(slurm_experiment: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = cancel_a_script(slurm_experiment, capsys, compute_target=TARGET)
    until(lambda: job_of(run)[1] in ("CANCELLED", "COMPLETED"), what="the job leaves the queue")


def test_children(slurm_experiment: Any, capsys: pytest.CaptureFixture[str]) -> None:
    create_children(slurm_experiment, capsys, compute_target=TARGET)


def test_a_parent_submits_children(slurm_experiment: Any) -> None:
    submit_children(slurm_experiment, compute_target=TARGET)
