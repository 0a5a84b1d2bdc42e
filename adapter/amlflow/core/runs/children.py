"""Parent and children of a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Generic, TypeVar, overload

from amlflow.core.arguments import check_list, check_text, to_conditions
from amlflow.core.listing import LazyListing
from amlflow.core.runs.base import RunBase, stay_in_folder
from amlflow.core.runs.descendants import children, descendants
from amlflow.core.runs.listing import RUNS
from amlflow.core.runs.starting import draft_run, start_run
from amlflow.core.store import ExperimentBase, experiment_of, submit_all_in, submit_in
from amlflow.exceptions import UserErrorException
from amlflow.spec import RunRecord, Status

AnyRun = TypeVar("AnyRun", bound=RunBase)
MAX_CHILDREN = 100
BATCH_TAG = "azureml.batch_child_number"


class RunChildren(RunBase, Generic[AnyRun]):
    """A run's parent and children. Each has a status of its own.

    The type variable ``AnyRun`` is v1's Run, of which this class is a part.
    """

    _parent: AnyRun | None = None

    def _run_of(
        self,
        record: RunRecord,
        tracked: tuple[str, ...] = (),
        experiment: ExperimentBase | None = None,
    ) -> AnyRun:
        """Return the run of a record, in this run's experiment unless you give another one."""
        raise NotImplementedError

    @property
    def parent(self) -> AnyRun | None:
        """The run that this one is nested in; None for a run that is not nested."""
        if self._parent is None and self._record.parent_id is not None:
            record = self._tracker.get_run(self._record.parent_id)
            experiment = self._experiment
            if record.experiment_id != experiment.id:  # as MLflow allows
                experiment = experiment_of(experiment.workspace, record)
            self._parent = self._run_of(record, experiment=experiment)
        return self._parent

    @property
    def _root_run_id(self) -> str:
        """The id of the outermost run that this one is nested in, or its own; v1 code reads it."""
        run: RunChildren[Any] = self
        passed = {self.id}
        # Another client of the tracker may have nested runs in a circle.
        while (parent := run.parent) is not None and parent.id not in passed:
            run = parent
            passed.add(run.id)
        return run.id

    def child_run(
        self, name: str | None = None, run_id: str | None = None, outputs: str | None = None
    ) -> AnyRun:
        """Start a run that is nested in this one.

        Args:
            name: Its display name.
            run_id: Its id, which must be new in the experiment.
            outputs: A folder whose files are stored in the child when it ends.
        """
        draft = draft_run(self._experiment, name=name, run_id=run_id, parent=self._record)
        run = self._run_of(start_run(self, draft), (outputs,) if outputs else ())
        stay_in_folder(run)
        return run

    def create_children(
        self,
        count: int | None = None,
        tag_key: str | None = None,
        tag_values: list[Any] | None = None,
    ) -> list[AnyRun]:
        """Create up to 100 children at once: a number of them, or one for each value of a tag.

        They have not started yet. If you give a number, the tag ``azureml.batch_child_number``
        numbers them.

        Raises:
            UserErrorException: you give neither or both, or there are more than 100.
        """
        if count is not None:
            if tag_key is not None or tag_values is not None:
                raise UserErrorException(
                    "create_children takes either count, or tag_key and tag_values, and got both."
                )
            if not hasattr(count, "__index__") or count < 0:
                raise UserErrorException(
                    f"create_children takes a whole number as count, and got {count!r}."
                )
            tag_key, tag_values = BATCH_TAG, list(range(count))
        if tag_key is None or tag_values is None:
            raise UserErrorException(
                "create_children takes count, or tag_key and tag_values together; one is missing."
            )
        right = "run.create_children(tag_key='fold', tag_values=[0, 1, 2])"
        check_text(tag_key, "tag_key", right)
        check_list(tag_values, "tag_values", right)
        tag_values = list(tag_values)
        if len(tag_values) > MAX_CHILDREN:
            raise UserErrorException(
                f"create_children makes at most {MAX_CHILDREN} runs at once, and "
                f"{len(tag_values)} were asked for; call it several times."
            )
        now = datetime.now(timezone.utc)
        drafts = [
            draft_run(
                self._experiment,
                parent=self._record,
                status=Status.NOT_STARTED,
                tags={tag_key: value},
                # The order of creation is the order of the values.
                created=now + timedelta(milliseconds=index),
            )
            for index, value in enumerate(tag_values)
        ]
        if not drafts:
            return []
        return [self._run_of(record) for record in self._tracker.create_runs(drafts)]

    def get_children(
        self,
        recursive: bool = False,
        tags: Any = None,
        properties: Any = None,
        type: str | None = None,
        status: str | None = None,
        _rehydrate_runs: bool = True,
    ) -> LazyListing[AnyRun]:
        """Return the runs nested in this one, newest first. They are read while you iterate.

        Args:
            recursive: Also the children's children, to any depth.
            tags: A dict of tags that a run must have (value None: any value), or the key of one
                tag.
            properties: The same for properties.
            type: Only runs of this type.
            status: Only runs with this status.
        """
        conditions = to_conditions(type, tags, properties, status)
        find = descendants if recursive else children
        records = find(self._tracker, self._record, conditions)
        return LazyListing((self._run_of(record) for record in records), RUNS)

    @overload
    def submit_child(
        self, config: Sequence[Any], tags: Any = None, **kwargs: Any
    ) -> list[AnyRun]: ...
    @overload
    def submit_child(
        self, config: Any, tags: dict[str, str] | None = None, **kwargs: Any
    ) -> AnyRun: ...

    def submit_child(self, config: Any, tags: Any = None, **kwargs: Any) -> Any:
        """Submit a script, or a list of scripts, as children of this run.

        The arguments, results and errors are those of :meth:`Experiment.submit`.
        """
        if isinstance(config, (list, tuple)):
            records = submit_all_in(self._experiment, config, tags, self._record, **kwargs)
            return [self._run_of(record) for record in records]
        return self._run_of(submit_in(self._experiment, config, tags, self._record, **kwargs))
