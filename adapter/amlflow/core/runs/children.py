"""Runs within runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from amlflow.core.arguments import check_list, check_text
from amlflow.core.conditions import from_arguments
from amlflow.core.runs.base import RunBase
from amlflow.core.runs.descendants import children, descendants
from amlflow.exceptions import UserErrorException
from amlflow.spec import Status

if TYPE_CHECKING:
    from amlflow.core.runs.run import Run

MAX_CHILDREN = 100
BATCH_TAG = "azureml.batch_child_number"


class RunChildren(RunBase):
    """A run's parent and children. The status of each is its own."""

    _parent: Run | None = None

    @property
    def parent(self) -> Run | None:
        """The run that this one is nested in, or None at the root."""
        if self._parent is None and self._record.parent_id is not None:
            record = self._tracker.get_run(self._record.parent_id)
            if record.experiment_id == self._experiment.id:
                self._parent = self._experiment._run(record)
            else:  # MLflow nests across experiments, too
                self._parent = self._experiment.workspace._run(record)
        return self._parent

    def child_run(
        self, name: str | None = None, run_id: str | None = None, outputs: str | None = None
    ) -> Run:
        """Start a run within this one.

        Args:
            name: Its display name.
            run_id: The id it is to have, unique in the experiment.
            outputs: A folder whose files become the child's when it ends.
        """
        return self._experiment._start(
            name=name, run_id=run_id, parent=self._record, tracked=(outputs,) if outputs else ()
        )

    def create_children(
        self,
        count: int | None = None,
        tag_key: str | None = None,
        tag_values: list[Any] | None = None,
    ) -> list[Run]:
        """Make up to 100 children at once, by count or one for each value of a tag.

        They have not started yet. By count, the tag ``azureml.batch_child_number`` numbers them.

        Raises:
            UserErrorException: neither or both ways are used, or there are more than 100.
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
        now = self._experiment._now()
        drafts = [
            self._experiment._draft(
                parent=self._record,
                status=Status.NOT_STARTED,
                tags={tag_key: value},
                # The order of creation is the order of the values.
                created=now + timedelta(milliseconds=place),
            )
            for place, value in enumerate(tag_values)
        ]
        if not drafts:
            return []
        return [self._experiment._run(record) for record in self._tracker.create_runs(drafts)]

    def get_children(
        self,
        recursive: bool = False,
        tags: Any = None,
        properties: Any = None,
        type: str | None = None,
        status: str | None = None,
        _rehydrate_runs: bool = True,
    ) -> Iterator[Run]:
        """The runs within this one, newest first, read as they are asked for.

        Args:
            recursive: Also the children's children, to any depth.
            tags: A dict (all equal; None: has the key) or the text of a key.
            properties: As ``tags``.
            type: Only runs of this type.
            status: Only runs with this status.
        """
        conditions = from_arguments(type, tags, properties, status)
        find = descendants if recursive else children
        return (
            self._experiment._run(record)
            for record in find(self._tracker, self._record, conditions)
        )

    def submit_child(self, config: Any, tags: dict[str, str] | None = None, **kwargs: Any) -> Run:
        """Submit a script as a run within this one; see :meth:`Experiment.submit`."""
        return self._experiment._submit(config, tags, parent=self._record, **kwargs)
