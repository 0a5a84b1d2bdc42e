"""Run configurations that are submitted."""

from __future__ import annotations

from typing import Any

import pytest
from azureml.core import RunConfiguration, ScriptRunConfig
from helpers.submitted_jobs import log_of, script, wait_for_end


def test_submitting_with_one(experiment: Any, caplog: pytest.LogCaptureFixture) -> None:
    script("import os, sys; print(sys.argv[1:], os.environ['B'])")
    config = RunConfiguration(script="script.py", arguments=["from the file", 2])
    config.environment_variables = {"B": "two"}
    config.save("src", "local")
    loaded = RunConfiguration.load("src", "local")
    run = experiment.submit(ScriptRunConfig("src", run_config=loaded, compute_target="moon"))
    assert "are ignored" in caplog.text
    assert wait_for_end(run) == "Completed"
    assert log_of(run) == "['from the file', '2'] two\n"
    run = experiment.submit(ScriptRunConfig("src", arguments=["mine"], run_config=loaded))
    assert wait_for_end(run) == "Completed"
    assert log_of(run) == "['mine'] two\n"


def test_assigning_a_target(experiment: Any) -> None:
    config = RunConfiguration()
    config.target = experiment.workspace.compute_targets["local"]
    assert config.target == "local"
