"""The base of all tests with several processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from amlflow.exceptions import AzureMLException
from amlflow.layers.stack import open_direct
from amlflow.spec import Feature, RunChange, RunRecord, Status, Tracker
from amlflow.testing.suites.at_once import Opener, Others
from amlflow.testing.suites.base import SuiteBase, new_point


class ProcessBase(SuiteBase):
    """The fixtures for tests that also open the tracker in other processes."""

    @pytest.fixture
    def opener(self) -> Opener:
        """Return the function with which other processes open the tracker at ``uri``."""
        return open_direct

    @pytest.fixture
    def others(self, request: pytest.FixtureRequest, tracker: Tracker, opener: Opener) -> Others:
        """Return other processes that use the same tracker."""
        self.needs(tracker, Feature.SHARED)
        return Others(opener, request.getfixturevalue("uri"))


def need_fork() -> None:
    """Skip the test on a system that cannot fork."""
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")


def write_one(tracker: Tracker, run_id: str, n: int, path: Path, *, replace: bool = False) -> None:
    """Write step ``n``: properties with tags, points, and a file."""
    properties = {f"p{n}": "x", f"q{n}": "y"}
    tracker.update_run(run_id, RunChange(properties=properties, tags={f"t{n}": "x"}))
    points = [new_point("m", float(n), order=2 * n), new_point("m", f"text {n}", order=2 * n + 1)]
    tracker.write_points(run_id, points)
    tracker.put_files(run_id, {f"files/{n}": path}, replace=replace)


def check_written(tracker: Tracker, run: RunRecord, count: int, path: Path) -> None:
    """Check that the first ``count`` steps are complete, and no call of the next is half done."""
    record = tracker.get_run(run.id)
    for n in range(count):
        assert {f"p{n}": "x", f"q{n}": "y"}.items() <= record.properties.items()
        assert record.tags[f"t{n}"] == "x"
    assert (f"p{count}" in record.properties) == (f"q{count}" in record.properties)
    assert record.status == Status.RUNNING
    values = [point.value for point in tracker.read_points(run.id)]
    expected = [value for n in range(count + 1) for value in (float(n), f"text {n}")]
    assert values[: 2 * count] == expected[: 2 * count]
    assert set(values) <= set(expected)
    names = tracker.list_files(run.id)
    assert {f"files/{n}" for n in range(count)} <= set(names)
    back = path.with_name("back")
    for name in names:
        try:
            tracker.get_file(run.id, name, back)
        except AzureMLException as error:
            raise AssertionError(f"{name} is listed and cannot be read: {error.message}") from error
        assert back.read_bytes() == path.read_bytes(), f"{name} is not whole"
