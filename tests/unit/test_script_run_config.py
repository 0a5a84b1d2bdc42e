"""The run configuration of a script's run, for a file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from azureml.core import RunConfiguration, ScriptRunConfig
from azureml.core.script_run_config import get_run_config_from_script_run
from azureml.data.data_reference import DataReference
from azureml.data.dataset_consumption_config import DatasetConsumptionConfig
from azureml.exceptions import UserErrorException

DIGITS: Any = SimpleNamespace(id="0a1b")
STORE: Any = SimpleNamespace(name="store")


def test_it_has_what_the_script_gets(tmp_path: Path) -> None:
    digits = DatasetConsumptionConfig("digits", DIGITS, "mount")
    rest = DataReference(STORE, "rest", "folder")
    given = ScriptRunConfig("src", "train.py", ["--data", digits, rest, 3], compute_target="cpu")
    settings = get_run_config_from_script_run(given)
    settings.environment.environment_variables["A"] = "1"
    settings.save(tmp_path, "digits")
    saved = RunConfiguration.load(tmp_path, "digits")
    assert (saved.script, saved.target) == ("train.py", "cpu")
    text = ["--data", "DatasetConsumptionConfig:digits", "$AZUREML_DATAREFERENCE_rest", 3]
    assert saved.arguments == text
    assert saved.data["digits"].data_location.dataset.id == "0a1b"
    assert saved.data["digits"].mechanism == "mount"
    assert saved.data_references["rest"].path_on_data_store == "folder"
    # The script's own run does not change.
    assert given.arguments == ["--data", digits, rest, 3]
    assert given.run_config.script is None
    assert given.run_config.data == {}
    assert "A" not in given.run_config.environment.environment_variables


def test_what_is_in_the_settings_stays() -> None:
    own = RunConfiguration(script="own.py", arguments=["a"])
    settings = get_run_config_from_script_run(ScriptRunConfig("src", run_config=own))
    assert (settings.script, settings.arguments) == ("own.py", ["a"])
    wrong: Any = own
    with pytest.raises(UserErrorException, match="ScriptRunConfig"):
        get_run_config_from_script_run(wrong)
