"""The runs of an experiment: how they start, and how they are found."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from amlflow.core.arguments import check_path, check_text
from amlflow.core.conditions import from_arguments
from amlflow.core.project.git import git_properties
from amlflow.core.runs.files import SNAPSHOT_PROPERTY
from amlflow.core.runs.run import Run, texts
from amlflow.core.runs.stamps import this_writer
from amlflow.exceptions import SnapshotException, UserErrorException
from amlflow.jobs import snapshot
from amlflow.plugins import announce
from amlflow.query.document import PARENT_ALIAS, ROOT_ALIAS
from amlflow.spec import Condition, ExperimentRecord, Op, RunDraft, RunQuery, RunRecord
from amlflow.tracker_data import parse_root_alias

if TYPE_CHECKING:
    from amlflow.core.experiment import Experiment
    from amlflow.core.workspace import Workspace
    from amlflow.spec import Tracker

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,255}")
OUTPUTS, LOGS = "outputs", "logs"


class ExperimentRuns:
    """What an experiment does with runs."""

    _workspace: Workspace
    _record: ExperimentRecord

    @property
    def _tracker(self) -> Tracker:
        return self._workspace._tracker

    def start_logging(self, *args: Any, **kwargs: Any) -> Run:
        """Start a run that this process logs to; end it with ``complete()`` or a ``with`` block.

        Args:
            name: The run's display name; ``display_name`` is the same.
            run_id: The id it is to have, unique in the experiment.
            outputs: A folder whose files become the run's when it ends, beside ``logs``; True or
                left out for "outputs", False for none.
            snapshot_directory: The folder to take a snapshot of (default "."); None for none.
            description: A text in Markdown.
            tags: Tags to begin with.
            properties: Properties to begin with.

        Raises:
            SnapshotException: the folder is too large for a snapshot; no run was started.
            TypeError: the argument does not exist.
        """
        return self._start_logging(*args, **kwargs)

    def _start_logging(
        self,
        name: str | None = None,
        run_id: str | None = None,
        outputs: bool | str | None = None,
        snapshot_directory: str | os.PathLike[str] | None = ".",
        display_name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> Run:
        right = "experiment.start_logging(name='a name', snapshot_directory='.')"
        if snapshot_directory:
            check_path(snapshot_directory, "snapshot_directory", right)
        asked = texts(properties or {}, "start_logging(properties=…)")
        stated = {**git_properties(), **{key: value or "" for key, value in asked.items()}}
        draft = self._draft(
            name=display_name or name,
            run_id=run_id,
            description=description,
            tags=tags,
            properties=stated,
        )
        if snapshot_directory:
            stated[SNAPSHOT_PROPERTY] = self._snapshot(Path(snapshot_directory))
        return self._started(replace(draft, properties=stated), _tracked(outputs))

    def _snapshot(self, folder: Path) -> str:
        try:
            return snapshot.store(self._tracker, folder)
        except SnapshotException as error:
            raise SnapshotException(
                f"{error.message} Or pass snapshot_directory=None to start_logging for none."
            ) from None

    def _start(
        self, *, tracked: tuple[str, ...] = (), parent: RunRecord | None = None, **values: Any
    ) -> Run:
        return self._started(self._draft(parent=parent, **values), tracked)

    def _started(self, draft: RunDraft, tracked: tuple[str, ...]) -> Run:
        draft = replace(draft, created=self._now(), writer=this_writer().id)
        [record] = self._tracker.create_runs([draft])
        this_writer().start(record.id)
        run = Run._of(cast("Experiment", self), record, tracked)
        run._working_folder = os.getcwd()
        announce("amlflow_run_started", record)
        return run

    def _draft(
        self,
        *,
        parent: RunRecord | None = None,
        run_id: str | None = None,
        tags: Any = None,
        properties: Mapping[str, str] | None = None,
        created: datetime | None = None,
        system: Mapping[str, str] | None = None,
        **values: Any,
    ) -> RunDraft:
        if self._record.archived is not None:
            raise UserErrorException(
                f"Experiment {self._record.name!r} is archived, so no run can start in it; "
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
        if run_id is not None and not (isinstance(run_id, str) and _RUN_ID.fullmatch(run_id)):
            raise UserErrorException(
                f"{shown(run_id)} is not an id for a run: it is 1-256 letters, digits, '_', '-' "
                "and '.', and starts with a letter or a digit."
            )
        return RunDraft(
            experiment_id=self._record.id,
            run_id=run_id,
            parent_id=None if parent is None else parent.id,
            root_id=None if parent is None else parent.root_id,
            created=created or self._now(),
            tags=texts(tags or {}, "tags"),
            properties=properties or {},
            system={**_asked_ids(parent), **(system or {})},
            **values,
        )

    def _now(self) -> datetime:
        return datetime.now(timezone.utc)

    def _run(self, record: RunRecord) -> Run:
        return Run._of(cast("Experiment", self), record)

    def submit(self, config: Any, tags: dict[str, str] | None = None, **kwargs: Any) -> Run:
        """Run a script as a tracked run, and return at once.

        Args:
            config: A :class:`ScriptRunConfig`.
            tags: Tags to begin with.
            snapshot_id: Take the source from this snapshot instead of the configuration's folder.

        Raises:
            UserErrorException: the configuration, or the script it names, cannot be run.
            SnapshotException: the source folder cannot be packed.
            ComputeTargetException: the target is unknown, or does not work now.
        """
        return self._submit(config, tags, parent=None, **kwargs)

    def _submit(
        self, config: Any, tags: dict[str, str] | None, parent: RunRecord | None, **kwargs: Any
    ) -> Run:
        submit_to = getattr(config, "_submit_to", None)
        if submit_to is None or isinstance(config, type):
            raise UserErrorException(
                f"A {type(config).__name__} cannot be submitted; a ScriptRunConfig can: "
                "experiment.submit(ScriptRunConfig(source_directory='.', script='train.py'))."
            )
        run: Run = submit_to(self, tags, parent, **kwargs)
        return run

    def get_runs(
        self,
        type: str | None = None,
        tags: Any = None,
        properties: Any = None,
        include_children: bool = False,
    ) -> Iterator[Run]:
        """The experiment's runs, newest first, read as they are asked for.

        Args:
            type: Only runs of this type.
            tags: A dict (all equal; None: has the key) or the text of a key.
            properties: As ``tags``.
            include_children: Also runs that are nested in others.
        """
        return self._find(from_arguments(type, tags, properties), include_children)

    def query(self, expression: str, include_children: bool = False) -> Any:
        """Ask the experiment's runs a JMESPath expression; amlflow's own, not v1's.

        The expression sees the list of the runs' documents (``amlflow run list`` prints them),
        newest first: ``experiment.query("[?tags.quality == 'fantastic run']")``.

        Returns:
            A list of runs, or a run, where that is what the expression selects; for a projection
            or another value, that value as JSON.

        Raises:
            UserErrorException: it is not JMESPath, or cannot be evaluated on these runs.
        """
        return self._workspace._query(expression, [cast("Experiment", self)], include_children)

    def _find(self, conditions: Sequence[Condition], include_children: bool) -> Iterator[Run]:
        if not include_children:
            conditions = [*conditions, Condition("parent_id", Op.LACKS)]
        query = RunQuery(experiment_ids=[self._record.id], conditions=conditions)
        return (self._run(record) for record in self._tracker.find_runs(query))


def _asked_ids(parent: RunRecord | None) -> dict[str, str]:
    """The ids that users see of a parent and its root, noted where they are not the tracker's."""
    if parent is None:
        return {}
    root = parse_root_alias(parent)
    if parent.root_id == parent.id:
        root = parent.alias
    asked = {PARENT_ALIAS: parent.alias, ROOT_ALIAS: root}
    return {key: value for key, value in asked.items() if value is not None}


def _tracked(outputs: bool | str | None) -> tuple[str, ...]:
    if outputs is False:
        return (LOGS,)
    return (OUTPUTS if outputs is True else str(outputs or OUTPUTS), LOGS)


def shown(value: Any) -> str:
    """A value for a message, the beginning of a long one."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}… ({len(str(value))} characters)"
