"""Names that v1 has and amlflow lacks, used on objects of a real store and in new processes."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from amlflow.cli.commands import COMMANDS
from amlflow.core.absent.members import MEMBERS
from amlflow.core.absent.names import ABSENT, MODULES
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import UserErrorException
from helpers.v1_members import MEMBERS_OF_V1, SENTENCE, check_member, class_of


def test_every_member_of_what_a_workspace_holds(
    workspace: Workspace, experiment: Experiment, run: Run
) -> None:
    from azureml.core import ComputeTarget

    for owner in (workspace, experiment, run, ComputeTarget(workspace, "local")):
        for name in MEMBERS_OF_V1["classes"][f"azureml.core.{type(owner).__name__}"]:
            check_member(owner, name)


def test_no_member_is_said_to_be_absent_that_is_there(run: Run) -> None:
    for name, members in MEMBERS.items():
        # Not each class of azureml.data is in the list.
        owners = [
            each
            for each in [*MEMBERS_OF_V1["classes"], *MEMBERS_OF_V1["objects"]]
            if each.endswith(f".{name}")
        ]
        for owner in owners:
            for member in members:
                assert not hasattr(class_of(owner), member), (owner, member)


@pytest.mark.parametrize("name", ["input_datasets", "output_datasets"])
def test_the_data_of_a_run(run: Run, name: str) -> None:
    with pytest.raises(AttributeError, match=r"in a submitted script") as error:
        getattr(run, name)["x"]
    assert isinstance(error.value, UserErrorException)
    assert pickle.loads(pickle.dumps(error.value)).message == error.value.message


def test_a_member_that_nobody_has(run: Run) -> None:
    with pytest.raises(AttributeError, match="'Run' object has no attribute 'no_such'"):
        run.no_such  # noqa: B018  # type: ignore[attr-defined]
    assert not hasattr(run, "no_such")


# modules


def python(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


V1_MODULES = [
    *MODULES, "azureml.pipeline.core.graph", "azureml.pipeline.wizard",
    "azureml.train.hyperdrive.run", "azureml.train.tuning", "azureml.train.automl.run",
    "azureml.data.hdfs_datastore",
    "azureml.core.compute.amlcompute", "azureml.core.webservice.aci", "azureml.nobody.knows",
    "azureml.core.util", "azureml.contrib.services.aml_request",
]  # fmt: skip


def test_whichever_module_is_imported_first(folder: Path) -> None:
    code = f"""
import importlib, json, sys
said = {{}}
for name in {V1_MODULES!r}:
    for each in [each for each in sys.modules if each.split(".")[0] == "azureml"]:
        del sys.modules[each]  # as a process that has imported nothing
    sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != "_Finder"]
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        said[name] = [str(error), error.name]
print(json.dumps(said))
"""
    said = json.loads(python(code, folder))
    assert [each for each in V1_MODULES if each not in said] == [
        "azureml.core.compute",
        "azureml.core.image",
        "azureml.core.webservice",
        "azureml.data",
        "azureml.pipeline",
        "azureml.train",
        "azureml.train.automl",
        "azureml.train.hyperdrive",
        "azureml.core.compute.amlcompute",
    ]
    for name, (message, missing) in said.items():
        assert SENTENCE.fullmatch(message), message
        assert missing in message
        assert name.startswith(missing)
    assert "ScriptRunConfig" in said["azureml.train.hyperdrive.run"][0]
    assert "run monitor-tensorboard" in COMMANDS
    assert "amlflow run monitor-tensorboard -r RUN_ID" in said["azureml.tensorboard"][0]


@pytest.mark.parametrize(
    "code",
    ["from azureml import interpret", "from azureml.core import keyvault",
     "import azureml.core; azureml.core.keyvault", "from azureml.train.dnn import Chainer"],
)  # fmt: skip
def test_the_reason_comes_by_every_way_of_importing(folder: Path, code: str) -> None:
    code = f"try:\n    {code.replace('; ', chr(10) + '    ')}\nexcept ImportError as e: print(e)"
    assert SENTENCE.fullmatch(python(code, folder))


@pytest.mark.parametrize(("module", "name"), [(m, n) for m, names in ABSENT.items() for n in names])
def test_a_name_that_is_absent_says_why(module: str, name: str) -> None:
    with pytest.raises(ImportError, match=f"amlflow has no {module}.{name}: "):
        exec(f"from {module} import {name}")


def test_who_asks_whether_a_module_is_there_is_told_no(folder: Path) -> None:
    code = """
import importlib.util, pkgutil
print([importlib.util.find_spec(each) for each in ("azureml.interpret", "azureml.core.keyvault")],
      importlib.util.find_spec("azureml.core.run") is not None)
"""
    assert python(code, folder) == "[None, None] True"


SUBMODULES = ["compute", "compute_target", "conda_dependencies", "environment", "experiment",
              "image", "model", "resource_configuration", "run", "runconfig", "script_run_config",
              "webservice", "workspace"]  # fmt: skip


def test_submodules_are_attributes_and_imported_when_asked_for(folder: Path) -> None:
    code = f"""
import sys, azureml.core
print([each for each in sys.modules if each.startswith("azureml.core.")])
for name in {SUBMODULES!r}:
    assert getattr(azureml.core, name) is sys.modules["azureml.core." + name]
assert azureml.core.run.Run is azureml.core.Run
assert azureml.exceptions.UserErrorException is sys.modules["azureml.exceptions"].UserErrorException
print(hasattr(azureml.core, "nobody"), hasattr(azureml, "nobody"), hasattr(azureml.core, "_x"))
"""
    assert python(code, folder).splitlines() == ["[]", "False False False"]
