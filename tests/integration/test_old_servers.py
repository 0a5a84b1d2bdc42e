"""A whole life on the trackers that teams have: MLflow servers of several versions, PostgreSQL and
trackio."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import servers
from helpers.submitted_jobs import log_of, new_experiment, submit, until, wait_for_end


def test_a_whole_life_on_the_newest_server_without_mlflow(server_uri: str) -> None:
    servers.live(server_uri, "--without-mlflow")


@pytest.mark.parametrize("tracker", ["postgres_uri", "trackio_uri"])
def test_a_whole_life_on_other_trackers(tracker: str, request: pytest.FixtureRequest) -> None:
    servers.live(request.getfixturevalue(tracker))


def test_a_whole_life_on_an_older_server(old_server_uri: str) -> None:
    servers.live(old_server_uri, "--without-mlflow")


@pytest.mark.parametrize("old_server_uri", ["2.9.2", "3.9.0"], indirect=True)
def test_scripts_are_submitted_and_cancelled_on_an_older_server(
    old_server_uri: str, jobs: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", old_server_uri)
    experiment = new_experiment()
    code = """
        import pathlib, time
        from azureml.core import Run
        run = Run.get_context()
        run.log("loss: größe", 0.5)
        pathlib.Path("outputs/größe.txt").write_text("kept")
        print("begun")
        while run.get_tags()["ends"] == "no":
            time.sleep(0.2)
    """
    waiting = submit(experiment, code, {"ends": "no"})
    done = submit(experiment, code, {"ends": "yes"})
    until(lambda: "loss: größe" in waiting.get_metrics(), what="the first value")
    waiting.cancel()
    assert wait_for_end(waiting) == "Canceled"
    assert wait_for_end(done) == "Completed"
    assert done.get_metrics() == {"loss: größe": 0.5}
    assert "begun" in log_of(done)
    done.download_file("outputs/größe.txt", "copy.txt")
    assert Path("copy.txt").read_text() == "kept"
