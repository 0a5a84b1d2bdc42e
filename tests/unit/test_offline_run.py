"""An offline run, used as real scripts use it, and what it prints."""

from __future__ import annotations

import copy
import inspect
import pickle
from pathlib import Path
from typing import Any

import pytest
from azureml.core import Run
from azureml.core.run import _OfflineRun, _SubmittedRun


@pytest.fixture
def offline(folder: Path) -> Any:
    return Run.get_context()


def test_scripts_tell_it_by_its_class(offline: Any) -> None:
    assert "_OfflineRun" in str(offline)
    assert "_OfflineRun" in repr(offline)
    assert str(type(offline)) == "<class 'azureml.core.run._OfflineRun'>"
    assert type(offline).__name__ == offline.__class__.__name__ == "_OfflineRun"
    assert isinstance(offline, _OfflineRun)
    assert not isinstance(offline, Run)
    assert offline.identity.startswith("_OfflineRun#")
    assert pickle.loads(pickle.dumps(offline)).id == copy.deepcopy(offline).id == offline.id


def test_scripts_tell_it_by_its_id(offline: Any) -> None:
    assert offline.id.startswith("OfflineRun_")
    assert offline._run_id == offline.id
    assert offline.child_run("step")._run_id == f"{offline.id}.step"
    assert offline.child_run(run_id="own").id == "own"


def test_a_submitted_run_has_v1s_name() -> None:
    assert str(_SubmittedRun) == "<class 'azureml.core.run._SubmittedRun'>"
    assert issubclass(_SubmittedRun, Run)
    assert isinstance(inspect.getattr_static(_SubmittedRun, "_run_id"), property)


def test_its_tag_has_v1s_signature(offline: Any, capsys: pytest.CaptureFixture[str]) -> None:
    offline.tag("a")
    offline.tag(name="b", value=5)
    offline.tag("c", {"d": 1})
    assert capsys.readouterr().out.splitlines() == [
        "Attempted to add tag a with value None",
        "Attempted to add tag b with value 5",
        "Attempted to add tag c with value {'d': 1}",
    ]


class NoText:
    """Has no text."""

    def __repr__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    "value",
    [1, None, {"a": 1}, (50, 50), [1, 2], Path("a"), b"b", NoText(), "lone\ud800"],
    ids=lambda value: type(value).__name__,
)
def test_it_prints_any_object(offline: Any, value: Any, capsys: pytest.CaptureFixture[str]) -> None:
    offline.log("m", value)
    offline.log("m", value, "a description", 5)
    offline.log_list("m", value)
    offline.log_table("m", value)
    offline.log_row("m", x=value)
    offline.log_residuals("m", value)
    offline.set_tags({"a": value})
    offline.add_properties({"a": value})
    offline.fail(value)
    out = capsys.readouterr().out
    assert out.startswith("Attempted to log scalar metric m:\n")
    assert ("NoText" in out) == isinstance(value, NoText)


@pytest.mark.parametrize("name", ["experiment", "get_metrics", "input_datasets", "parent", "tags"])
def test_what_an_offline_run_has_not(offline: Any, name: str) -> None:
    assert not hasattr(offline, name)
    with pytest.raises(AttributeError, match=r"not submitted.*experiment\.submit\(\)"):
        getattr(offline, name)
