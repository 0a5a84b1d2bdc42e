"""Runs in which amlflow keeps something of its own, in an experiment of its own.

Such a run has an id that amlflow asks for. The tracker gives an id away once, so of several
processes that create a run, one does, and the others find it.
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
    """The runs of one experiment, which is created when it is needed."""

    def __init__(self, tracker: Tracker, experiment: str) -> None:
        self._tracker, self._experiment = tracker, experiment
        self._experiment_id = ""

    def ensure_experiment(self) -> str:
        """The experiment's id. The tracker is asked for it once."""
        if not self._experiment_id:
            self._experiment_id = self._tracker.ensure_experiment(self._experiment).id
        return self._experiment_id

    def find_experiment(self) -> str | None:
        """The experiment's id, or None: unlike :meth:`ensure_experiment`, it creates none.

        So who may only read the tracker can look.
        """
        if not self._experiment_id:
            find = member(self._tracker, "find_experiment")
            experiment: ExperimentRecord | None = find(self._experiment)
            if experiment is not None:
                self._experiment_id = experiment.id
        return self._experiment_id or None

    def get(self, run_id: str) -> RunRecord | None:
        """The run that has an id, or None. It creates no experiment either."""
        experiment_id = self.find_experiment()
        if experiment_id is None:
            return None
        try:
            return self._tracker.get_run(run_id, experiment_id)
        except RunNotFound:
            return None

    def find(self, conditions: Sequence[Condition] = ()) -> Iterator[RunRecord]:
        """The runs that meet all conditions; none where the experiment does not exist yet."""
        experiment_id = self.find_experiment()
        if experiment_id is None:
            return iter(())
        query = RunQuery(experiment_ids=[experiment_id], conditions=conditions)
        return self._tracker.find_runs(query)

    def create(self, run_id: str, **values: Any) -> RunRecord | None:
        """Create a run that has ended already; None if another process has created it.

        ``values`` are those of a :class:`~amlflow.spec.RunDraft`.

        Raises:
            Refused: the tracker does not take what the run is to have.
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
        """The run that has an id, created if it is not there.

        ``values`` are as in :meth:`create`.
        """
        record = self.get(run_id) or self.create(run_id, **values)
        return record or self._tracker.get_run(run_id, self.ensure_experiment())


def to_run_id(kind: str, text: str) -> str:
    """An id for the run of a text, which may have characters that an id cannot have."""
    return f"{kind}-{to_digest(text)}"


def to_digest(text: str) -> str:
    """32 hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
