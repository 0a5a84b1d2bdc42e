"""Tests of calls that an exception interrupts while they read their argument."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    Sequence,
    ValuesView,
)
from pathlib import Path
from typing import Any, TypeVar

import pytest

from amlflow.spec import (
    ExperimentChange,
    ExperimentRecord,
    Feature,
    ModelChange,
    ModelDraft,
    RunChange,
    RunQuery,
    RunRecord,
    Tracker,
)
from amlflow.testing.suites.base import SuiteBase, new_point
from amlflow.testing.suites.cleaning import new_name

T = TypeVar("T")

TIMES = range(4)
"""A call is interrupted when it reads its argument for the first time, for the second time …"""


class Interruption(KeyboardInterrupt):
    """An exception that acts as if the user had pressed Ctrl-C."""


class InterruptedMap(dict[str, T]):
    """A dict that raises in the middle when it is iterated for the nth time."""

    def __init__(self, values: Mapping[str, T], time: int) -> None:
        super().__init__(values)
        self._time, self._times = time, itertools.count()

    def __iter__(self) -> Iterator[str]:
        return _interrupt([*super().__iter__()], next(self._times) == self._time)

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        return KeysView(self)

    def values(self) -> ValuesView[T]:  # type: ignore[override]
        return ValuesView(self)

    def items(self) -> ItemsView[str, T]:  # type: ignore[override]
        return ItemsView(self)

    def __reduce__(self) -> Any:
        raise Interruption


class InterruptedList(list[T]):
    """A list that raises in the middle when it is iterated for the nth time."""

    def __init__(self, values: Sequence[T], time: int) -> None:
        super().__init__(values)
        self._time, self._times = time, itertools.count()

    def __iter__(self) -> Iterator[T]:
        return _interrupt([*super().__iter__()], next(self._times) == self._time)

    def __reduce__(self) -> Any:
        raise Interruption


class InterruptedPath(type(Path())):  # type: ignore[misc]
    """A path that raises when it is used for the nth time."""

    uses: Iterator[int] = iter(())

    def __str__(self) -> str:
        if next(self.uses, None) == 0:
            raise Interruption
        return str(super().__str__())


def interrupt_path(path: Path, time: int) -> Path:
    interrupted = InterruptedPath(path)
    interrupted.uses = iter(range(time, -1, -1))
    return interrupted


def _interrupt(values: Iterable[T], is_time: bool) -> Iterator[T]:
    for index, value in enumerate(values):
        if is_time and index == 1:
            raise Interruption
        yield value


class InterruptedTests(SuiteBase):
    """Tests that an interrupted call changes nothing, and that the next call works."""

    def test_changes_that_are_interrupted(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        page: The same holds if another exception interrupts it, such as KeyboardInterrupt; the next
            call works.
        """
        run = self.create_run(tracker, experiment, tags={"a": "old", "b": "old", "c": "old"})
        both = {"a": "x", "b": "y"}
        changes: list[Callable[[int], RunChange]] = [
            lambda n: RunChange(tags=InterruptedMap(both, n), description="new"),
            lambda n: RunChange(tags={"c": "x"}, system=InterruptedMap(both, n)),
            lambda n: RunChange(tags={"c": "x"}, tags_removed=InterruptedList(["a", "b"], n)),
            lambda n: RunChange(properties=InterruptedMap(both, n), tags={"c": "x"}),
        ]
        if Feature.WRITE_ONCE not in tracker.features:
            changes.pop()
        for change, n in itertools.product(changes, TIMES):
            before = tracker.get_run(run.id)
            if is_interrupted(lambda: tracker.update_run(run.id, change(n))):  # noqa: B023
                assert in_thread(lambda: tracker.get_run(run.id), self.patience) == before
        last = RunChange(tags={"a": "x"}, system={"a": "x"}, name="new")
        in_thread(lambda: tracker.update_run(run.id, last), self.patience)
        assert tracker.get_run(run.id).name == "new"

    def test_runs_whose_creation_is_interrupted(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        page: The same holds if another exception interrupts it, such as KeyboardInterrupt; the next
            call works.
        """
        query = RunQuery(experiment_ids=[experiment.id])
        both = {"a": "x", "b": "y"}
        for n in TIMES:
            drafts = [self.draft(experiment, run_id=f"{n}-{number}") for number in range(2)]
            last = self.draft(experiment, run_id=f"{n}-2", tags=InterruptedMap(both, n))
            for some in (InterruptedList(drafts, n), [*drafts, last]):
                before = list(tracker.find_runs(query))
                if is_interrupted(lambda: tracker.create_runs(some)):  # noqa: B023
                    runs = in_thread(lambda: list(tracker.find_runs(query)), self.patience)
                    assert runs == before
                    continue
                break  # all of them exist, and their ids are taken
            else:
                assert in_thread(lambda: tracker.create_runs(drafts), self.patience)  # noqa: B023

    def test_points_and_files_that_are_interrupted(
        self, tracker: Tracker, run: RunRecord, tmp_path: Path
    ) -> None:
        """
        page: The same holds if another exception interrupts it, such as KeyboardInterrupt; the next
            call works.
        """
        path = tmp_path / "file"
        path.write_text("x")
        points = [new_point("m", float(n), order=n) for n in range(3)]
        files = {"a": path, "b": path}
        for n in TIMES:
            is_interrupted(lambda: tracker.write_points(run.id, InterruptedList(points, n)))  # noqa: B023
            is_interrupted(
                lambda: tracker.put_files(run.id, InterruptedMap(files, n), replace=True)  # noqa: B023
            )
        in_thread(lambda: tracker.write_points(run.id, points), self.patience)
        in_thread(lambda: tracker.put_files(run.id, files, replace=True), self.patience)
        assert [point.value for point in tracker.read_points(run.id)] == [0.0, 1.0, 2.0]
        assert tracker.list_files(run.id) == ["a", "b"]

    def test_a_model_whose_registration_is_interrupted(self, tracker: Any, tmp_path: Path) -> None:
        """
        page: The same holds if another exception interrupts it, such as KeyboardInterrupt; the next
            call works.
        """
        self.needs(tracker, Feature.MODELS)
        path = tmp_path / "file"
        path.write_text("x")
        name = new_name("model")
        files, both = {"model/a": path, "model/b": path}, {"a": "x", "b": "y"}
        registered = 0
        for n in TIMES:
            for draft in (
                ModelDraft(name=name, path="model", files=InterruptedMap(files, n)),
                ModelDraft(name=name, path="model", files=files, tags=InterruptedMap(both, n)),
            ):
                registered += not is_interrupted(lambda: tracker.register_model(draft))  # noqa: B023
                models = [model for model in tracker.find_models() if model.name == name]
                assert len(models) == registered
        draft = ModelDraft(name=name, path="model", files=files)
        model = in_thread(lambda: tracker.register_model(draft), self.patience)
        assert tracker.list_model_files(name, model.version) == ["model/a", "model/b"]

    def test_a_snapshot_that_is_interrupted(self, tracker: Tracker, tmp_path: Path) -> None:
        """
        page: The same holds if another exception interrupts it, such as KeyboardInterrupt; the next
            call works.
        """
        archive, back = tmp_path / "archive.zip", tmp_path / "back.zip"
        archive.write_bytes(b"PK" + bytes(1000))
        for n in TIMES:
            digest, path = uuid.uuid4().hex * 2, interrupt_path(archive, n)
            if is_interrupted(lambda: tracker.put_snapshot(digest, path)):  # noqa: B023
                assert not in_thread(lambda: tracker.has_snapshot(digest), self.patience)  # noqa: B023
            in_thread(lambda: tracker.put_snapshot(digest, archive), self.patience)  # noqa: B023
            tracker.get_snapshot(digest, back)
            assert back.read_bytes() == archive.read_bytes()

    def test_changes_of_an_experiment_that_are_interrupted(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        page: The same holds if another exception interrupts it, such as KeyboardInterrupt; the next
            call works.
        """
        both = {"a": "x", "b": "y"}
        for n in TIMES:
            before = tracker.get_experiment(experiment.id)
            change = ExperimentChange(name=new_name(), tags=InterruptedMap(both, n))
            if is_interrupted(lambda: tracker.update_experiment(experiment.id, change)):  # noqa: B023
                record = in_thread(lambda: tracker.get_experiment(experiment.id), self.patience)
                assert record == before
        last = ExperimentChange(tags={"a": "last"})
        in_thread(lambda: tracker.update_experiment(experiment.id, last), self.patience)
        assert tracker.get_experiment(experiment.id).tags["a"] == "last"

    def test_changes_of_a_model_that_are_interrupted(self, tracker: Any, tmp_path: Path) -> None:
        """
        page: The same holds if another exception interrupts it, such as KeyboardInterrupt; the next
            call works.
        """
        self.needs(tracker, Feature.MODELS)
        path = tmp_path / "file"
        path.write_text("x")
        name, both = new_name("model"), {"a": "x", "b": "y"}
        tracker.register_model(ModelDraft(name=name, path="model", files={"model/a": path}))
        changes: list[Callable[[int], ModelChange]] = [
            lambda n: ModelChange(tags=InterruptedMap(both, n), description="new"),
            lambda n: ModelChange(tags={"c": "x"}, system=InterruptedMap(both, n)),
            lambda n: ModelChange(tags={"c": "x"}, tags_removed=InterruptedList(["a", "b"], n)),
            lambda n: ModelChange(properties=InterruptedMap(both, n), tags={"c": "x"}),
        ]
        for change, n in itertools.product(changes, TIMES):
            before = tracker.get_model(name, 1)
            if is_interrupted(lambda: tracker.update_model(name, 1, change(n))):  # noqa: B023
                assert in_thread(lambda: tracker.get_model(name, 1), self.patience) == before
        last = ModelChange(description="last")
        in_thread(lambda: tracker.update_model(name, 1, last), self.patience)
        assert tracker.get_model(name, 1).description == "last"


def is_interrupted(call: Callable[[], object]) -> bool:
    """Return whether a call was interrupted. If not, it has read its argument fewer times."""
    try:
        call()
    except Interruption:
        return True
    return False


def in_thread(call: Callable[[], T], patience_s: float) -> T:
    """Make a call in another thread, and return its result.

    It fails if the call waits for longer than ``patience_s``, such as for an interrupted call.
    """
    outcomes: list[T] = []
    thread = threading.Thread(target=lambda: outcomes.append(call()), daemon=True)
    thread.start()
    thread.join(patience_s)
    if not outcomes:
        pytest.fail(f"a call after an interrupted one did not return within {patience_s:.0f} s")
    return outcomes[0]
