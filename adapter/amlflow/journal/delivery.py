"""Brings records to a tracker: in the order of each run, as many points at once as there are.

What has been brought is not brought again by the same delivery; after a crash it may be, and the
tracker stores it once.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.journal.folder import ProcessFolder, process_folders
from amlflow.journal.local import LocalIds, is_local
from amlflow.journal.record import (
    CHANGE,
    CREATE,
    FILES,
    POINT,
    SNAPSHOT,
    Record,
    to_change,
    to_point,
)
from amlflow.spec import (
    COMPLETED_WITH_ERRORS,
    FINAL,
    Refused,
    RunNotFound,
    Tracker,
    Unavailable,
    tried_once,
)

logger = logging.getLogger("amlflow")

AWAY = (Unavailable, AuthenticationException)
"""Errors after which the same call may work later; whatever else is raised is a refusal."""

Refusal = Callable[[int, Record, AzureMLException], None]
"""Told of a record that the tracker does not take: its number, the record, why."""


@dataclass(slots=True)
class Step:
    """One call: records that go together, each with its number."""

    kind: str
    run_id: str | None
    records: list[tuple[int, Record]] = field(default_factory=list)


def steps_of(records: Sequence[tuple[int, Record]]) -> deque[Step]:
    """The calls that bring the records, with the points of each run between its changes as one."""
    steps: deque[Step] = deque()
    last: dict[str, Step] = {}
    for number, record in records:
        kind, run_id = record[0], record[1]
        if kind in (CREATE, SNAPSHOT):
            last.clear()  # all that comes later may be about it
            steps.append(Step(kind, run_id, [(number, record)]))
            continue
        step = last.get(run_id)
        if (
            step is None
            or kind != POINT
            or step.kind != POINT
            or step.records[0][1][2] != record[2]  # another writer
        ):
            step = Step(kind, run_id)
            steps.append(step)
            last[run_id] = step
        step.records.append((number, record))
    return steps


class Delivery:
    """Brings the records of one process, which are in a folder."""

    def __init__(
        self,
        tracker: Callable[[], Tracker],
        folder: ProcessFolder,
        ids: LocalIds,
        refused: Refusal,
    ) -> None:
        self._tracker, self._folder, self._ids = tracker, folder, ids
        self._refused = refused
        self.files: list[str] = []
        """What of ``files/`` has been sent, and is of use until that is noted."""
        self.late = False
        """Whether somebody else may have ended the runs meanwhile."""

    def bring(self, steps: deque[Step], answered: Callable[[], None] = lambda: None) -> None:
        """Make the calls; those that are made are taken from the steps.

        ``answered`` is called after each that the tracker has answered.

        Raises :class:`Unavailable` or :class:`AuthenticationException` at the first that may work
        later.
        """
        with tried_once():
            tracker = self._opened()
            while steps:
                step = steps[0]
                try:
                    self._make(tracker, step)
                except AWAY:
                    raise
                except RunNotFound as error:
                    self._refuse(step, error)
                except AzureMLException as error:
                    if len(step.records) > 1:
                        self._halve(steps, step)
                        answered()
                        continue
                    self._refuse(step, error)
                except Exception as error:  # a plugin is foreign code: whatever it raises
                    logger.exception("The tracker's plugin failed.")
                    if len(step.records) > 1:
                        self._halve(steps, step)
                        continue
                    self._refuse(step, Refused(f"The tracker's plugin failed: {error!r}"))
                steps.popleft()
                answered()

    def _opened(self) -> Tracker:
        """The tracker; a failure to open it is not a record's fault."""
        try:
            return self._tracker()
        except AWAY:
            raise
        except Exception as error:
            why = error.message if isinstance(error, AzureMLException) else repr(error)
            raise Unavailable(f"The tracker cannot be opened: {why}") from error

    @staticmethod
    def _halve(steps: deque[Step], step: Step) -> None:
        """One of several points is to blame; the others are to get there."""
        middle = len(step.records) // 2
        steps.popleft()
        steps.appendleft(Step(step.kind, step.run_id, step.records[middle:]))
        steps.appendleft(Step(step.kind, step.run_id, step.records[:middle]))

    def _refuse(self, step: Step, error: AzureMLException) -> None:
        for number, record in step.records:
            self._refused(number, record, error)
        if step.kind == CREATE and step.run_id is not None:
            self._ids.lost(step.run_id, error)

    def _make(self, tracker: Tracker, step: Step) -> None:
        record = step.records[0][1]
        if step.kind == SNAPSHOT:
            _, _, digest, name = record
            if not tracker.has_snapshot(digest):
                tracker.put_snapshot(digest, self._folder.files / name)
            self.files.append(name)
            return
        if step.kind == CREATE:
            self._ids.create(tracker, record)
            return
        run_id = self._run(tracker, record[1])
        if step.kind == POINT:
            tracker.write_points(run_id, [to_point(each) for _, each in step.records])
        elif step.kind == CHANGE:
            change = to_change(record)
            # What has ended meanwhile stays as it is.
            if self.late and change.status is not None:
                before = tracker.get_run(run_id).status
                if before in FINAL and (before, change.status) != COMPLETED_WITH_ERRORS:
                    return
            tracker.update_run(run_id, change)
        elif step.kind == FILES:
            _, _, names, replace = record
            files = {name: self._folder.files / kept for name, kept in names.items()}
            # A call whose answer was lost may have stored them already.
            tracker.put_files(run_id, files, replace=replace or is_local(record[1]))
            self.files += names.values()

    def _run(self, tracker: Tracker, run_id: str) -> str:
        try:
            return self._ids.of(tracker, run_id)
        except RunNotFound:
            if not any(each.creates(run_id) for each in process_folders(self._folder.path.parent)):
                raise
            raise Unavailable("The run's own process has not made it there yet.") from None
