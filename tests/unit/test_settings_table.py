"""Each setting of a run configuration has one key in the file, and is read back from it."""

from __future__ import annotations

import copy
import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import yaml
from amlflow.core.scripts import run_configuration
from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.core.scripts.data_section import (
    Data,
    DataLocation,
    DataReferenceConfiguration,
    Dataset,
)
from amlflow.core.scripts.dockerfiles import DockerBuildContext
from amlflow.core.scripts.run_configuration import RunConfiguration
from amlflow.core.scripts.unknown_settings import settings_of
from amlflow.exceptions import UserErrorException

INPUT = Data(
    DataLocation(Dataset(dataset_name="titanic", dataset_version=2)),
    create_output_directories=True,
    mechanism="mount",
    environment_variable_name="TITANIC",
    path_on_compute="in/titanic",
    overwrite=True,
)
REFERENCE = DataReferenceConfiguration("training", "download", "titanic", "in/titanic", True)
VALUES = {
    "arguments": ["a", 1],
    "node_count": 3,
    "process_count_per_node": 3,
    "communication_backend": "gloo",
    "process_count": 3,
    "worker_count": 3,
    "parameter_server_count": 0,
    "max_run_duration_seconds": 5,
    "environment_variables": {"A": "1"},
    "user_managed_dependencies": True,
    "relax": True,
    "packages_before": "2021-06-30",
    "constraints": ["x<2"],
    "conda_dependencies": CondaDependencies.create(pip_packages=["x"]),
    "enabled": True,
    "use_docker": True,
    "base_dockerfile": "FROM python:3.11\n",
    "build_context": DockerBuildContext(location="folder"),
    "precache_packages": False,
    "repositories": ["x"],
    "packages": ["x"],
    "output_collection": False,
    "snapshot_project": False,
    "directories_to_watch": ["x"],
    "data": {"titanic": INPUT},
    "data_references": {"titanic": REFERENCE},
}


def to_text(value: Any) -> Any:
    """Something that is equal for equal settings, which do not compare themselves."""
    if isinstance(value, dict):
        return {key: to_text(entry) for key, entry in value.items()}
    if isinstance(value, (Data, DataLocation, Dataset, DataReferenceConfiguration)):
        return to_text(vars(value))
    return value


PATHS = [attribute for attribute, _, _ in run_configuration._FIELDS]


def test_the_table_has_every_setting() -> None:
    in_files = {path.split(".")[0] for path in PATHS}
    assert in_files | {*run_configuration.NOT_IN_FILES} == settings_of(RunConfiguration)


@pytest.mark.parametrize("name", run_configuration.NOT_IN_FILES)
def test_data_is_not_left_out_of_the_file_silently(name: str, tmp_path: Path) -> None:
    config = RunConfiguration()
    setattr(config, name, {"x": object()})
    with pytest.raises(UserErrorException, match=f"{name} cannot be saved"):
        config.save(tmp_path)


def test_data_in_the_file_is_replaced_and_its_other_keys_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "x.yml"
    file.write_text("data:\n  a: {dataLocation: {dataset: {id: '7'}}, other: 1}\n  b: {}\n")
    config = RunConfiguration.load(file)
    assert config.data["a"].data_location.dataset.id == "7"
    del config.data["b"]
    config.save(file)
    content = yaml.safe_load(file.read_text())
    assert list(content["data"]) == ["a"]
    assert content["data"]["a"]["other"] == 1


def test_data_that_a_file_cannot_hold(tmp_path: Path) -> None:
    config = RunConfiguration()
    for setting, value, message in (
        ("data", Data(), "names no data set"),
        ("data", object(), r"data\['x'\] cannot be saved"),
        ("data_references", object(), r"data_references\['x'\] cannot be saved"),
    ):
        setattr(config, setting, {"x": value})
        with pytest.raises(UserErrorException, match=message):
            config.save(tmp_path)
        setattr(config, setting, {})


@pytest.mark.parametrize("path", PATHS)
def test_a_setting_comes_back_from_the_file(path: str, tmp_path: Path) -> None:
    config = RunConfiguration()
    owner, _, name = path.rpartition(".")
    value = copy.deepcopy(VALUES.get(name, "text"))
    assert attrgetter(path)(config) != value
    setattr(attrgetter(owner)(config) if owner else config, name, value)
    config.save(tmp_path, "a")
    loaded = RunConfiguration.load(tmp_path, "a")
    assert to_text(attrgetter(path)(loaded)) == to_text(value)
    loaded.save(tmp_path, "b")
    files = [tmp_path / ".azureml" / f"{name}.runconfig" for name in "ab"]
    assert files[0].read_text() == files[1].read_text()


def test_a_copy_asks_for_nothing_that_is_not_there() -> None:
    config = copy.deepcopy(RunConfiguration(script="train.py"))
    assert config.script == "train.py"
    with pytest.raises(AttributeError, match="has no attribute '_nothing'"):
        _ = config._nothing


def test_a_date_of_packages_may_be_one_of_python() -> None:
    python = RunConfiguration().environment.python
    python.packages_before = datetime.date(2021, 6, 30)  # type: ignore[assignment]
    assert python.packages_before == "2021-06-30"
