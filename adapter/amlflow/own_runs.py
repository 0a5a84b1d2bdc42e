"""Runs that amlflow uses for data of its own, such as registered models, in experiments of its own.

amlflow chooses the id of such a run. A tracker accepts an id only once. So if several processes
create the run at the same time, one of them succeeds, and the others find its run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from amlflow.optional_members import member
from amlflow.spec import (
    Condition,
    ExperimentRecord,
    Refused,
    RunDraft,
    RunNotFound,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)


class OwnRuns:
    """The runs of one of amlflow's experiments. The experiment is created when it is needed."""

    def __init__(self, tracker: Tracker, experiment: str) -> None:
        self._tracker, self._experiment = tracker, experiment
        self._experiment_id = ""

    def ensure_experiment(self) -> str:
        """Return the experiment's id, and create the experiment if necessary. Asks only once."""
        if not self._experiment_id:
            self._experiment_id = self._tracker.ensure_experiment(self._experiment).id
        return self._experiment_id

    def find_experiment(self) -> str | None:
        """Return the experiment's id, or None if it does not exist.

        Unlike :meth:`ensure_experiment`, this does not create the experiment. So it also works for
        users who may only read the tracker.
        """
        if not self._experiment_id:
            find = member(self._tracker, "find_experiment")
            experiment: ExperimentRecord | None = find(self._experiment)
            if experiment is not None:
                self._experiment_id = experiment.id
        return self._experiment_id or None

    def get(self, run_id: str) -> RunRecord | None:
        """Return the run with an id, or None. This does not create the experiment."""
        experiment_id = self.find_experiment()
        if experiment_id is None:
            return None
        try:
            return self._tracker.get_run(run_id, experiment_id)
        except RunNotFound:
            return None

    def find(self, conditions: Sequence[Condition] = ()) -> Iterator[RunRecord]:
        """Return the runs that meet all conditions; none if the experiment does not exist yet."""
        experiment_id = self.find_experiment()
        if experiment_id is None:
            return iter(())
        query = RunQuery(experiment_ids=[experiment_id], conditions=conditions)
        return self._tracker.find_runs(query)

    def create(self, run_id: str, **values: Any) -> RunRecord | None:
        """Create a run that has ended already, and return it.

        Returns None if another process has created it. ``values`` are fields of a
        :class:`~amlflow.spec.RunDraft`.

        Raises:
            Refused: the tracker does not accept the values.
        """
        try:
            return self._create(run_id, values)
        except Refused:
            if self.get(run_id) is None:
                raise
            return None

    def create_any(self, **values: Any) -> RunRecord:
        """Create a run whose id the tracker chooses. ``values`` are as in :meth:`create`."""
        return self._create(None, values)

    def _create(self, run_id: str | None, values: Mapping[str, Any]) -> RunRecord:
        draft = RunDraft(
            experiment_id=self.ensure_experiment(),
            run_id=run_id,
            status=Status.COMPLETED,
            created=datetime.now(timezone.utc),
            **values,
        )
        [record] = self._tracker.create_runs([draft])
        return record

    def ensure(self, run_id: str, **values: Any) -> RunRecord:
        """Return the run with an id. It is created if it does not exist.

        ``values`` are as in :meth:`create`.
        """
        record = self.get(run_id) or self.create(run_id, **values)
        return record or self._tracker.get_run(run_id, self.ensure_experiment())


def to_run_id(kind: str, text: str) -> str:
    """Make a run's id from a text. The text may have characters that are not allowed in an id."""
    return f"{kind}-{to_digest(text)}"


def to_digest(text: str) -> str:
    """Return a hash of a text: 32 hexadecimal digits."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
