"""Creates runs: a row for each. trackio shows them at once."""

from __future__ import annotations

import getpass
import sqlite3
import uuid
from collections.abc import Sequence

from amlflow.spec import FINAL, UNSTARTED, Refused, RunDraft, RunRecord
from amlflow.times import to_microseconds

from amlflow_trackio.database import Database
from amlflow_trackio.drawing import draw_run
from amlflow_trackio.projects import Projects
from amlflow_trackio.records import COLUMNS, to_runs


def create(database: Database, projects: Projects, drafts: Sequence[RunDraft]) -> list[RunRecord]:
    """Create runs in experiments that exist, as :meth:`amlflow.spec.Tracker.create_runs` does."""
    if not drafts:
        return []
    # Only one project at a time is attached. amlflow creates runs of one experiment in a call.
    first_id, *other_ids = dict.fromkeys(draft.experiment_id for draft in drafts)
    with database.writing(projects.ready(first_id)) as connection:
        ids = [_insert(connection, draft) for draft in drafts]
        records = _read(connection, ids)
        _draw(connection, records, first_id)
    for experiment_id in other_ids:
        with database.writing(projects.ready(experiment_id)) as connection:
            _draw(connection, _read(connection, ids), experiment_id)
    return records


def _insert(connection: sqlite3.Connection, draft: RunDraft) -> str:
    run_id = uuid.uuid4().hex
    created = to_microseconds(draft.created)
    if (
        draft.run_id is not None
        and connection.execute(
            "SELECT 1 FROM runs WHERE id = ?1 OR alias = ?1 AND experiment_id = ?2",
            (draft.run_id, draft.experiment_id),
        ).fetchone()
    ):
        raise Refused(f"There is a run {draft.run_id!r} already; choose another id.")
    connection.execute(
        f"INSERT INTO runs ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            run_id,
            draft.run_id,
            draft.experiment_id,
            draft.parent_id,
            draft.root_id or (None if draft.parent_id else run_id),
            draft.name or f"run-{run_id[:8]}",
            draft.type,
            draft.status,
            created,
            None if draft.status in UNSTARTED else created,
            created if draft.status in FINAL else None,
            _user(),
            draft.description,
        ),
    )
    for table in ("tags", "properties", "system"):
        connection.executemany(
            f"INSERT INTO {table} VALUES (?, ?, ?)",  # noqa: S608
            [(run_id, key, value) for key, value in getattr(draft, table).items()],
        )
    return run_id


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return None


def _read(connection: sqlite3.Connection, ids: Sequence[str]) -> list[RunRecord]:
    rows = [
        connection.execute(f"SELECT {COLUMNS} FROM runs WHERE id = ?", (run_id,)).fetchone()  # noqa: S608
        for run_id in ids
    ]
    return to_runs(connection, rows)


def _draw(connection: sqlite3.Connection, runs: Sequence[RunRecord], experiment_id: str) -> None:
    for run in runs:
        if run.experiment_id == experiment_id:
            draw_run(connection, run)
