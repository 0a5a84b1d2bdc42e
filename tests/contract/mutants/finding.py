"""Mutants that find other runs, files and models than the ones that were meant."""

from __future__ import annotations

import dataclasses
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from amlflow import spec
from amlflow.spec import Condition, ModelDraft, ModelRecord, Op, Order, RunQuery, RunRecord
from amlflow.testing.memory import MemoryTracker

from mutants.meeting import meet_thread

replace = dataclasses.replace

MATCH = """
    find_runs: The runs that match a query, and no others, read from the tracker while you iterate.
    """
ABSENT = "Op: All operators but NE and LACKS are false if the field is absent."
ALL_CONDITIONS = "RunQuery: Which runs to find: those of the experiments that meet all conditions."
ORDER = """
    Order: Runs without the field come last, also with descending; runs with equal values come
        newest first.
    """

Holds = Callable[[Condition, RunRecord], bool]
TEXT_OPS = (Op.EQ, Op.NE, Op.STARTS_WITH, Op.CONTAINS)


def of_search(
    name: str, applies: Callable[[Condition], bool], holds: Holds, sentence: str = MATCH
) -> type[MemoryTracker]:
    """A mutant that judges some conditions in its own way."""

    class Judging(MemoryTracker):
        __doc__ = sentence

        def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
            own = [each for each in query.conditions if applies(each)]
            others = [each for each in query.conditions if not applies(each)]
            for run in super().find_runs(replace(query, conditions=others)):
                if all(holds(each, run) for each in own):
                    yield run

    Judging.__name__ = Judging.__qualname__ = name
    return Judging


def value_of(condition: Condition, run: RunRecord) -> Any:
    value = getattr(run, condition.field)
    return value if condition.key is None else value.get(condition.key)


def turned(turn: Callable[[str], str]) -> Holds:
    """Judge a condition on changed texts."""

    def holds(condition: Condition, run: RunRecord) -> bool:
        value = value_of(condition, run)
        if isinstance(value, str):
            record: Any = replace(run, **{condition.field: turn(value)}) if condition.key is None \
                else replace(run, **{condition.field: {condition.key: turn(value)}})  # fmt: skip
        else:
            record = run
        return replace(condition, value=turn(str(condition.value))).holds(record)

    return holds


def of_field(field: str, *ops: Op) -> Callable[[Condition], bool]:
    return lambda condition: (
        condition.field == field and condition.op in ops and isinstance(condition.value, str)
    )


def like(condition: Condition, run: RunRecord) -> bool:
    value = value_of(condition, run)
    if not isinstance(value, str):
        return False
    pattern = re.escape(str(condition.value)).replace("%", ".*").replace("_", ".")
    pattern = pattern if condition.op is Op.STARTS_WITH else f".*{pattern}"
    return re.match(pattern, value, re.DOTALL) is not None


def never(condition: Condition, run: RunRecord) -> bool:
    return False


def absent(condition: Condition, run: RunRecord) -> bool:
    return value_of(condition, run) is not None and condition.holds(run)


def empty_is_absent(condition: Condition, run: RunRecord) -> bool:
    return bool(value_of(condition, run)) == (condition.op is Op.HAS)


SEARCHES = [
    of_search("NameCaseInsensitive", of_field("name", Op.EQ, Op.NE), turned(str.lower)),
    of_search("TagsContainsLike", of_field("tags", Op.CONTAINS), like),
    of_search("TrailingSpaceInsensitive", of_field("tags", Op.EQ), turned(str.rstrip)),
    of_search(
        "LacksEndedNever", lambda c: c.field == "ended" and c.op is Op.LACKS, never, ABSENT
    ),
    of_search("NeMissingKeyUser", lambda c: c.field == "tags" and c.op is Op.NE, absent, ABSENT),
    of_search(
        "NeOfNoDescription", lambda c: c.field == "description" and c.op is Op.NE, absent, ABSENT
    ),
    of_search(
        "EmptyTagIsAbsent",
        lambda c: c.field == "tags" and c.op in (Op.HAS, Op.LACKS),
        empty_is_absent,
    ),
    *[
        of_search(f"{field} {op.name} {name}", of_field(field, op), holds)
        for field in ("name", "description", "tags", "properties")
        for op in TEXT_OPS
        for name, holds in {
            "in any case": turned(str.lower),
            "in any form": turned(lambda text: unicodedata.normalize("NFC", text)),
            "without accents": turned(
                lambda text: "".join(c for c in unicodedata.normalize("NFD", text)
                                     if not unicodedata.combining(c))
            ),
            "without spaces at the end": turned(str.rstrip),
            "as a pattern": like,
        }.items()
        if not (name == "as a pattern" and op is Op.NE)
    ],
    *[
        of_search(
            f"{field} {op.name} by seconds",
            lambda c, field=field, op=op: c.field == field and c.op is op,  # type: ignore[misc]
            lambda c, run: (
                (value := getattr(run, c.field)) is not None
                and replace(c, value=c.value.replace(microsecond=0)).holds(  # type: ignore[union-attr]
                    replace(run, **{c.field: value.replace(microsecond=0)})
                )
            ),
        )
        for field in ("created", "started", "ended")
        for op in (Op.GE, Op.LE)
    ],
]  # fmt: skip


class AnyOfTheConditions(MemoryTracker):
    __doc__ = ALL_CONDITIONS

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for run in super().find_runs(replace(query, conditions=())):
            if not query.conditions or any(each.holds(run) for each in query.conditions):
                yield run


class OneConditionForAKey(MemoryTracker):
    __doc__ = ALL_CONDITIONS

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        last = {(each.field, each.key): each for each in query.conditions}
        return super().find_runs(replace(query, conditions=list(last.values())))


