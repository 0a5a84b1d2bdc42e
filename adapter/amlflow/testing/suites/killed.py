"""Tests of processes that are killed while they write."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amlflow.spec import (
    ExperimentChange,
    ExperimentNotFound,
    ExperimentRecord,
    Feature,
    ModelChange,
    ModelDraft,
    ModelNotFound,
    ModelRecord,
    Refused,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    Tracker,
)
from amlflow.testing.suites.at_once import Others
from amlflow.testing.suites.base import current
from amlflow.testing.suites.cleaning import new_name
from amlflow.testing.suites.process_base import ProcessBase, check_written, need_fork, write_one

Create = Callable[[Tracker, str, int, Path], object]
"""A function that creates thing number N below a name, with the content of a file."""

PARTS = (0.2, 0.5, 0.8)
"""When the process is killed, as a part of the time that a call takes."""
BATCH = 3
"""The number of runs that one call creates."""


class KilledTests(ProcessBase):
    """Tests that a process that is killed during a call has done either all of it or nothing."""

    @pytest.fixture
    def large_file(self, tmp_path: Path) -> Path:
        """Return a file that takes a while to store."""
        need_fork()
        path = tmp_path / "content"
        path.write_bytes(b"x" * 100_000)
        return path

    @pytest.mark.thorough
    def test_a_writer_that_is_killed(
        self, tracker: Tracker, experiment: ExperimentRecord, others: Others, large_file: Path
    ) -> None:
        """
        page: A method does everything that its docstring says, or raises one of the contract's
            errors and changes nothing.
        """
        # Each process is killed at another time of a step. The first step also opens the tracker.
        for part in (0.0, 0.15, 0.3, 0.5, 0.7, 0.9):
            run = self.create_run(tracker, experiment)
            count = others.killed_after(2, part, _write_until_killed, run.id, str(large_file))
            assert count >= 2, "the writer failed before it was killed"
            check_written(tracker, run, count, large_file)
            # The interrupted call can be made again, and other calls work.
            write_one(tracker, run.id, count, large_file, replace=True)
            check_written(tracker, run, count + 1, large_file)

    @pytest.mark.thorough
    def test_an_experiment_whose_creator_is_killed(
        self, tracker: Tracker, others: Others, large_file: Path
    ) -> None:
        """
        ensure_experiment: The experiment with this name, created if there is none; an archived one
            stays so.
        """
        for part in PARTS:
            prefix = new_name()
            count = _kill(others, part, _ensure, prefix, large_file)
            records = tracker.list_experiments()
            names = Counter(record.name for record in records if record.name.startswith(prefix))
            assert {f"{prefix}-{n}": 1 for n in range(count)}.items() <= names.items()
            record = tracker.ensure_experiment(f"{prefix}-{count}")
            assert names[record.name] in (0, 1)
            run = self.create_run(tracker, record)
            assert tracker.get_run(run.id).experiment_id == record.id

    @pytest.mark.thorough
    @pytest.mark.known_limit("runs-of-a-killed-process")
    def test_runs_whose_creator_is_killed(
        self, tracker: Tracker, others: Others, large_file: Path
    ) -> None:
        """
        create_runs: Create runs, in this order, as fast as the tracker can create many.
        create_runs: If the experiment already has a requested id, even if another process creates
            it at the same time, the call is Refused and no run is created.
        page: A method does everything that its docstring says, or raises one of the contract's
            errors and changes nothing.
        """
        for part in PARTS:
            experiment = tracker.ensure_experiment(new_name())
            count = _kill(others, part, _create_batch, experiment.id, large_file)
            # page: A method does everything that its docstring says
            batches = _batches(tracker, experiment)
            is_whole = count in batches
            assert batches == dict.fromkeys(range(count + is_whole), BATCH)
            # create_runs: If the experiment already has a requested id
            if is_whole:
                with pytest.raises(Refused):
                    _create_batch(tracker, experiment.id, count, large_file)
            else:
                _create_batch(tracker, experiment.id, count, large_file)
            # create_runs: Create runs, in this order
            assert _batches(tracker, experiment) == dict.fromkeys(range(count + 1), BATCH)

    @pytest.mark.thorough
    def test_a_snapshot_whose_writer_is_killed(
        self, tracker: Tracker, others: Others, large_file: Path
    ) -> None:
        """
        put_snapshot: Store a zip archive under the digest of its content.
        has_snapshot: Whether a snapshot is stored.
        """
        back = large_file.with_name("back")
        for part in PARTS:
            prefix = new_name()
            count = _kill(others, part, _put_snapshot, prefix, large_file)
            # has_snapshot: Whether a snapshot is stored
            for n in range(count + 1):
                assert tracker.has_snapshot(_digest(prefix, n)) or n == count
            # put_snapshot: Store a zip archive
            for n in range(count + 1):
                if n < count or tracker.has_snapshot(_digest(prefix, n)):
                    tracker.get_snapshot(_digest(prefix, n), back)
                    assert back.read_bytes() == large_file.read_bytes(), "a snapshot is not whole"
            _put_snapshot(tracker, prefix, count, large_file)
            tracker.get_snapshot(_digest(prefix, count), back)
            assert back.read_bytes() == large_file.read_bytes()

    @pytest.mark.thorough
    def test_a_model_whose_creator_is_killed(
        self, tracker: Any, others: Others, large_file: Path
    ) -> None:
        """
        register_model: Register the next version of a model, from 1; a version is there whole or
            not at all.
        """
        self.needs(tracker, Feature.MODELS)
        # A killed process is a fork of one that has the registry open, and leaves it usable there.
        others.at_once(_find_models)
        for part in PARTS:
            name = new_name("model")
            count = _kill(others, part, _register, name, large_file)
            models = [model for model in tracker.find_models() if model.name == name]
            versions = sorted(model.version for model in models)
            assert versions in ([*range(1, count + 1)], [*range(1, count + 2)])
            newest = _register(tracker, name, count, large_file)
            assert newest.version > versions[-1]
            for model in (*models, newest):
                files = {file: large_file.with_name(file[-1]) for file in ("model/a", "model/b")}
                assert tracker.list_model_files(name, model.version) == [*files]
                tracker.get_model_files(name, model.version, files)
                for path in files.values():
                    assert path.read_bytes() == large_file.read_bytes(), "a file is not whole"
                assert (model.tags, model.description) == ({"t": "x"}, "text")
                assert list(model.properties) == ["number"]

    @pytest.mark.thorough
    def test_changes_whose_writer_is_killed(
        self, tracker: Any, others: Others, large_file: Path
    ) -> None:
        """
        page: A method does everything that its docstring says, or raises one of the contract's
            errors and changes nothing.
        """
        steps = len(_changes(tracker, "", "", "", ""))
        for step in range(1, steps + 1):
            name = new_name()
            experiment, empty = map(tracker.ensure_experiment, (name, f"{name}-empty"))
            run = self.create_run(tracker, experiment)
            if Feature.MODELS in tracker.features:
                _register(tracker, name, 0, large_file)
            things = (experiment.id, empty.id, run.id, name)
            others.killed_after(step, 0.5, _change_until_killed, *things)
            assert tracker.get_experiment(experiment.id).name in (name, f"{name}-renamed")
            query = RunQuery(experiment_ids=[experiment.id])
            is_deleted = tracker.get_run(run.id).deleted
            assert [each.id for each in tracker.find_runs(query)] == [run.id] * (not is_deleted)
            if Feature.MODELS in tracker.features:
                with contextlib.suppress(ModelNotFound):
                    model = tracker.get_model(name, 1)
                    assert (model.tags, model.description) in (
                        ({"t": "x"}, "text"),
                        ({"t": "x"}, "new"),
                    )
                    assert tracker.list_model_files(name, 1) == ["model/a", "model/b"]
            # Each call can be made again, also the interrupted one.
            for change in _changes(tracker, *things):
                with contextlib.suppress(ExperimentNotFound, ModelNotFound):
                    change()
            assert tracker.get_experiment(experiment.id).name == f"{name}-renamed"
            assert [each.id for each in tracker.find_runs(query)] == [run.id]
            assert tracker.find_experiment(f"{name}-empty") is None
            if Feature.MODELS in tracker.features:
                with pytest.raises(ModelNotFound):
                    tracker.get_model(name, 1)


def _write_until_killed(
    tracker: Tracker, run_id: str, path: str, report: Callable[[], object]
) -> None:
    for n in range(10_000):
        write_one(tracker, run_id, n, Path(path))
        report()


def _changes(
    tracker: Any, experiment_id: str, empty_id: str, run_id: str, name: str
) -> list[Callable[[], object]]:
    """Return a call for each method that changes or deletes something."""
    rename = ExperimentChange(name=f"{name}-renamed")
    changes: list[Callable[[], object]] = [
        lambda: tracker.update_experiment(experiment_id, rename),
        lambda: tracker.delete_experiment(empty_id),
    ]
    if Feature.DELETE in tracker.features:
        changes += [lambda: tracker.delete_run(run_id), lambda: tracker.restore_run(run_id)]
    if Feature.MODELS in tracker.features:
        change = ModelChange(description="new")
        changes += [
            lambda: tracker.update_model(name, 1, change),
            lambda: tracker.delete_model(name, 1),
        ]
    return changes


def _change_until_killed(tracker: Tracker, *things: Any) -> None:
    *ids, report = things
    tracker.update_run(ids[2], RunChange(tags={"first": "x"}))  # its time is measured
    report()
    for change in _changes(tracker, *ids):
        change()
        report()


def _find_models(tracker: Any, me: int) -> int:
    return len(list(tracker.find_models()))


def _kill(others: Others, part: float, create: Create, name: str, content: Path) -> int:
    """Kill a process while a call creates a thing. Returns how many it had created before."""
    count = others.killed_after(2, part, _create_until_killed, create, name, str(content))
    assert count >= 2, "the process failed before it was killed"
    return count


def _create_until_killed(
    tracker: Tracker, create: Create, name: str, path: str, report: Callable[[], object]
) -> None:
    for n in range(10_000):
        create(tracker, name, n, Path(path))
        report()


def _ensure(tracker: Tracker, name: str, n: int, content: Path) -> ExperimentRecord:
    return tracker.ensure_experiment(f"{name}-{n}")


def _create_batch(tracker: Tracker, experiment_id: str, n: int, content: Path) -> list[RunRecord]:
    drafts = [
        RunDraft(
            experiment_id=experiment_id, created=current(), name=f"batch {n}", tags={"t": "x"},
            run_id=f"batch-{n}" if number == 1 else None,
            properties={"p": "x"} if Feature.WRITE_ONCE in tracker.features else {},
        )
        for number in range(BATCH)
    ]  # fmt: skip
    return tracker.create_runs(drafts)


def _batches(tracker: Tracker, experiment: ExperimentRecord) -> Counter[int]:
    """Count the runs of each batch, and check that each run is complete."""
    runs = list(tracker.find_runs(RunQuery(experiment_ids=[experiment.id])))
    expected_properties = {"p": "x"} if Feature.WRITE_ONCE in tracker.features else {}
    for run in runs:
        assert (run.tags, run.properties) == ({"t": "x"}, expected_properties)
    return Counter(int(str(run.name).partition(" ")[2]) for run in runs)


def _digest(name: str, n: int) -> str:
    return hashlib.sha256(f"{name}-{n}".encode()).hexdigest()


def _put_snapshot(tracker: Tracker, name: str, n: int, content: Path) -> None:
    tracker.put_snapshot(_digest(name, n), content)


def _register(tracker: Any, name: str, n: int, content: Path) -> ModelRecord:
    draft = ModelDraft(
        name=name, path="model", files={"model/a": content, "model/b": content},
        description="text", tags={"t": "x"}, properties={"number": str(n)},
    )  # fmt: skip
    model: ModelRecord = tracker.register_model(draft)
    return model
