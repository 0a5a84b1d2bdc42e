"""Scripts from a folder with the tracker's own store: nothing hangs, and snapshots do not grow."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from helpers import submitted_jobs

SECONDS = 150
"""After which a submission counts as hung."""


@pytest.mark.parametrize("kind", ["sqlite", "trackio"])
def test_four_submissions_in_a_row(
    kind: str, folder: Path, jobs: Path, empty_trackio: Path, empty_database: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if kind == "trackio":
        shutil.copytree(empty_trackio, folder / "tr")
    else:
        shutil.copyfile(empty_database, folder / "runs.data")
    uris = {"sqlite": f"sqlite:///{folder}/runs.data", "trackio": f"trackio://{folder}/tr"}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uris[kind])
    experiment = submitted_jobs.new_experiment()
    submitted_jobs.script(
        "from azureml.core import Run\nRun.get_context().log('loss', 1.5)\n", folder="."
    )
    submitted: list[Any] = []

    def submit() -> None:
        from azureml.core import ScriptRunConfig

        for _ in range(4):
            submitted.append(experiment.submit(ScriptRunConfig(".", "script.py")))

    thread = threading.Thread(target=submit, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert len(submitted) == 4, "a submission hangs, or has failed"
    for run in submitted:
        assert submitted_jobs.wait_for_end(run, SECONDS) == "Completed"
        assert run.get_metrics() == {"loss": 1.5}
    assert len({run.get_snapshot_id() for run in submitted}) == 1
    restored = submitted[0].restore_snapshot(path=str(folder.parent / "back"))
    assert [each.name for each in Path(restored).iterdir()] == ["script.py"]
