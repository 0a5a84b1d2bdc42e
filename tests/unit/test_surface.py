"""Every public member of v1's classes exists in amlflow, with v1's parameters.

``v1_surface.json`` holds facts about azureml-core 1.61: names, order, kinds and defaults (as
``repr`` shows them) of parameters, ancestors of exceptions, and the statuses.
"""

from __future__ import annotations

import inspect
import json
import pickle
from pathlib import Path
from typing import Any

import amlflow.exceptions
import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.runs.status import RunStatus
from amlflow.core.workspace import Workspace
from amlflow.exceptions import AzureMLException, UserErrorException
from amlflow.spec import PropertyConflict, RunNotFound

V1 = json.loads((Path(__file__).parent / "v1_surface.json").read_text(encoding="utf-8"))
CLASSES = {"Workspace": Workspace, "Experiment": Experiment, "Run": Run}
OWN = {"Workspace": {"query"}, "Experiment": {"query"}}
"""What amlflow has beside v1's, and says so."""

DELIBERATE = {
    # amlflow does not create clusters in Azure, so there is no configuration of a default cluster.
    ("Workspace", "DEFAULT_CPU_CLUSTER_CONFIGURATION"): None,
    ("Workspace", "DEFAULT_GPU_CLUSTER_CONFIGURATION"): None,
}
"""Constants that differ from v1's, with what they are instead. Nothing else differs."""


def parameters(function: Any) -> list[dict[str, str]]:
    """The parameters of a function as v1_surface.json describes them."""
    return [
        {"name": each.name, "kind": each.kind.name}
        | ({} if each.default is each.empty else {"default": repr(each.default)})
        for each in inspect.signature(function).parameters.values()
    ]


def kind_of(owner: type, name: str) -> str:
    found = inspect.getattr_static(owner, name)
    if isinstance(found, property):
        return "property"
    if isinstance(found, (staticmethod, classmethod)):
        return type(found).__name__
    return "method" if inspect.isfunction(found) else "constant"


@pytest.mark.parametrize("owner", CLASSES)
def test_members(owner: str) -> None:
    ours = CLASSES[owner]
    for name, wanted in V1[owner]["members"].items():
        assert (name, kind_of(ours, name)) == (name, wanted["kind"])
        if wanted["kind"] == "constant":
            expected = DELIBERATE.get((owner, name), wanted["value"])
            assert expected in (getattr(ours, name), repr(getattr(ours, name))), name
        elif wanted["kind"] == "property":
            settable = inspect.getattr_static(ours, name).fset is not None
            assert settable == wanted["settable"], name
        else:
            assert parameters(getattr(ours, name)) == wanted["parameters"], name


@pytest.mark.parametrize("name", CLASSES)
def test_constructor(name: str) -> None:
    assert parameters(CLASSES[name].__init__) == V1[name]["init"]


@pytest.mark.parametrize("name", CLASSES)
def test_nothing_public_is_amlflows_own(name: str) -> None:
    ours = {each for each in dir(CLASSES[name]) if not each.startswith("_")}
    assert ours - OWN.get(name, set()) == set(V1[name]["members"])


@pytest.mark.parametrize("name", V1["exceptions"])
def test_exception(name: str) -> None:
    wanted = V1["exceptions"][name]
    ours = getattr(amlflow.exceptions, name)
    theirs = {each for each in wanted["ancestors"] if each in V1["exceptions"]}
    assert theirs <= {each.__name__ for each in ours.__mro__}
    assert name in amlflow.exceptions.__all__
    if name == "ServiceException":
        # v1 makes this error from a response of Azure. amlflow's error is also an AzureMLException.
        assert issubclass(ours, AzureMLException)
        return
    # amlflow's method may have more parameters, after those of v1.
    named = [each for each in wanted["init"] if each["kind"] != "VAR_KEYWORD"]
    assert parameters(ours.__init__)[: len(named)] == named
    assert parameters(ours.__init__)[-1] == wanted["init"][-1]


@pytest.mark.parametrize("name", V1["exceptions"])
def test_exception_survives_the_way_out_of_a_process(name: str) -> None:
    ours = getattr(amlflow.exceptions, name)
    error = ours() if name == "RunEnvironmentException" else ours("what was wrong")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is ours
    assert (str(back), back.message) == (str(error), error.message)


def test_contract_errors_survive_the_way_out_of_a_process() -> None:
    conflict = pickle.loads(pickle.dumps(PropertyConflict("author", "ann", "bob")))
    assert (conflict.key, conflict.kept, conflict.refused) == ("author", "ann", "bob")
    missing = pickle.loads(pickle.dumps(RunNotFound("abc")))
    assert (missing.run_id, missing.message) == ("abc", RunNotFound("abc").message)


def test_text_of_an_exception() -> None:
    error = UserErrorException("boo", inner_exception=ValueError("why"))
    assert str(error) == (
        "UserErrorException:\n\tMessage: boo\n\tInnerException why\n\tErrorResponse \n"
        '{\n    "error": {\n        "code": "UserError",\n        "message": "boo"\n    }\n}'
    )
    error.message = "other"
    assert error.message == "other"
    assert error.args == ("boo",)


def test_run_status() -> None:
    assert {k: v for k, v in vars(RunStatus).items() if k.isupper()} == V1["RunStatus"]
    for name in ("list", "get_running_statuses", "get_post_processing_statuses"):
        assert getattr(RunStatus, name)() == V1[f"RunStatus.{name}"]
