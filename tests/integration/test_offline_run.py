"""Members that an offline run and a run in a tracker have in common."""

from __future__ import annotations

from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run as OwnRun


def test_every_run_has_its_id_under_v1s_private_name(experiment: Experiment) -> None:
    run = experiment.start_logging(run_id="asked-for", snapshot_directory=None)
    child = run.child_run()
    assert (run._run_id, child._run_id) == ("asked-for", child.id)
    assert OwnRun(experiment, "asked-for")._run_id == "asked-for"
    assert "_OfflineRun" not in str(run)
