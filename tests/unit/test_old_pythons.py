"""Scripts on Python versions that amlflow does not support: tests that start no process.

tests/integration/test_old_pythons.py runs such scripts.
"""

from __future__ import annotations

import ast
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.runs.run import Run
from amlflow.environments.room import find_room
from amlflow.exceptions import UserErrorException
from amlflow.jobs import launcher
from amlflow.jobs.job import AGENT_PYTHON, SCRIPT_PYTHON
from amlflow.old_pythons import client
from amlflow.old_pythons.client import connection
from amlflow.old_pythons.client.values import decode, encode
from amlflow.old_pythons.served_objects import ServedObjects, UnknownObject, member_of
from amlflow.relay.client import VARIABLE

FILES = [*sorted(Path(client.__file__).parent.glob("*.py")), Path(launcher.__file__)]
LIBRARY = frozenset(sys.stdlib_module_names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_python_36_reads_what_runs_with_it(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 6))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= {*LIBRARY, "pandas"}
        if isinstance(node, ast.ImportFrom):
            assert node.level or (node.module or "").split(".")[0] in LIBRARY
            assert node.module != "__future__"  # 3.6 has no annotations there


def test_the_variables_have_one_name() -> None:
    """The client cannot import the names that amlflow has for them."""
    assert connection.PYTHON == AGENT_PYTHON
    assert connection.SCRIPT_PYTHON == SCRIPT_PYTHON
    assert connection.RELAY == VARIABLE


def test_the_room_of_an_old_python_has_the_client_alone(tmp_path: Path) -> None:
    room = find_room(tmp_path, (3, 9, 18))
    assert [path.name for path in room.iterdir()] == ["azureml"]
    assert (room / "azureml" / "modules.py").is_file()
    assert find_room(tmp_path, (3, 10, 0)) != room


def refuse(*values: Any) -> Any:
    raise TypeError(values)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 2**70, 0.1, float("inf"), "text", "\ud800", b"\0\xff", [1, [2]], (1, "a"),
        {1, 2}, {"a": 1, 2: [None], "$": {"value": 1}}, datetime(2020, 1, 2, 3, 4, 5),
        datetime(2020, 1, 2, 3, 4, 5, 6, timezone.utc),
        datetime(2020, 1, 2, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    ],
)  # fmt: skip
def test_a_value_arrives_as_it_was(value: Any) -> None:
    copy = decode(encode(value, refuse), refuse)
    assert copy == value
    assert type(copy) is type(value)


@pytest.mark.parametrize(("error", "kind"), [(ValueError("no"), ValueError), (SystemExit(0), None)])
def test_the_exception_that_ended_a_block_arrives(error: BaseException, kind: Any) -> None:
    copy = decode(encode(error, refuse), refuse)
    assert type(copy) is (kind or type(error))
    assert copy.args == error.args


@pytest.mark.parametrize("content", [{"$": "tuple"}, {"a": 1}])
def test_what_is_not_a_value_is_refused(content: Any) -> None:
    with pytest.raises(ValueError, match=r"another release|not enough"):
        decode(content, refuse)


@pytest.mark.parametrize("name", ["__class__", "__globals__", "__reduce__", "gone", 3, None])
def test_only_members_of_v1_can_be_called(name: Any) -> None:
    with pytest.raises(AttributeError):
        member_of(Run, name)


def test_objects_are_numbered_until_the_script_lets_go_of_them() -> None:
    served = ServedObjects()
    error = UserErrorException("no")
    number = served.number_of(error)
    assert served.number_of(error) == number
    assert served.get(number) is error
    kind = served.number_of(Run)
    served.release([number, kind, 99])
    with pytest.raises(UnknownObject):
        served.get(number)
    assert served.get(kind) is Run  # the script keeps classes
    with pytest.raises(UnknownObject):
        served.get("1")


def test_an_object_of_others_is_not_handed_out() -> None:
    with pytest.raises(TypeError, match=r"type 'object' cannot be passed.*Python 3\.10"):
        ServedObjects().encode({"a": object()})


def test_a_class_is_described_by_its_members() -> None:
    served = ServedObjects()
    description = served.describe(Run)
    assert description["quick"]
    assert {"log", "get_metrics", "__enter__", "__exit__", "__eq__"} <= {*description["methods"]}
    assert {"get_context", "get", "list"} <= {*description["statics"]}
    assert "id" not in description["methods"] + description["statics"]
    error = served.describe(UserErrorException)
    assert error["is_error"]
    assert not error["quick"]
