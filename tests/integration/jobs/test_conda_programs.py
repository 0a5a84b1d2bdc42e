"""Environments with packages that only conda has. A small program takes the place of conda."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
import yaml
from amlflow.environments.building import ensure
from amlflow.environments.conda import PROGRAMS
from amlflow.environments.errors import EnvironmentBuildCanceled, EnvironmentBuildException
from amlflow.environments.specification import Specification

STAND_IN = f"""#!{sys.executable}
import json, os, pathlib, shutil, sys

words = sys.argv[1:]
here = pathlib.Path(__file__).parent
with (here / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")
if words[0] == "install":
    prefix = pathlib.Path(words[-1]).parent / ".pixi" / "envs" / "default"
elif words[0] == "init":
    pathlib.Path(words[-1]).mkdir()
    shutil.copy(words[2], here / "environment.yml")
    sys.exit(0)
else:
    prefix = pathlib.Path(words[words.index("--prefix") + 1])
    shutil.copy(words[words.index("--file") + 1], here / "environment.yml")
text = (here / "environment.yml").read_text()
(prefix / "bin").mkdir(parents=True)
if "r-nowhere" in text:
    print("Solving\\n\\nPackagesNotFoundError: not there:\\n  - r-nowhere")
    sys.exit(1)
os.symlink({sys.executable!r}, prefix / "bin" / "python")
(prefix / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
(prefix / "conda-meta").mkdir()
meta = {{"name": "r-base", "version": "4.3.1", "build": "h1"}}
(prefix / "conda-meta" / "r-base.json").write_text(json.dumps(meta))
"""
R = ("python=3.11", "r-essentials", "cudatoolkit=11")


@pytest.fixture(autouse=True)
def _kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMLFLOW_ENVIRONMENTS", str(tmp_path / "environments"))
    monkeypatch.delenv("CONDA_EXE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def install(folder: Path, name: str) -> Path:
    program = folder / "bin" / name
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    return program.parent


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_only_conda_has_is_made_with_it(tmp_path: Path, name: str) -> None:
    folder = install(tmp_path, name)
    specification = Specification(
        python="3.11", conda=R, channels=("r", "conda-forge"),
        pip=("azureml-defaults", "tabulate==0.9"),
    )  # fmt: skip
    log = io.StringIO()
    environment = ensure(specification, log)
    assert environment.is_new
    assert environment.python.is_file()
    assert environment.packages == ["# conda: r-base=4.3.1=h1"]
    assert name in log.getvalue()
    assert yaml.safe_load((folder / "environment.yml").read_text()) == {
        "name": "amlflow",
        "channels": ["r", "conda-forge"],
        "dependencies": [
            "python=3.11", "pip", "r-essentials", "cudatoolkit=11", {"pip": ["tabulate==0.9"]},
        ],
    }  # fmt: skip
    calls = (folder / "calls.jsonl").read_text()
    again = ensure(specification, log)
    assert (again.is_new, again.key) == (False, environment.key)
    assert (folder / "calls.jsonl").read_text() == calls
    other = Specification(python="3.11", conda=R, channels=("other",))
    assert ensure(other, log).key != environment.key


OWN = Specification(
    python="3.11",
    conda=("python=3.11", "of-our-channel=1"),
    channels=("ours",),
    pip=("--no-index",),
)
"""A definition with a package that amlflow does not know as one of conda's alone."""


def test_what_pips_index_does_not_have_is_made_with_conda(tmp_path: Path) -> None:
    folder = install(tmp_path, "conda")
    log = io.StringIO()
    environment = ensure(OWN, log)
    assert environment.is_new
    assert "pip's index does not have of-our-channel: conda is asked instead." in log.getvalue()
    content = yaml.safe_load((folder / "environment.yml").read_text())
    assert content["dependencies"] == ["python=3.11", "pip", "of-our-channel=1"]
    again = io.StringIO()
    assert ensure(OWN, again).key == environment.key
    assert again.getvalue() == ""  # pip is not tried again


def test_what_pips_index_does_not_have_and_no_conda_is_here() -> None:
    with pytest.raises(EnvironmentBuildException, match="If only conda has of-our-channel: Put"):
        ensure(OWN, io.StringIO())


def test_a_package_of_pip_that_is_not_there_is_not_condas(tmp_path: Path) -> None:
    install(tmp_path, "conda")
    specification = Specification(python="3.11", conda=("pip",), pip=("--no-index", "nowhere"))
    with pytest.raises(EnvironmentBuildException, match="nowhere was not found"):
        ensure(specification, io.StringIO())


def test_pythons_that_amlflow_does_not_run_on(tmp_path: Path) -> None:
    folder = install(tmp_path, "conda")
    environment = ensure(Specification(python="3.5", conda=R), io.StringIO())
    assert "python=3.10" in (folder / "environment.yml").read_text()
    [warning] = environment.warnings
    assert "Python 3.5, but gets 3.10" in warning
    assert ensure(Specification(python="3.6", conda=R), io.StringIO()).warnings == []
    assert "python=3.6" in (folder / "environment.yml").read_text()


def test_conda_is_left_alone_where_pip_has_all(tmp_path: Path) -> None:
    folder = install(tmp_path, "conda")
    ensure(Specification(conda=("pytest",)), io.StringIO())
    assert not (folder / "calls.jsonl").exists()


def test_conda_says_why_it_cannot_be_made(tmp_path: Path) -> None:
    install(tmp_path, "mamba")
    with pytest.raises(EnvironmentBuildException) as raised:
        ensure(Specification(conda=("r-nowhere",)), io.StringIO())
    assert raised.value.message == (
        "mamba could not make the environment: PackagesNotFoundError: not there: - r-nowhere."
    )
    assert os.listdir(tmp_path / "environments") == [".locks"]


def test_a_build_of_condas_ends_on_request(tmp_path: Path) -> None:
    install(tmp_path, "conda")
    with pytest.raises(EnvironmentBuildCanceled):
        ensure(Specification(conda=R), io.StringIO(), lambda: True)
    assert os.listdir(tmp_path / "environments") == [".locks"]


def test_without_conda_the_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        EnvironmentBuildException, match="Only conda has these packages: r-essentials"
    ):
        ensure(Specification(conda=R), io.StringIO())
