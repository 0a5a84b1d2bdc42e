"""Mutants that change, cut, mix or lose what they are to keep."""

from __future__ import annotations

import dataclasses
import math
import unicodedata
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from amlflow import spec
from amlflow.spec import (
    FINAL,
    ExperimentChange,
    ExperimentRecord,
    Kind,
    Point,
    RunChange,
    RunDraft,
    RunRecord,
)
from amlflow.testing.memory import MemoryTracker, to_record

replace = dataclasses.replace

EXACT = """
    page: Keys, names and values can be any text, also an empty one; a tracker raises Refused for a
        text that it cannot store exactly.
    """
TYPES = """
    read_points: Values keep their types: bool, int, float (also NaN and infinities), str, None.
    """


# --- Data ---------------------------------------------------------------------------------------


class TagToNoneIgnored(MemoryTracker):
    """RunChange: A change to a run; what is not given stays as it is."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        tags = self.get_run(run_id).tags
        given = {key: tags.get(key) if value is None else value for key, value in
                 change.tags.items()}  # fmt: skip
        super().update_run(run_id, replace(change, tags=given))


class ExperimentTagToNoneIgnored(MemoryTracker):
    """ExperimentChange: A change to an experiment; what is not given stays as it is."""

    def update_experiment(self, experiment_id: str, change: ExperimentChange) -> None:
        tags = self.get_experiment(experiment_id).tags
        given = {key: tags.get(key) if value is None else value for key, value in
                 change.tags.items()}  # fmt: skip
        super().update_experiment(experiment_id, replace(change, tags=given))


class ConflictComparedLoosely(MemoryTracker):
    """PropertyConflict: The property already has another value."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        kept = self.get_run(run_id).properties
        properties = {
            key: kept[key]
            if key in kept and kept[key].strip().lower() == value.strip().lower()
            else value
            for key, value in change.properties.items()
        }
        super().update_run(run_id, replace(change, properties=properties))


class DraftCut(MemoryTracker):
    """page: It never shortens a text."""

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        return super().create_runs(
            [
                replace(
                    draft,
                    tags={key: value and value[:5000] for key, value in draft.tags.items()},
                    properties={key: value[:5000] for key, value in draft.properties.items()},
                    description=draft.description and draft.description[:5000],
                )
                for draft in drafts
            ]
        )


