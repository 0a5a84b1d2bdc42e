"""The tracking URI that a person has written: made absolute, or refused by one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from amlflow.core.project.tracking_uri import absolute, resolve_uri
from amlflow.exceptions import UserErrorException

ADDRESS = "http://tracking:5000/mlflow"


@pytest.mark.parametrize(
    "uri", [ADDRESS, f"{ADDRESS}\n", f" {ADDRESS}\r\n", "HTTP://tracking:5000/mlflow"]
)
def test_an_address_is_taken_as_a_person_writes_it(uri: str) -> None:
    assert absolute(uri) == ADDRESS


@pytest.mark.parametrize(
    "uri",
    ["https://[::1]:5000", "http://user:p%40ss@host/mlflow/", "https://host", "databricks://p",
     "arn:aws:sagemaker:eu:1:x/y", "trackio:///data/AB:2", "databricks"],
)  # fmt: skip
def test_an_address_stays(uri: str) -> None:
    assert absolute(uri) == uri


@pytest.mark.parametrize("uri", ["localhost:5000", "127.0.0.1:5000", "tracking.example:80/mlflow"])
def test_an_address_without_a_scheme_is_refused(uri: str) -> None:
    with pytest.raises(UserErrorException, match=f"for example, http://{uri}."):
        absolute(uri)


def test_a_password_without_a_scheme_is_not_shown() -> None:
    with pytest.raises(UserErrorException, match="for example, http://host:5000") as caught:
        absolute("user:12/hunter@host")
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_address_is_none(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", blank)
    assert resolve_uri(ADDRESS) == ADDRESS
    assert resolve_uri(blank, Path("/work")) == "sqlite:////work/mlflow.db"


@pytest.mark.parametrize("uri", [f"{ADDRESS}?a=b", f"{ADDRESS}/#/experiments/1"])
def test_the_address_of_a_page_is_refused(uri: str) -> None:
    with pytest.raises(UserErrorException, match="leave out"):
        absolute(uri)


@pytest.mark.parametrize(
    "uri",
    ["http://", "http:///x", "http:host", "https://[::1", "http://host:port", "http://h:99999"],
)
def test_what_is_not_an_address_is_refused(uri: str) -> None:
    with pytest.raises(UserErrorException, match="is not the address of a server") as caught:
        absolute(uri)
    assert repr(uri) in caught.value.message


@pytest.mark.parametrize(
    "password", ["pa#hunter", "pa?hunter", "pa/hunter", "12#hunter", "1?hunter"]
)
def test_a_password_that_is_not_quoted_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(UserErrorException, match="# as %23") as caught:
        absolute(f"http://user:{password}@host:5000")
    assert "hunter" not in str(caught.value)
    assert "user" not in caught.value.message.partition("In a user name")[0]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [("mlruns", "file:///work/mlruns"), ("sqlite:///a.db", "sqlite:////work/a.db"),
     ("C:\\data", "file:///work/C%3A%5Cdata"), ("sqlite:////a.db", "sqlite:////a.db")],
)  # fmt: skip
def test_a_relative_path_is_below_the_folder(uri: str, expected: str) -> None:
    assert absolute(uri, Path("/work")) == expected
