"""Mutants that are wrong only where their store is away."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from amlflow import spec
from amlflow.spec import is_tried_once
from helpers.shared_tracker import SharedTracker

replace = dataclasses.replace


class RawErrors(SharedTracker):
    """Unavailable: The tracker did not answer or is busy; the same call may succeed later."""

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().call(name, *args, **kwargs)
        except spec.Unavailable as error:
            raise TimeoutError(str(error)) from None


class RefusedWhenAway(SharedTracker):
    """Unavailable: The tracker did not answer or is busy; the same call may succeed later."""

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().call(name, *args, **kwargs)
        except spec.Unavailable as error:
            raise spec.Refused(str(error)) from None


class TriesAgain(SharedTracker):
    """tried_once: Inside it, this thread's calls raise Unavailable at the first failure."""

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        for _ in range(80 if is_tried_once() else 1):
            try:
                return super().call(name, *args, **kwargs)
            except spec.Unavailable as error:
                last = error
        raise last


class KeptForLater(SharedTracker):
    """Unavailable: The tracker did not answer or is busy; the same call may succeed later."""

    def write_points(self, run_id: str, points: Sequence[spec.Point]) -> None:
        pending = self.__dict__.setdefault("pending", [])
        pending.append((run_id, points))
        for call in list(pending):
            super().write_points(*call)
            pending.remove(call)

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[spec.Point]:
        for call in self.__dict__.get("pending", []):
            super().write_points(*call)
        return super().read_points(run_id, names)


class RegistersAgain(SharedTracker):
    """tried_once: Inside it, this thread's calls raise Unavailable at the first failure."""

    def register_model(self, draft: spec.ModelDraft) -> spec.ModelRecord:
        last = time.monotonic() + 4
        while True:
            try:
                return super().register_model(draft)
            except spec.Unavailable:
                if time.monotonic() > last:
                    raise


class SnapshotsAreRefused(SharedTracker):
    """Unavailable: The tracker did not answer or is busy; the same call may succeed later."""

    def get_snapshot(self, digest: str, destination: Path) -> None:
        try:
            super().get_snapshot(digest, destination)
        except spec.Unavailable as error:
            raise spec.Refused(error.message) from None


class NoModelsWhileAway(SharedTracker):
    """Unavailable: The tracker did not answer or is busy; the same call may succeed later."""

    def find_models(self, conditions: Sequence[spec.Condition] = ()) -> Iterator[spec.ModelRecord]:
        try:
            return super().find_models(conditions)
        except spec.Unavailable:
            return iter(())


class ChecksNamesInTheStore(SharedTracker):
    """check_name: Does not call a server."""

    def check_name(self, name: str) -> None:
        list(self.list_experiments())


MUTANTS = [each for each in SharedTracker.__subclasses__() if each.__module__ == __name__]