class SystemCut(MemoryTracker):
    """page: It never shortens a text."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        system = {key: value[:4000] for key, value in change.system.items()}
        super().update_run(run_id, replace(change, system=system))


class TextCut64k(MemoryTracker):
    """page: It never shortens a text."""

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        super().write_points(run_id, [in_point(point, lambda text: text[:65_535])
                                      for point in points])  # fmt: skip


class BatchInFirstExperiment(MemoryTracker):
    """create_runs: Create runs, in this order, as fast as the tracker can create many."""

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        for draft in drafts:
            self.get_experiment(draft.experiment_id)
        return super().create_runs(
            [replace(draft, experiment_id=drafts[0].experiment_id) for draft in drafts]
        )


class ParentOfOtherExperimentDropped(MemoryTracker):
    """RunDraft: A run to be created."""

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        def own(draft: RunDraft) -> RunDraft:
            parent = self._runs.get(draft.parent_id or "")
            if parent is None or parent.experiment_id == draft.experiment_id:
                return draft
            return replace(draft, parent_id=None, root_id=None)

        return super().create_runs([own(draft) for draft in drafts])


class DeleteWhereRunsEnded(MemoryTracker):
    """delete_experiment: Delete an experiment and free its name; Refused if it has runs."""

    def delete_experiment(self, experiment_id: str) -> None:
        runs = [run for run in self._runs.values() if run.experiment_id == experiment_id]
        if runs and all(run.status in FINAL for run in runs):
            for run in runs:
                del self._runs[run.id]
        super().delete_experiment(experiment_id)


class DeleteOfArchived(MemoryTracker):
    """delete_experiment: Delete an experiment and free its name; Refused if it has runs."""

    def delete_experiment(self, experiment_id: str) -> None:
        if self.get_experiment(experiment_id).archived:
            for run in [*self._runs.values()]:
                if run.experiment_id == experiment_id:
                    del self._runs[run.id]
        super().delete_experiment(experiment_id)


class RenameToArchivedName(MemoryTracker):
    """
    update_experiment: Raises ExperimentNotFound, and Refused if another experiment has the name.
    """

    def update_experiment(self, experiment_id: str, change: ExperimentChange) -> None:
        name, own = change.name, self.get_experiment(experiment_id)
        for other in self._experiments.values():
            if other.archived and other.name == name != own.name:
                super().update_experiment(experiment_id, replace(change, name=None))
                self._experiments[experiment_id] = replace(
                    self.get_experiment(experiment_id), name=str(name)
                )
                return
        super().update_experiment(experiment_id, change)


class TagsOfDeletedComeBack(MemoryTracker):
    """delete_experiment: Delete an experiment and free its name; Refused if it has runs."""

    def delete_experiment(self, experiment_id: str) -> None:
        record = self.get_experiment(experiment_id)
        super().delete_experiment(experiment_id)
        self.kept = {**getattr(self, "kept", {}), record.name: record.tags}

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        record = super().ensure_experiment(name)
        tags = getattr(self, "kept", {}).pop(name, record.tags)
        self._experiments[record.id] = replace(record, tags=tags)
        return self._experiments[record.id]


class EmptyIdForMany(MemoryTracker):
    """
    create_runs: If the experiment already has a requested id, even if another process creates it at
        the same time, the call is Refused and no run is created.
    """

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        for draft in drafts:
            self.get_experiment(draft.experiment_id)
            if draft.run_id and self._find(draft.run_id, draft.experiment_id):
                raise spec.Refused(f"The experiment has a run {draft.run_id!r} already.")
        ids = [(draft.experiment_id, draft.run_id) for draft in drafts if draft.run_id]
        if len(set(ids)) < len(ids):
            raise spec.Refused(f"Of {[run_id for _, run_id in ids]}, one is there twice.")
        return [self._add(to_record(draft)) for draft in drafts]


# --- Values -------------------------------------------------------------------------------------

Turn = Callable[[str], str]


def in_value(value: Any, turn: Turn) -> Any:
    if isinstance(value, str):
        return turn(value)
    if isinstance(value, list):
        return [in_value(item, turn) for item in value]
    if isinstance(value, dict):
        return {turn(key): in_value(item, turn) for key, item in value.items()}
    return value


def in_point(point: Point, turn: Turn) -> Point:
    return replace(point, name=turn(point.name), value=in_value(point.value, turn))


def in_tags(change: RunChange, turn: Turn) -> RunChange:
    return replace(change, tags=in_value(dict(change.tags), turn))


def in_properties(change: RunChange, turn: Turn) -> RunChange:
    return replace(change, properties=in_value(dict(change.properties), turn))


def cut_at_nul(text: str) -> str:
    return text.partition("\0")[0]


def without_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def without_controls(text: str) -> str:
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")


def of_texts(name: str, turn: Turn, *parts: str) -> type[MemoryTracker]:
    """A mutant that changes the texts of some of what it stores."""

    class Turned(MemoryTracker):
        __doc__ = EXACT

        def update_run(self, run_id: str, change: RunChange) -> None:
            if "tags" in parts:
                change = in_tags(change, turn)
            if "properties" in parts:
                change = in_properties(change, turn)
            if "description" in parts and change.description:
                change = replace(change, description=turn(change.description))
            if "name" in parts and change.name:
                change = replace(change, name=turn(change.name))
            if "system" in parts:
                change = replace(change, system=in_value(dict(change.system), turn))
            super().update_run(run_id, change)

        def write_points(self, run_id: str, points: Sequence[Point]) -> None:
            if "points" in parts:
                points = [in_point(point, turn) for point in points]
            if "values" in parts:
                points = [replace(each, value=in_value(each.value, turn)) for each in points]
            super().write_points(run_id, points)

        def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
            if "draft" in parts:
                drafts = [
                    replace(
                        draft,
                        name=draft.name and turn(draft.name),
                        tags=in_value(dict(draft.tags), turn),
                        properties=in_value(dict(draft.properties), turn),
                    )
                    for draft in drafts
                ]
            return super().create_runs(drafts)

        def ensure_experiment(self, name: str) -> ExperimentRecord:
            return super().ensure_experiment(turn(name) if "experiment" in parts else name)

    Turned.__name__ = Turned.__qualname__ = name
    return Turned


TEXTS = [
    of_texts("NulCut", cut_at_nul, "tags"),
    of_texts("NulCutInProperties", cut_at_nul, "properties"),
    of_texts("NulCutInPoints", cut_at_nul, "points"),
    of_texts("NulCutInNames", cut_at_nul, "name"),
    of_texts("NulCutInDescriptions", cut_at_nul, "description"),
    of_texts("NulCutInExperiments", cut_at_nul, "experiment"),
    of_texts("Surrogates", without_surrogates, "tags"),
    of_texts("SurrogatesInPoints", without_surrogates, "values"),
    of_texts("SurrogatesInDrafts", without_surrogates, "draft"),
    of_texts("NfcValues", composed, "tags", "properties"),
    of_texts("NfcPoints", composed, "values"),
    of_texts("NfcDrafts", composed, "draft"),
    of_texts("NfcDescriptions", composed, "description"),
    of_texts("ControlsDropped", without_controls, "tags"),
    of_texts("ControlsDroppedFromProperties", without_controls, "properties"),
    of_texts("ControlsDroppedFromPoints", without_controls, "values"),
    of_texts("ControlsDroppedFromDescriptions", without_controls, "description"),
    of_texts("ControlsDroppedFromNotes", without_controls, "system"),
    of_texts("LinesByUnix", lambda text: text.replace("\r\n", "\n"), "description", "values"),
]


def of_numbers(name: str, kind: Kind, turn: Callable[[Any], Any]) -> type[MemoryTracker]:
    """A mutant that changes some numbers of one kind of metric."""

    class Turned(MemoryTracker):
        __doc__ = TYPES

        def write_points(self, run_id: str, points: Sequence[Point]) -> None:
            points = [
                replace(point, value=in_numbers(point.value, turn)) if point.kind is kind else point
                for point in points
            ]
            super().write_points(run_id, points)

    Turned.__name__ = Turned.__qualname__ = name
    return Turned


def in_numbers(value: Any, turn: Callable[[Any], Any]) -> Any:
    if isinstance(value, list):
        return [in_numbers(item, turn) for item in value]
    if isinstance(value, dict):
        return {key: in_numbers(item, turn) for key, item in value.items()}
    return turn(value)


def rounded(value: Any) -> Any:
    big = type(value) is int and 2**53 < abs(value) < 10**300
    return int(float(value)) if big else value


def without_nan(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def without_infinity(value: Any) -> Any:
    return None if isinstance(value, float) and math.isinf(value) else value


def bool_as_int(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def without_signs(value: Any) -> Any:
    return 0.0 if isinstance(value, float) and value == 0 else value


def whole_as_int(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value == 1.0 else value


NUMBERS = [
    of_numbers(f"{turn.__name__} in {kind.value}", kind, turn)
    for turn in (rounded, without_nan, without_infinity, bool_as_int, without_signs, whole_as_int)
    for kind in (Kind.SCALAR, Kind.LIST, Kind.ROW, Kind.TABLE)
]
"""BigIntInListRounded, NanInTableIsNone, BoolInRowIsInt and the others of their kinds."""


class EmptyBatchFails(MemoryTracker):
    """write_points: Store points, each identity once."""

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        assert points[0].writer
        super().write_points(run_id, points)


class LiveValues(MemoryTracker):
    """
    page: Methods must not keep references to their arguments; returned objects must not change
        later.
    """

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        stored_points = self._points[self.get_run(run_id).id]
        super().write_points(run_id, points)
        for point in points:
            stored_points[(point.writer, point.name, point.position, point.time)] = point


class SharedValues(MemoryTracker):
    """
    page: Methods must not keep references to their arguments; returned objects must not change
        later.
    """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        points = super().read_points(run_id, names)
        kept = self.__dict__.setdefault("kept", {})
        return [kept.setdefault((run_id, uuid.uuid5(uuid.NAMESPACE_OID, repr(point))), point)
                for point in points]  # fmt: skip


MUTANTS = [
    *[each for each in MemoryTracker.__subclasses__()
      if each.__module__ == __name__ and each not in (*TEXTS, *NUMBERS)],
    *TEXTS,
    *NUMBERS,
]  # fmt: skip
