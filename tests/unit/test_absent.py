"""If amlflow lacks a name of v1, the error says why and names the nearest way, for each access."""

from __future__ import annotations

import importlib

import pytest
from amlflow.exceptions import UserErrorException
from helpers.v1_members import MEMBERS_OF_V1, check_member, class_of


@pytest.mark.parametrize("path", MEMBERS_OF_V1["classes"])
def test_every_member_of_a_class(path: str) -> None:
    owner = class_of(path)
    if owner is None:
        return
    of_objects = {
        each
        for known, members in MEMBERS_OF_V1["objects"].items()
        if known.endswith(f".{owner.__name__}")
        for each in members
    }
    for name in MEMBERS_OF_V1["classes"][path]:
        if name not in of_objects:
            check_member(owner, name)


@pytest.mark.parametrize("path", MEMBERS_OF_V1["objects"])
def test_every_member_of_an_object(path: str) -> None:
    owner = class_of(path)
    assert owner is not None
    arguments = {"ScriptRunConfig": (".", "x.py"), "Environment": ("name",)}
    for name in MEMBERS_OF_V1["objects"][path]:
        check_member(owner(*arguments.get(owner.__name__, ())), name)


@pytest.mark.parametrize(
    ("module", "name", "instead"),
    [
        ("azureml.train.hyperdrive", "HyperDriveConfig", "submit_child"),
        ("azureml.train.hyperdrive", "choice", "submit_child"),
        ("azureml.train.automl", "AutoMLConfig", "autolog"),
        ("azureml.pipeline.core", "Pipeline", "submit_child"),
        ("azureml.pipeline.steps", "PythonScriptStep", "submit_child"),
    ],
)
def test_sweeps_and_pipelines_are_imported_and_refuse_a_use(
    module: str, name: str, instead: str
) -> None:
    refusing = getattr(importlib.import_module(module), name)
    assert not isinstance("a run", refusing)
    assert getattr(importlib.import_module(module), name) is refusing
    with pytest.raises(UserErrorException, match=rf"{module}.{name}: .*{instead}"):
        refusing("x", y=1)
    with pytest.raises(UserErrorException, match=instead):
        refusing.list("workspace")
    with pytest.raises(AttributeError, match="NoSuchName"):
        _ = importlib.import_module(module).NoSuchName
