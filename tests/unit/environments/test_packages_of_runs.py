"""The packages of a run's environment, as details and comparisons show them."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
from amlflow.core.runs.comparison import split_package
from amlflow.core.runs.environment_used import describe_environment
from amlflow.jobs.job import PACKAGES_FILE
from amlflow.jobs.run_notes import ENVIRONMENT
from amlflow.spec import RunChange, RunDraft
from amlflow.testing.memory import MemoryTracker

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
TEXT = """\
# The environment mine, made as 0123.
pip==23.2.1
# conda: gdal=3.8.0=h1_0
"""


def test_packages_of_pip_and_of_conda(tmp_path: Path) -> None:
    tracker = MemoryTracker()
    experiment = tracker.ensure_experiment("e")
    [record] = tracker.create_runs([RunDraft(experiment_id=experiment.id, created=NOW)])
    note = json.dumps({"name": "mine", "key": "0" * 32})
    tracker.update_run(record.id, RunChange(system={ENVIRONMENT: note}))
    file = tmp_path / "packages.txt"
    file.write_text(TEXT)
    tracker.put_files(record.id, {PACKAGES_FILE: file})
    description = describe_environment(tracker, tracker.get_run(record.id))
    assert description is not None
    assert description["packages"] == ["pip==23.2.1", "# conda: gdal=3.8.0=h1_0"]


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("pip==23.2.1", ("pip", "23.2.1")),
        ("mine @ https://example.com/mine.whl", ("mine @ https://example.com/mine.whl", "")),
        ("# conda: gdal=3.8.0=h1_0", ("gdal (conda)", "3.8.0=h1_0")),
    ],
)
def test_a_package_has_a_name_and_a_version(package: str, expected: tuple[str, str]) -> None:
    assert split_package(package) == expected
