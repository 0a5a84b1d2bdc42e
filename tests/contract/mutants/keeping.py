"""Mutants of a tracker that several processes share: what one of them keeps for itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from amlflow import spec
from amlflow.testing.memory import MemoryTracker
from helpers.shared_tracker import SharedTracker

from mutants.meeting import meet_process

SHARED = "page: Other processes and machines change the same runs at the same time."


class SnapshotMissingForGood(SharedTracker):
    __doc__ = SHARED

    def has_snapshot(self, digest: str) -> bool:
        seen: dict[str, bool] = self.__dict__.setdefault("seen", {})
        if digest not in seen:
            seen[digest] = super().has_snapshot(digest)
        return seen[digest]

    def put_snapshot(self, digest: str, archive: Path) -> None:
        super().put_snapshot(digest, archive)
        self.__dict__.setdefault("seen", {})[digest] = True


class StaleModels(SharedTracker):
    __doc__ = SHARED

    def get_model(self, name: str, version: int) -> spec.ModelRecord:
        if self._depth:
            return MemoryTracker.get_model(self, name, version)
        kept: dict[tuple[str, int], spec.ModelRecord] = self.__dict__.setdefault("models", {})
        if (name, version) not in kept:
            kept[name, version] = super().get_model(name, version)
        return kept[name, version]


class StaleListOfExperiments(SharedTracker):
    __doc__ = SHARED

    def list_experiments(self) -> Iterator[spec.ExperimentRecord]:
        if "records" not in self.__dict__:
            self.__dict__["records"] = list(super().list_experiments())
        return iter(self.__dict__["records"])

    def ensure_experiment(self, name: str) -> spec.ExperimentRecord:
        self.__dict__.pop("records", None)
        return super().ensure_experiment(name)


class DeletedInThisProcess(SharedTracker):
    __doc__ = SHARED

    def save(self) -> None:
        deleted, self._deleted = self._deleted, set()
        super().save()
        self._deleted = deleted

    def load(self) -> None:
        deleted = self._deleted
        super().load()
        self._deleted = deleted


class VersionsAreCountedAnew(SharedTracker):
    __doc__ = SHARED

    def save(self) -> None:
        versions, self._versions = self._versions, {}
        super().save()
        self._versions = versions

    def load(self) -> None:
        super().load()
        for name, version in self._models:
            self._versions[name] = max(self._versions.get(name, 0), version)


class ArchivedUntilOpened(SharedTracker):
    __doc__ = SHARED

    def load(self) -> None:
        super().load()
        if not self.__dict__.setdefault("archives", False):
            self._experiments = {
                key: dataclasses.replace(record, archived=None)
                for key, record in self._experiments.items()
            }

    def update_experiment(self, experiment_id: str, change: spec.ExperimentChange) -> None:
        self.__dict__["archives"] = True
        super().update_experiment(experiment_id, change)


class VersionRaceAcross(SharedTracker):
    """
    register_model: Registrations at the same time get different versions, and a deleted version's
        number is not used again.
    """

    def register_model(self, draft: spec.ModelDraft) -> spec.ModelRecord:
        with self.open(is_write=False):
            version = self._versions.get(draft.name, 0)
        meet_process(self._path, draft.name)
        with self.open(is_write=True):
            self._versions[draft.name] = version
            return MemoryTracker.register_model(self, draft)


MUTANTS = [each for each in SharedTracker.__subclasses__() if each.__module__ == __name__]
