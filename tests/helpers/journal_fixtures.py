"""Fixtures: the reference tracker with a journal. It is away, slow or refuses calls on demand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from amlflow.journal import sender
from amlflow.journal.folder import tracker_folder
from amlflow.journal.settings import JournalSettings
from amlflow.layers.journaled import Journaled
from amlflow.spec import Kind, RunRecord
from amlflow.testing.memory import MemoryTracker

from helpers.flaky_tracker import URI, Moody, away, die, point, start_run


@pytest.fixture
def memory() -> MemoryTracker:
    """The tracker that gets what is journaled."""
    return MemoryTracker(URI)


@pytest.fixture
def moody(memory: MemoryTracker) -> Moody:
    """The same tracker, which fails when a test says so."""
    return Moody(memory)


@pytest.fixture
def settings(tmp_path: Path) -> JournalSettings:
    """Settings of a journal in the test's own folder."""
    return JournalSettings(
        on=True,
        folder=tmp_path / "journal",
        max_bytes=100_000_000,
        fsync=False,
        offline=False,
        flush_seconds=20,
        exit_seconds=5,
    )


@pytest.fixture
def opened(
    moody: Moody, settings: JournalSettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Journaled]]:
    """Yield a function that opens the tracker with a journal. It may be given other settings.

    So that no test has to wait, the journal often looks at its folder and at held records, and
    waits only a short time for more records and between two tries.
    """
    monkeypatch.setattr(sender, "BATCH_WINDOW_S", 0.02)
    monkeypatch.setattr(sender, "CHECK_INTERVAL_S", 0.05)
    monkeypatch.setattr(sender, "MIN_PAUSE_S", 0.01)
    monkeypatch.setattr(sender, "MAX_PAUSE_S", 0.05)
    made: list[Journaled] = []

    def open_it(**changes: Any) -> Journaled:
        made.append(Journaled(URI, lambda: moody, dataclasses.replace(settings, **changes)))
        return made[-1]

    yield open_it
    moody.error = lambda name, *arguments: None
    for each in made:
        each.journal.close()


@pytest.fixture
def journaled(opened: Callable[..., Journaled]) -> Journaled:
    """The tracker with a journal."""
    return opened()


@pytest.fixture
def run(journaled: Journaled) -> RunRecord:
    """A run that has started."""
    return start_run(journaled)


@pytest.fixture
def place(settings: JournalSettings) -> Path:
    """The folder with the tracker's journals."""
    return tracker_folder(settings.folder, URI)


@pytest.fixture
def left(opened: Callable[..., Journaled], moody: Moody) -> RunRecord:
    """Return a run whose process has died while the tracker was away."""
    journaled = opened()
    run = start_run(journaled)
    moody.error = away
    for value in range(100):
        journaled.write_points(run.id, [point(value)])
    journaled.write_points(run.id, [point({"x": 1}, "row", kind=Kind.ROW)])
    die(journaled)
    moody.error = lambda name, *_: None
    return run
