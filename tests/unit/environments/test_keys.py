"""The key of an environment, the choice of a Python, and requirements that are satisfied."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from amlflow.environments.building import needs_environment
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.keys import key_of
from amlflow.environments.plan import plan_of
from amlflow.environments.pythons import Interpreter, choose, minors_of
from amlflow.environments.specification import Specification
from amlflow.spec import JOB_IMAGE

PYTHON = Interpreter("/python", (3, 11, 7), "CPython x86_64 linux 64")
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def key(*pip: str, python: Interpreter = PYTHON, environ: dict[str, str] | None = None) -> str:
    return key_of(plan_of(Specification(pip=pip)), python, environ or {})


def test_the_same_packages_have_one_key() -> None:
    assert key("numpy>=1.0,<2", "Pandas") == key("pandas", "numpy <2,>=1.0")


def test_other_packages_pythons_and_indexes_have_another() -> None:
    keys = [
        key("numpy"), key("numpy==1.0"), key("numpy", "pandas"), key("numpy", "--pre"),
        key("numpy==1.0 --hash=sha256:" + "a" * 64), key("numpy==1.0 --hash=sha256:" + "b" * 64),
        key("numpy", "-i https://a.example"), key("numpy", "--extra-index-url https://a.example"),
        key("numpy", python=Interpreter("/python", (3, 11, 8), PYTHON.build)),
        key("numpy", python=Interpreter("/python", (3, 11, 7), "CPython aarch64 linux 64")),
        key("numpy", environ={"PIP_INDEX_URL": "https://b.example"}),
        key("numpy", environ={JOB_IMAGE: "/a.sif"}), key("numpy", environ={JOB_IMAGE: "/b.sif"}),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)


def test_the_definitions_index_replaces_that_of_the_variables() -> None:
    own = key("numpy", "-i https://a.example")
    assert (
        key("numpy", "-i https://a.example", environ={"PIP_INDEX_URL": "https://b.example"}) == own
    )
    further = key("numpy", "--extra-index-url https://a.example")
    variables = {"UV_DEFAULT_INDEX": "https://b.example"}
    assert key("numpy", "--extra-index-url https://a.example", environ=variables) != further


def test_the_password_of_an_index_is_not_part_of_it() -> None:
    with_one = key("numpy", "-i https://name:one@a.example/simple")
    assert with_one == key("numpy", "-i https://name:two@a.example/simple")


@pytest.mark.parametrize("line", ["{path}", "w @ {address}", "w @ {address} ; os_name > 'a'"])
def test_a_wheel_counts_by_its_content(tmp_path: Path, line: str) -> None:
    wheel = tmp_path / "sp ace" / "w-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.write_bytes(b"one")
    line = line.format(path=wheel, address=wheel.as_uri())
    one = key(line)
    wheel.write_bytes(b"two")
    assert key(line) != one


def test_the_extras_and_the_marker_of_a_wheel_count(tmp_path: Path) -> None:
    wheel = tmp_path / "w-1.0-py3-none-any.whl"
    wheel.touch()
    lines = [str(wheel), f"{wheel}[a]", f"w @ {wheel.as_uri()} ; os_name > 'a'", f"w[a] @ {wheel}"]
    assert len({key(line) for line in lines}) == len(lines)


def test_a_folder_counts_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("one")
    first = key(str(tmp_path))
    (tmp_path / "module.egg-info").mkdir()
    (tmp_path / "module.egg-info" / "PKG-INFO").write_text("left by a build")
    assert key(str(tmp_path)) == first
    (tmp_path / "module.py").write_text("another")
    assert key(str(tmp_path)) != first


def test_a_date_of_packages_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [
        key_of(plan_of(Specification(pip=("numpy",), before=before)), PYTHON, {})
        for before in (None, "2021-06-30", "2021-07-01")
    ]
    assert len(set(keys)) == 3
    assert needs_environment(Specification(pip=("pytest",), before="2021-06-30"))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (" 2021-6-3 ", "2021-06-03"),
        ("2021-06-30T12:00:00Z", "2021-06-30T12:00:00+00:00"),
        ("2021-06-30 12:00:00+02:00", "2021-06-30T10:00:00+00:00"),
    ],
)
def test_a_date_of_packages_is_one_of_uvs(written: str, read: str) -> None:
    assert plan_of(Specification(pip=("numpy",), before=written)).before == read


@pytest.mark.parametrize("text", ["1 week", "2021-06-30T12:00:00", "0001-01-01T00:00:00+23:00"])
def test_a_date_that_is_not_one_matters_for_packages_only(text: str) -> None:
    with pytest.raises(EnvironmentBuildException, match=f"'{re.escape(text)}' is not a date for"):
        plan_of(Specification(pip=("numpy",), before=text))
    assert not needs_environment(Specification(before=text))


def test_an_editable_folder_counts_by_how_it_is_installed(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("one")
    first = key(f"-e {tmp_path}")
    (tmp_path / "module.py").write_text("a script imports it from the folder")
    assert key(f"-e {tmp_path}") == first
    (tmp_path / "pyproject.toml").write_text("two")
    assert key(f"-e {tmp_path}") != first


@pytest.mark.parametrize(
    ("asked", "minors"),
    [("3.8", {8}), ("3.6.2", {6}), ("=3.7", {7}), ("==3.8", {8}), (">=3.7,<3.9", {7, 8}),
     (">=3.5.2,<3.8", {5, 6, 7}), ("3.7.*", {7}), ("3.9.12=h6244533_0", {9}), ("", set()),
     (">=3", set())],
)  # fmt: skip
def test_a_version_allows_pythons(asked: str, minors: set[int]) -> None:
    assert minors_of(asked) == minors


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("two", "'two' is not a version of Python"),
        ("3.x", "'3.x' is not a version of Python"),
        ("2.7", "Python 2.7, but amlflow runs scripts on Python 3 only"),
        ("<3", "Python <3, but amlflow runs scripts on Python 3 only"),
        ("3.99", "Python 3.99, but no Python has this version"),
        (">=3.9,<3.8", "Python >=3.9,<3.8, but no Python has this version"),
    ],
)
def test_what_is_not_a_version_of_python_is_refused(asked: str, reason: str) -> None:
    with pytest.raises(EnvironmentBuildException) as raised:
        minors_of(asked)
    assert reason in raised.value.message


def test_this_python_is_taken_if_it_is_allowed() -> None:
    for asked in (None, HERE, f">={HERE}"):
        python, warning = choose(asked)
        assert (python.path, warning) == (sys.executable, None)


def test_an_interpreter_that_does_not_exist_is_named() -> None:
    with pytest.raises(EnvironmentBuildException, match="'/gone/python' does not exist"):
        choose(None, "/gone/python")


def test_nothing_is_needed_where_all_is_there() -> None:
    pytest_version = version("pytest")
    assert not needs_environment(Specification())
    assert not needs_environment(Specification(conda=("python=3.6", "pip")))
    assert not needs_environment(Specification(pip=("azureml-defaults",)))
    assert not needs_environment(Specification(pip=(f"pytest=={pytest_version}",)))
    assert not needs_environment(Specification(pip=("pytest>1", "nosuch; python_version < '3'")))
    assert not needs_environment(Specification(python=HERE, conda=("pytest",)))


def test_something_is_needed_where_a_package_is_missing() -> None:
    assert needs_environment(Specification(pip=("pytest==0.1",)))
    assert needs_environment(Specification(pip=("pytest[nosuch]", "no-such-package-here")))
    assert needs_environment(Specification(pip=("pytest @ file:///gone",)))
    assert needs_environment(Specification(pip=("pytest",), interpreter="/usr/bin/python3"))
