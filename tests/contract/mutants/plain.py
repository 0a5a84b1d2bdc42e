"""The reference tracker with one sentence of the contract broken in each subclass.

Each mutant's docstring quotes the sentence, and a test of the suite that names it must fail.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta, timezone

from amlflow import spec
from amlflow.spec import (
    Point,
    RunChange,
    RunDraft,
    RunRecord,
    Status,
)
from amlflow.testing.memory import MemoryTracker, to_record

from mutants.meeting import is_alone, meet_thread, wait_until

replace = dataclasses.replace


class LostUpdate(MemoryTracker):
    """RunChange: A change to a run; what is not given stays as it is."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        before = self.get_run(run_id)
        meet_thread(self, run_id)  # the other one's change is overwritten
        with self._lock:
            self._runs[before.id] = before
            super().update_run(run_id, change)


class TagsReplaced(MemoryTracker):
    """RunChange: A change to a run; what is not given stays as it is."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, change)
        if change.tags:
            run = self.get_run(run_id)
            self._runs[run.id] = replace(run, tags=dict(change.tags))


class SecondWinner(MemoryTracker):
    """
    RunChange: Properties can be added but not changed: if a key already has another value, even if
        another process adds it at the same time, the whole change is a PropertyConflict.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        kept = self.get_run(run_id).properties
        for key, value in change.properties.items():
            if kept.get(key, value) != value:
                raise spec.PropertyConflict(key, kept[key], value)
        meet_thread(self, run_id)
        with self._lock:
            run = self.get_run(run_id)
            others = {k: v for k, v in run.properties.items() if k not in change.properties}
            self._runs[run.id] = replace(run, properties=others)
            super().update_run(run_id, change)


class HalfAConflict(MemoryTracker):
    """PropertyConflict: Nothing of the refused change was applied."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, replace(change, properties={}, status=None))
        super().update_run(run_id, change)


class SameValueRefused(MemoryTracker):
    """RunChange: Adding the same value again is accepted."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        with self._lock:
            for key, value in change.properties.items():
                if key in self.get_run(run_id).properties:
                    raise spec.PropertyConflict(key, value, value)
            super().update_run(run_id, change)


class StatusFirst(MemoryTracker):
    """RunChange: status is applied last, so that a reader who sees it also sees the rest."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        if change.status is not None:
            super().update_run(run_id, RunChange(status=change.status, ended=change.ended))
            self.__dict__["half"] = run_id
            if not is_alone():
                wait_until(lambda: self.__dict__["half"] != run_id)
        super().update_run(run_id, change)

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        run = super().get_run(run_id, experiment_id)
        if self.__dict__.get("half") == run_id:
            self.__dict__["half"] = None
        return run


class NoEnd(MemoryTracker):
    """transition: A final status sets the end time to ended, or to now."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, change)
        if change.ended is None:
            run = self.get_run(run_id)
            self._runs[run.id] = replace(run, ended=None)


class EndUndone(MemoryTracker):
    """
    transition: Any other status that comes later is ignored, and the rest of the change is applied.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, change)
        if change.status is not None:
            run = self.get_run(run_id)
            self._runs[run.id] = replace(run, status=change.status)


class BegunTooEarly(MemoryTracker):
    """UNSTARTED: The statuses of a run that has not begun; see transition."""

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        run = super().get_run(run_id, experiment_id)
        return replace(run, started=run.started or run.created)


class FewStatuses(MemoryTracker):
    """Status: The statuses of v1's runs."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        if change.status == Status.CANCEL_REQUESTED:
            change = replace(change, status=Status.RUNNING)
        super().update_run(run_id, change)


class CutOff(MemoryTracker):
    """page: It never shortens a text."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        tags = {key: value and value[:8000] for key, value in change.tags.items()}
        super().update_run(run_id, replace(change, tags=tags))


class CutPoints(MemoryTracker):
    """page: It never shortens a text."""

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        super().write_points(
            run_id,
            [replace(p, value=p.value[:5000]) if isinstance(p.value, str) else p for p in points],
        )


class Stripped(MemoryTracker):
    """
    page: Keys, names and values can be any text, also an empty one; a tracker raises Refused for a
        text that it cannot store exactly.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        tags = {key.strip(): value and value.strip() for key, value in change.tags.items()}
        super().update_run(run_id, replace(change, tags=tags))


class NoneIsEmpty(MemoryTracker):
    """
    page: Keys, names and values can be any text, also an empty one; a tracker raises Refused for a
        text that it cannot store exactly.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        tags = {key: value or None for key, value in change.tags.items()}
        super().update_run(run_id, replace(change, tags=tags))


class HalfRefused(MemoryTracker):
    """
    page: A method does everything that its docstring says, or raises one of the contract's errors
        and changes nothing.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        for key, value in change.tags.items():
            if len(value or "") > 8000:
                raise spec.Refused("too long")
            super().update_run(run_id, RunChange(tags={key: value}))
        super().update_run(run_id, change)


class NaiveTimes(MemoryTracker):
    """page: Times are timezone-aware datetimes in UTC."""

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        made = super().create_runs(drafts)
        for run in made:
            moved = run.created.astimezone(timezone(timedelta(hours=2)))
            self._runs[run.id] = replace(run, created=moved, started=run.started and moved)
        return [self._runs[run.id] for run in made]


class TwoUnderOneId(MemoryTracker):
    """
    create_runs: If the experiment already has a requested id, even if another process creates it at
        the same time, the call is Refused and no run is created.
    """

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        for draft in drafts:
            if draft.run_id and self._find(draft.run_id, draft.experiment_id):
                raise spec.Refused(f"The experiment has a run {draft.run_id!r} already.")
        meet_thread(self, str(drafts[0].run_id))
        with self._lock:
            return [self._add(to_record(draft)) for draft in drafts]


class SomeAreMade(MemoryTracker):
    """
    create_runs: If the experiment already has a requested id, even if another process creates it at
        the same time, the call is Refused and no run is created.
    """

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        return [super(SomeAreMade, self).create_runs([draft])[0] for draft in drafts]


class AnyEnd(MemoryTracker):
    """transition: A final status sets the end time to ended, or to now."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, replace(change, ended=None))


class FirstPageOnly(MemoryTracker):
    """write_points: All points have one writer and are in the order of the calls."""

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        super().write_points(run_id, points[:1000])


MUTANTS = [each for each in MemoryTracker.__subclasses__() if each.__module__ == __name__]
