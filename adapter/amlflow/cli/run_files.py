"""Commands that read the files and logs of runs."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from amlflow.cli.errors import Missing
from amlflow.cli.progress import announce, counting
from amlflow.cli.scope import Where
from amlflow.core.runs.base import record_of
from amlflow.core.runs.comparison import compare_runs
from amlflow.core.runs.details import LOG_FOLDERS
from amlflow.core.runs.files import fetch_listed
from amlflow.core.runs.run import Run
from amlflow.core.runs.starting import SNAPSHOT_PROPERTY
from amlflow.core.runs.waiting import watch_run
from amlflow.core.store import tracker_of
from amlflow.local_paths import LocalPaths
from amlflow.terminal_texts import escape_controls, keep_colors

logger = logging.getLogger("amlflow")

SNAPSHOT_FOLDER = "snapshot"
"""The folder for a downloaded snapshot, below the folder for the files."""


def download(*, run_id: str, files_dir: str, only: str | None, **where: Any) -> dict[str, Any]:
    """``run download``: downloads a run's files, and its snapshot to a folder ``snapshot``."""
    run = Where(**where).run(run_id)
    names = [] if only == "snapshot" else _select(run.get_file_names(), only)
    paths: list[str] = []
    tracker, record = tracker_of(run.experiment), record_of(run)
    done, below = list[str](), LocalPaths(Path(files_dir))
    with counting(lambda: f"{len(done)} of {len(names)} files downloaded"):
        for name in names:
            path = fetch_listed(tracker, record, name, name, below)
            paths += [] if path is None else [str(path)]
            done.append(name)
    return {"files": paths, "snapshot": _download_snapshot(run, files_dir, only)}


def _select(names: list[str], only: str | None) -> list[str]:
    if only == "logs":
        return [name for name in names if name.startswith(LOG_FOLDERS)]
    if only == "outputs":
        return [name for name in names if not name.startswith(LOG_FOLDERS)]
    return names


def _download_snapshot(run: Run, output_dir: str, only: str | None) -> str | None:
    if only not in (None, "snapshot"):
        return None
    if SNAPSHOT_PROPERTY not in record_of(run).properties:
        if only == "snapshot":
            raise Missing(f"Run {run.id} has no snapshot.")
        return None
    with announce("Downloading the snapshot"):
        return run.restore_snapshot(path=str(Path(output_dir, SNAPSHOT_FOLDER)))


def download_logs(*, run_id: str, output_dir: str, **where: Any) -> list[str]:
    """``run download-logs``."""
    run = Where(**where).run(run_id)
    with announce(f"Downloading the logs of run {run.id} to {output_dir}"):
        paths = run.get_all_logs(output_dir)
    if not paths:
        logger.warning("Run %s has no logs.", run.id)
    return paths


def logs(*, run_id: str, follow: bool, **where: Any) -> None:
    """``run logs``: prints the logs. With ``--follow``, until the run ends."""
    run = Where(**where).run(run_id)
    if follow:
        watch_run(run, sys.stdout)
        return
    texts: dict[str, str] = run.get_details_with_logs()["logFiles"]
    if not texts:
        logger.warning("Run %s has no logs.", run.id)
    for name, text in texts.items():
        if len(texts) > 1:
            sys.stdout.write(f"==> {escape_controls(name)} <==\n")
        text = keep_colors(text)
        sys.stdout.write(text if not text or text.endswith("\n") else f"{text}\n")


def compare(*, run_ids: list[str], **where: Any) -> dict[str, Any]:
    """``run compare``: returns the differences between two runs."""
    scope = Where(**where)
    left, right = (scope.run(run_id) for run_id in run_ids)
    return compare_runs(left, right)
