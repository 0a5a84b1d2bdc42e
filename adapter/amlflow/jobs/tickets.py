"""Finds a target's queue, and looks for jobs that wait or run in it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from amlflow.jobs.job import JobFolder, Target, jobs_folder


def queue_folder(target: Target, jobs: Path | None = None) -> Path:
    """Return the folder of a target's queue on this machine."""
    settings = json.dumps([target.name, target.kind, dict(target.settings)], sort_keys=True)
    digest = hashlib.sha256(settings.encode()).hexdigest()[:16]
    return (jobs or jobs_folder()).parent / "queues" / digest


def is_waiting(target: Target, name: str, jobs: Path | None = None) -> bool:
    """Whether a job waits in its target's queue."""
    return any(queue_folder(target, jobs).glob(f"waiting-*-{name}"))


def count_running(target: Target, jobs: Path | None = None) -> int:
    """Count the jobs of a target that run on this machine now."""
    names = (note.name.partition("-")[2] for note in queue_folder(target, jobs).glob("running-*"))
    return sum(JobFolder(name, jobs).has_agent() for name in names)
