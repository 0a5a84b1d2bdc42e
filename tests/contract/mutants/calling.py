"""Mutants whose methods cannot be called as the contract says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from amlflow.spec import Condition, ModelRecord, Point, RunRecord
from amlflow.testing.memory import MemoryTracker

ARGUMENTS = """
    page: A method takes its arguments by position and by name, as its signature in the contract
        says; an argument that the contract does not have needs a default.
    """


class ArgumentRenamed(MemoryTracker):
    __doc__ = ARGUMENTS

    def get_run(self, key: str, experiment_id: str | None = None) -> RunRecord:  # type: ignore[override]
        return super().get_run(key, experiment_id)


class ArgumentByNameOnly(MemoryTracker):
    __doc__ = ARGUMENTS

    def read_points(self, run_id: str, *, names: Sequence[str] | None = None) -> list[Point]:  # type: ignore[override]
        return super().read_points(run_id, names)


class ArgumentByPositionOnly(MemoryTracker):
    __doc__ = ARGUMENTS

    def list_files(self, run_id: str, prefix: str = "", /) -> list[str]:  # type: ignore[override]
        return super().list_files(run_id, prefix)


class ArgumentAdded(MemoryTracker):
    __doc__ = ARGUMENTS

    def put_files(  # type: ignore[override]
        self, run_id: str, files: Mapping[str, Path], *, folder: str, replace: bool = False
    ) -> None:
        super().put_files(run_id, {f"{folder}/{name}": path for name, path in files.items()})


class ArgumentRequired(MemoryTracker):
    __doc__ = ARGUMENTS

    def find_models(self, conditions: Sequence[Condition]) -> Iterator[ModelRecord]:  # type: ignore[override]
        return super().find_models(conditions)


MUTANTS = [each for each in MemoryTracker.__subclasses__() if each.__module__ == __name__]
