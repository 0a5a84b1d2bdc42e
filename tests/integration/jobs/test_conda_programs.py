"""Environments with packages that only conda has. A small program takes the place of conda."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from pathlib import Path

import pytest
import yaml
from amlflow.environments.building import ensure, find_warnings
from amlflow.environments.conda import PROGRAMS
from amlflow.environments.errors import EnvironmentBuildCanceled, EnvironmentBuildException
from amlflow.environments.lookup import find_environment
from amlflow.environments.specification import Specification
from helpers import wheels

STAND_IN = f"""#!{sys.executable}
import argparse, json, os, pathlib, shutil, sys, venv

words = sys.argv[1:]
here = pathlib.Path(__file__).parent
with (here / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")
if pathlib.Path(__file__).name == "pixi":
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", allow_abbrev=False)
    init.add_argument("--import", dest="file", required=True)
    init.add_argument("path", type=pathlib.Path)
    install = commands.add_parser("install", allow_abbrev=False)
    install.add_argument("--manifest-path", type=pathlib.Path, required=True)
    options = parser.parse_args()
    if options.command == "init":
        options.path.mkdir(exist_ok=True)
        shutil.copy(options.file, here / "environment.yml")
        shutil.copy(options.file, options.path / "pixi.toml")
        (here / "mode").write_text(oct(options.path.stat().st_mode & 0o777))
        sys.exit()
    assert options.manifest_path.read_text()
    root = options.manifest_path.parent
    # The user's configuration names another place, unless the folder's own says otherwise.
    own = (root / ".pixi" / "config.toml").read_text()
    is_inside = "detached-environments = false" in own.splitlines()
    prefix = root / ".pixi" / "envs" / "default" if is_inside else here / "elsewhere"
else:
    prefix = pathlib.Path(words[words.index("--prefix") + 1])
    shutil.copy(words[words.index("--file") + 1], here / "environment.yml")
    for line in (here / "environment.yml").read_text().splitlines():
        if "- -c " in line:
            shutil.copy(line.split()[-1], here / "constraints.txt")
text = (here / "environment.yml").read_text()
if "mamba" in pathlib.Path(__file__).name:
    assert os.environ["MAMBA_ALWAYS_YES"] == "true"  # it would ask, and read no answer
if "r-nowhere" in text:
    # mamba 2.8 says nothing at all with --quiet.
    if "mamba" not in pathlib.Path(__file__).name or "--quiet" not in words:
        print("Solving\\n\\nPackagesNotFoundError: not there:\\n  - r-nowhere")
    sys.exit(1)
venv.create(prefix, symlinks=True)
# As conda-forge's Python, for old versions of conda.
(prefix / "lib" / "python3.1").symlink_to("python%d.%d" % sys.version_info[:2])
(prefix / "conda-meta").mkdir()
meta = {{"name": "r-base", "version": "4.3.1", "build": "h1",
        "url": "https://me:secret@a.example/t/secret/noarch/r-base.conda"}}
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


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "pixi"])
def test_what_only_conda_has_is_made_with_it(tmp_path: Path, name: str) -> None:
    folder = install(tmp_path, name)
    specification = Specification(
        python="3.11", conda=R, channels=("r", "conda-forge"),
        pip=("azureml-defaults", "tabulate==0.9"),
    )  # fmt: skip
    log = io.StringIO()
    assert find_environment(specification) is None
    environment = ensure(specification, log)
    assert environment.is_new
    assert environment.python.is_file()
    assert environment.packages == ["# conda: r-base=4.3.1=h1"]
    [meta] = (environment.python.parent.parent / "conda-meta").iterdir()
    assert "/noarch/r-base.conda" in meta.read_text()
    assert "secret" not in meta.read_text()
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
    found = find_environment(specification)
    assert found is not None
    assert found.key == environment.key
    other = Specification(python="3.11", conda=R, channels=("other",))
    assert find_environment(other) is None
    assert ensure(other, log).key != environment.key


def test_a_date_that_conda_does_not_take_is_said_before_the_build_and_in_the_run(
    tmp_path: Path,
) -> None:
    install(tmp_path, "mamba")
    specification = Specification(name="old", python="3.11", conda=R, before="2021-06-30")
    [warning] = find_warnings(specification)
    assert "mamba makes it and takes the newest packages, also those after 2021-06-30" in warning
    log = io.StringIO()
    assert ensure(specification, log).warnings == [warning]
    assert warning in log.getvalue()
    assert find_warnings(Specification(python="3.11", conda=R)) == []


def test_pip_gets_its_options_from_conda(tmp_path: Path) -> None:
    folder = install(tmp_path, "conda")
    (tmp_path / "limits.txt").write_text("tabulate<1\n")
    (tmp_path / "wheels").mkdir()
    digest = f"--hash=sha256:{'a' * 64}"
    specification = Specification(
        python="3.11", conda=R, folders=(str(tmp_path),),
        pip=("--no-index", "-f wheels", "--pre", "--trusted-host h", "--no-binary numpy",
             "-c limits.txt", f"tabulate==0.9 {digest}", "azureml-mlflow"),
    )  # fmt: skip
    ensure(specification, io.StringIO())
    [pip] = yaml.safe_load((folder / "environment.yml").read_text())["dependencies"][-1].values()
    [constraints] = [line for line in pip if line.startswith("-c ")]
    assert pip == [
        f"--find-links {tmp_path}/wheels", "--no-index", "--pre", "--trusted-host h",
        "--no-binary numpy", constraints, f"tabulate==0.9 {digest}", "mlflow",
    ]  # fmt: skip
    assert (folder / "constraints.txt").read_text() == "tabulate<1\n"


def test_pixi_gets_what_only_conda_has_and_uv_the_rest(tmp_path: Path) -> None:
    """pixi's own parser takes no options of pip. Its manifest may contain passwords."""
    folder = install(tmp_path, "pixi")
    tiny = wheels.write_tiny(tmp_path / "wheels", "amlflow-tiny", "1.0").read_bytes()
    specification = Specification(
        python="3.11", conda=R, channels=("https://me:secret@a.example/c", "conda-forge"),
        pip=("--no-index", f"-f {tmp_path / 'wheels'}",
             f"amlflow-tiny==1.0 --hash=sha256:{hashlib.sha256(tiny).hexdigest()}"),
    )  # fmt: skip
    log = io.StringIO()
    environment = ensure(specification, log)
    assert environment.packages == ["amlflow-tiny==1.0", "# conda: r-base=4.3.1=h1"]
    assert yaml.safe_load((folder / "environment.yml").read_text()) == {
        "name": "amlflow",
        "channels": ["https://me:secret@a.example/c", "conda-forge"],
        "dependencies": ["python=3.11", "pip", "r-essentials", "cudatoolkit=11"],
    }
    home = tmp_path / "environments" / environment.key
    assert (folder / "mode").read_text() == "0o700"
    assert sorted(os.listdir(home)) == [".pixi", "amlflow.json"]
    assert "secret" not in log.getvalue() + (home / "amlflow.json").read_text()
    again = ensure(specification, log)
    assert (again.is_new, again.key) == (False, environment.key)


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