class OrderEmptyIsLacking(MemoryTracker):
    __doc__ = ORDER

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        runs = list(super().find_runs(query))
        if query.order is not None:
            runs.sort(key=lambda run: not order_value(query.order, run))
        return iter(runs)


class EqualOldestFirst(MemoryTracker):
    __doc__ = ORDER

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        runs = list(super().find_runs(query))
        order = query.order
        if order is not None and order.descending:  # as if a sorted list were turned round
            values = [order_value(order, run) for run in runs]
            there = [run for run, value in zip(runs, values, strict=True) if value is not None]
            there.sort(key=lambda run: run.created)
            there.sort(key=lambda run: order_value(order, run), reverse=True)
            runs = there + [run for run in runs if order_value(order, run) is None]
        return iter(runs)


def order_value(order: Order | None, run: RunRecord) -> Any:
    assert order is not None
    value = getattr(run, order.field)
    return value if order.key is None else value.get(order.key)


# --- Files --------------------------------------------------------------------------------------


def of_names(name: str, turn: Callable[[str], str]) -> type[MemoryTracker]:
    """A mutant that stores files under changed names."""

    class Renaming(MemoryTracker):
        __doc__ = """
            page: Keys, names and values can be any text, also an empty one; a tracker raises
                Refused for a text that it cannot store exactly.
            """

        def put_files(
            self, run_id: str, files: Mapping[str, Path], *, replace: bool = False
        ) -> None:
            new_files = {turn(name): path for name, path in files.items()}
            super().put_files(run_id, new_files, replace=replace)

        def get_file(self, run_id: str, name: str, destination: Path) -> None:
            super().get_file(run_id, turn(name), destination)

    Renaming.__name__ = Renaming.__qualname__ = name
    return Renaming


FILES = [
    of_names("FileNamesNormalised", posixpath.normpath),
    of_names("FileNamesBackslash", lambda name: name.replace("\\", "/")),
    of_names("FileNamesNfc", lambda name: unicodedata.normalize("NFC", name)),
    of_names("FileNamesStripped", str.strip),
    of_names("FileNamesFolded", str.casefold),
    of_names("FileNamesWithoutSlash", lambda name: name.lstrip("/")),
    of_names("FileNamesUnquoted", lambda name: name.replace("%20", " ")),
    of_names("FileNamesOfWindows", lambda name: name.rstrip(". ")),
]


class GetFileOfUnknownRun(MemoryTracker):
    """RunNotFound: No run has this id."""

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        try:
            super().get_file(run_id, name, destination)
        except spec.RunNotFound:
            destination.write_bytes(b"")


class ReplaceNeedsOld(MemoryTracker):
    """
    put_files: With replace, a file of the same name is replaced; otherwise the call raises
        FileInRun and stores no file.
    """

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        for name in files:
            if replace and name not in self.list_files(run_id):
                raise spec.Refused(f"There is no file {name!r} to replace.")
        super().put_files(run_id, files, replace=replace)


class ReplaceForgetsTheOthers(MemoryTracker):
    """
    put_files: With replace, a file of the same name is replaced; otherwise the call raises
        FileInRun and stores no file.
    """

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        if replace:
            self._files[self.get_run(run_id).id].clear()
        super().put_files(run_id, files, replace=replace)


class FilesOfAllRuns(MemoryTracker):
    """get_file: Write a file's content to a local path."""

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        super().put_files(run_id, files, replace=replace)
        for stored_files in self._files.values():
            for name, path in files.items():
                if name in stored_files:
                    stored_files[name] = path.read_bytes()


# --- Models -------------------------------------------------------------------------------------

NEXT = """
    register_model: Register the next version of a model, from 1; a version is there whole or not at
        all.
    """


class ModelTimeNaive(MemoryTracker):
    """page: Times are timezone-aware datetimes in UTC."""

    def register_model(self, draft: ModelDraft) -> ModelRecord:
        record = super().register_model(draft)
        return replace(record, created=record.created.replace(tzinfo=None))


class ModelNamesFolded(MemoryTracker):
    __doc__ = NEXT

    def register_model(self, draft: ModelDraft) -> ModelRecord:
        record = super().register_model(replace(draft, name=draft.name.casefold()))
        return replace(record, name=draft.name)


class ModelOfNothing(MemoryTracker):
    """register_model: Raises RunNotFound, Refused."""

    def register_model(self, draft: ModelDraft) -> ModelRecord:
        if draft.run_id is None:
            return super().register_model(draft)
        stored_files = self._files[self.get_run(draft.run_id).id]
        is_missing = draft.path not in stored_files
        if is_missing:
            stored_files[draft.path] = b""
        try:
            return super().register_model(draft)
        finally:
            if is_missing:
                del stored_files[draft.path]


class ModelWithoutProperties(MemoryTracker):
    __doc__ = NEXT

    def register_model(self, draft: ModelDraft) -> ModelRecord:
        return super().register_model(replace(draft, properties={}))


class TwoOfAVersion(MemoryTracker):
    """
    register_model: Registrations at the same time get different versions, and a deleted version's
        number is not used again.
    """

    def register_model(self, draft: ModelDraft) -> ModelRecord:
        version = self._versions.get(draft.name, 0)
        meet_thread(self, draft.name)
        with self._lock:
            self._versions[draft.name] = version
            return super().register_model(draft)


MUTANTS = [
    *[each for each in MemoryTracker.__subclasses__()
      if each.__module__ == __name__ and each not in (*SEARCHES, *FILES)],
    *SEARCHES,
    *FILES,
]  # fmt: skip
