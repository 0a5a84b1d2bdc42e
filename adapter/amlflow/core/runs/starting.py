"""Creates runs: fills in a draft, from which the tracker makes a record."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from amlflow.core.arguments import check_run_id, check_text, to_texts
from amlflow.core.runs.stamps import this_writer
from amlflow.core.store import ExperimentBase, HasStore, tracker_of
from amlflow.exceptions import SnapshotException, UserErrorException
from amlflow.jobs import snapshot
from amlflow.plugins import announce
from amlflow.query.document import PARENT_ALIAS, ROOT_ALIAS
from amlflow.spec import RunDraft, RunRecord
from amlflow.tracker_notes import parse_root_alias

SNAPSHOT_PROPERTY = "ContentSnapshotId"
OUTPUTS, LOGS = "outputs", "logs"


def draft_run(
    experiment: ExperimentBase,
    *,
    parent: RunRecord | None = None,
    run_id: str | None = None,
    tags: Any = None,
    properties: Mapping[str, str] | None = None,
    created: datetime | None = None,
    system: Mapping[str, str] | None = None,
    **values: Any,
) -> RunDraft:
    """Make a draft for a new run. ``values`` are further fields of the draft.

    Raises:
        UserErrorException: the experiment is archived, or a name, an id or a tag is not valid.
    """
    if experiment.archived_time is not None:
        raise UserErrorException(
            f"Experiment {experiment.name!r} is archived, so no run can start in it; "
            "experiment.reactivate() brings it back."
        )
    if values.get("name") not in (None, ""):
        check_text(
            values["name"],
            "A run's name",
            "run.child_run(name); run.create_children(count) makes several"
            if parent is not None
            else "experiment.start_logging(name='a name')",
        )
    if run_id is not None:
        check_run_id(run_id)
    return RunDraft(
        experiment_id=experiment.id,
        run_id=run_id,
        parent_id=None if parent is None else parent.id,
        root_id=None if parent is None else parent.root_id,
        created=created or _now(),
        tags=to_texts(tags or {}, "tags"),
        properties=properties or {},
        system={**_aliases(parent), **(system or {})},
        **values,
    )


def start_run(owner: HasStore, draft: RunDraft) -> RunRecord:
    """Create a run that this process logs to, with the current time."""
    draft = replace(draft, created=_now(), writer=this_writer().id)
    [record] = tracker_of(owner).create_runs([draft])
    this_writer().start(record.id)
    announce("amlflow_run_started", record)
    return record


def store_snapshot(owner: HasStore, folder: Path) -> str:
    """Store a folder as the snapshot of a run that is about to start. Returns the snapshot's id.

    Raises:
        SnapshotException: the folder is too large, or there is nothing at the path.
    """
    try:
        return snapshot.store(tracker_of(owner), folder)
    except SnapshotException as error:
        raise SnapshotException(
            f"{error.message} Or pass snapshot_directory=None to start_logging to store none."
        ) from None


def tracked_folders(outputs: bool | str | None) -> tuple[str, ...]:
    """Return the folders whose files are stored in the run, for v1's argument ``outputs``."""
    if outputs is False:
        return (LOGS,)
    return (OUTPUTS if outputs is True else str(outputs or OUTPUTS), LOGS)


def make_outputs_folder(outputs: bool | str | None) -> None:
    """Create the folder for v1's argument ``outputs`` in the working folder, as v1 does.

    Scripts write into this folder without creating it. If the folder cannot be created, nothing is
    raised here: a script that writes into it gets the error. So a run without outputs works in a
    read-only folder.
    """
    if outputs is not False:
        with contextlib.suppress(OSError):
            os.makedirs(tracked_folders(outputs)[0], exist_ok=True)


def _aliases(parent: RunRecord | None) -> dict[str, str]:
    """Return notes with the parent's and root's ids that users see.

    An id that is the same as the tracker's is left out.
    """
    if parent is None:
        return {}
    root = parent.alias if parent.root_id == parent.id else parse_root_alias(parent)
    aliases = {PARENT_ALIAS: parent.alias, ROOT_ALIAS: root}
    return {key: value for key, value in aliases.items() if value is not None}


def _now() -> datetime:
    return datetime.now(timezone.utc)
