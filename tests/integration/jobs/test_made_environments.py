"""A submitted script runs in an environment that is made from its definition."""

from __future__ import annotations

import contextlib
import hashlib
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO

import psutil
import pytest
from amlflow.environments.building import BuiltEnvironment, ensure
from amlflow.environments.errors import EnvironmentBuildCanceled, EnvironmentBuildException
from amlflow.environments.pythons import choose
from amlflow.environments.specification import Specification
from azureml.core import Environment
from azureml.exceptions import ActivityFailedException
from helpers import wheels
from helpers.submitted_jobs import submit, wait_for_end
from helpers.tiny_environments import environment_of, write_index

CODE = """
import sys, amlflow_tiny
from azureml.core import Run
run = Run.get_context()
run.log("version", amlflow_tiny.VERSION)
run.tag("python", sys.executable)
"""


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, which is the only index."""
    return write_index(tmp_path / "wheels", monkeypatch, "1.0", "2.0")


def test_a_script_runs_with_the_packages_that_it_asks_for(experiment: Any, links: Path) -> None:
    environment = environment_of(links, "amlflow-tiny==1.0", "azureml-defaults")
    bundled = """
import subprocess
packages = subprocess.check_output(["pip", "list", "--format", "freeze"], text=True).split()
run.log("listed", "amlflow-tiny==1.0" in packages)
if sys.version_info < (3, 12):
    import pkg_resources, setuptools
"""
    first = submit(experiment, CODE + bundled, environment=environment)
    assert wait_for_end(first) == "Completed"
    assert first.get_metrics() == {"version": "1.0", "listed": True}
    python = first.get_tags()["python"]
    assert python != sys.executable
    second = submit(experiment, CODE, environment=environment.clone("another name"))
    assert wait_for_end(second) == "Completed"
    assert second.get_tags()["python"] == python


def test_an_environment_that_cannot_be_made_fails_the_run(experiment: Any, links: Path) -> None:
    run = submit(experiment, CODE, environment=environment_of(links, "amlflow-tiny==3.0"))
    assert wait_for_end(run) == "Failed"
    with pytest.raises(ActivityFailedException) as raised:
        run.wait_for_completion()
    assert "there is no version of amlflow-tiny==3.0" in str(raised.value)


def test_packages_that_are_there_make_no_environment(
    experiment: Any, links: Path, tmp_path: Path
) -> None:
    code = "import sys; from azureml.core import Run; Run.get_context().tag('p', sys.executable)"
    for environment in (environment_of(links, "pytest"), environment_of(links, "azureml-sdk")):
        run = submit(experiment, code, environment=environment)
        assert wait_for_end(run) == "Completed"
        assert run.get_tags()["p"] == sys.executable
    assert not (tmp_path / "state" / "environments").exists()


def test_a_script_sees_nothing_of_the_submitters_packages(experiment: Any, links: Path) -> None:
    code = """
    import importlib, importlib.util, pkgutil, azureml
    from azureml.core import Run
    for name in ("mlflow", "numpy", "pandas", "sqlalchemy", "docker", "pytest"):
        assert importlib.util.find_spec(name) is None, name
    # All that v1's names need is there.
    for module in pkgutil.walk_packages(azureml.__path__, "azureml."):
        importlib.import_module(module.name)
    run = Run.get_context()
    run.upload_file("f.txt", __file__)
    run.log_table("t", {"a": [1, 2]})
    assert "f.txt" in run.get_file_names()
    run.download_file("f.txt", "back")
    assert open("back").read() == open(__file__).read()
    assert run.experiment.name and run.get_details()["runId"] == run.id
    child = run.child_run("child")
    child.log("x", 1)
    child.complete()
    assert [each.id for each in run.get_children()] == [child.id]
    """
    run = submit(experiment, code, environment=environment_of(links, "amlflow-tiny"))
    assert wait_for_end(run) == "Completed", run.get_details()["error"]
    assert run.get_metrics() == {"t": {"a": [1, 2]}}


def test_a_script_submits_another_that_runs_as_it_does(experiment: Any, links: Path) -> None:
    code = """
    import os, sys, amlflow_tiny
    from azureml.core import Run, ScriptRunConfig
    run = Run.get_context()
    run.log("version", amlflow_tiny.VERSION)
    assert os.environ["VIRTUAL_ENV"] == sys.prefix
    if "child" not in sys.argv:
        config = ScriptRunConfig(".", "script.py", arguments=["child"])
        child = run.submit_child(config)
        child.wait_for_completion()
        assert child.get_metrics() == {"version": "2.0"}
    """
    run = submit(experiment, code, environment=environment_of(links, "amlflow-tiny"))
    assert wait_for_end(run) == "Completed", run.get_details()["error"]
    assert [child.get_status() for child in run.get_children()] == ["Completed"]


def test_a_script_runs_on_the_old_python_that_it_asks_for(experiment: Any, links: Path) -> None:
    code = """
    import sys, amlflow_tiny
    from azureml.core import Run, ScriptRunConfig
    run = Run.get_context()
    run.tag("python", "%d.%d" % sys.version_info[:2])
    run.log("version", amlflow_tiny.VERSION)
    if "child" not in sys.argv:
        child = run.submit_child(ScriptRunConfig(".", "script.py", arguments=["child"]))
        child.wait_for_completion()
        assert child.get_tags()["python"] == run.get_tags()["python"]
    """
    environment = environment_of(links, "amlflow-tiny==1.0")
    environment.python.conda_dependencies.set_python_version("3.7")
    run = submit(experiment, code, environment=environment)
    assert wait_for_end(run) == "Completed", run.get_details()["error"]
    assert run.get_metrics() == {"version": "1.0"}
    python, warnings = run.get_tags()["python"], run.get_details().get("warnings", [])
    if choose("3.7")[0].minor == (3, 7):
        assert (python, warnings) == ("3.7", [])
    else:  # this machine has no such Python
        assert "asks for Python 3.7, but gets Python" in str(warnings)


def ensured(*pip: str, log: TextIO | None = None, **values: Any) -> BuiltEnvironment:
    return ensure(Specification(pip=pip, **values), log or io.StringIO())


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AMLFLOW_ENVIRONMENTS", str(tmp_path / "environments"))
    return tmp_path / "environments"


def test_no_index_of_the_web_is_asked(links: Path, kept: Path) -> None:
    """Otherwise the tests would wait for it, and pass or fail with it."""
    with pytest.raises(EnvironmentBuildException, match="sampleproject was not found in the pack"):
        ensured(f"--find-links {links}", "sampleproject")


def test_the_index_of_a_definition_replaces_that_of_the_variables(links: Path, kept: Path) -> None:
    page = links / "simple" / "amlflow-tiny"
    page.mkdir(parents=True)
    [wheel] = links.glob("*-1.0-*.whl")
    (page / "index.html").write_text(f'<a href="{wheel.as_uri()}">{wheel.name}</a>')
    lines = (f"-i {(links / 'simple').as_uri()}", "amlflow-tiny")
    assert ensured(*lines).packages == ["amlflow-tiny==1.0"]
    assert ensured(*lines, "amlflow-tiny<2", relax=True).packages == ["amlflow-tiny==1.0"]


def test_many_makers_make_one(links: Path, kept: Path) -> None:
    lines = (f"--find-links {links}", "amlflow-tiny==1.0")
    with ThreadPoolExecutor(10) as pool:
        environments = list(pool.map(lambda _: ensured(*lines), range(10)))
    assert len({environment.python for environment in environments}) == 1
    assert [environment.is_new for environment in environments].count(True) == 1
    assert len([path for path in kept.iterdir() if not path.name.startswith(".")]) == 1


def test_what_a_killed_maker_leaves_is_no_hindrance(links: Path, kept: Path) -> None:
    lines = (f"--find-links {links}", "amlflow-tiny==1.0")
    key = ensured(*lines).key
    (kept / key).rename(kept / f".making-{key}-killed")
    (kept / key).mkdir()  # an incomplete environment
    environment = ensured(*lines)
    assert environment.is_new
    assert sorted(path.name for path in kept.iterdir()) == [".locks", key]


def test_a_pin_without_a_wheel(links: Path, kept: Path) -> None:
    wheels.write_tiny(links, "amlflow-old", "1.0", tag="cp36-cp36m-win32")
    wheels.write_tiny(links, "amlflow-old", "1.5")
    wheels.write_tiny(links, "amlflow-old", "2.0")
    lines = (f"--find-links {links}", "amlflow-old==1.0")
    with pytest.raises(EnvironmentBuildException, match="AMLFLOW_RELAX_PINS=1"):
        ensured(*lines)
    environment = ensured(*lines, relax=True)
    assert environment.packages == ["amlflow-old==1.5"]
    assert "amlflow-old==1.0 has no wheel" in environment.warnings[0]
    assert ensured(*lines, relax=True).warnings == environment.warnings


@pytest.mark.parametrize("line", ["{folder}", "tinyfolder @ {address} ; python_version > '3'"])
def test_a_folder_is_built_again_when_a_module_changes(
    links: Path, kept: Path, tmp_path: Path, line: str
) -> None:
    folder = wheels.write_project(tmp_path / "sp ace", "tinyfolder", "")
    for content in ("X = 1", "X = 2", "X = 3"):
        (folder / "tinyfolder/__init__.py").write_text(content)
        environment = ensured(line.format(folder=folder, address=folder.as_uri()))
        assert (environment.packages_folder / "tinyfolder/__init__.py").read_text() == content


def test_what_cannot_be_built_is_installed_from_the_newest_wheel(links: Path, kept: Path) -> None:
    """A package that another requires, and the definition does not pin. A pin is never changed."""
    for name in ("amlflow-built", "amlflow-also"):
        wheels.write_tiny(links, name, "1.0")
        wheels.write_tiny(links, name, "1.1")
        wheels.write_broken_source(links, name, "2.0")
    wheels.write_tiny(links, "amlflow-more", "1.0", ["amlflow-built", "amlflow-also"])
    environment = ensured(f"--find-links {links}", "amlflow-more")
    assert environment.packages == ["amlflow-also==1.1", "amlflow-built==1.1", "amlflow-more==1.0"]
    version = ".".join(map(str, sys.version_info[:3]))
    assert environment.warnings == [
        f"{name}==2.0 could not be built from its source for Python {version}. {name}==1.1, which "
        "has a wheel, is installed instead."
        for name in ("amlflow-also", "amlflow-built")
    ]
    with pytest.raises(EnvironmentBuildException) as raised:
        ensured(f"--find-links {links}", "amlflow-more", "amlflow-built==2.0")
    assert "amlflow-built==2.0 could not be built" in raised.value.message
    assert "needs another Python" in raised.value.message
    assert "AMLFLOW_RELAX_PINS=1" in raised.value.message
    relaxed = ensured(f"--find-links {links}", "amlflow-more", "amlflow-built==2.0", relax=True)
    assert "amlflow-built==1.1" in relaxed.packages
    assert len(relaxed.warnings) == 2


def test_a_warning_says_that_another_package_is_older_for_what_cannot_be_built(
    links: Path, kept: Path
) -> None:
    wheels.write_broken_source(links, "amlflow-built", "2.0")
    wheels.write_tiny(links, "amlflow-more", "1.0")
    wheels.write_tiny(links, "amlflow-more", "2.0", ["amlflow-built"])
    environment = ensured(f"--find-links {links}", "amlflow-more")
    assert environment.packages == ["amlflow-more==1.0"]
    [warning] = environment.warnings
    assert warning.startswith("amlflow-built==2.0 could not be built from its source for Python")
    assert warning.endswith("not installed: other packages are in versions that do not require it.")


def test_what_cannot_be_built_and_has_no_wheel_is_named(links: Path, kept: Path) -> None:
    wheels.write_broken_source(links, "amlflow-built", "2.0")
    wheels.write_tiny(links, "amlflow-more", "1.0", ["amlflow-built"])
    with pytest.raises(EnvironmentBuildException) as raised:
        ensured(f"--find-links {links}", "amlflow-more", relax=True)
    assert "amlflow-built==2.0 could not be built" in raised.value.message
    assert "Name other versions of the packages that require it" in raised.value.message
    assert "AMLFLOW_RELAX_PINS" not in raised.value.message


def test_an_old_pandas_is_installed_although_uv_cannot_parse_its_metadata(
    links: Path, kept: Path
) -> None:
    wheels.write_tiny(links, "pandas", "0.23.4", ["pytz (>=2011k)"])
    for name in ("numpy", "python-dateutil", "pytz"):
        wheels.write_tiny(links, name, "9999.1")
    environment = ensured(f"--find-links {links}", "pandas<0.24")
    assert "pandas==0.23.4" in environment.packages
    assert "pytz==9999.1" in environment.packages


def test_passwords_are_in_no_log_and_no_argument(links: Path, kept: Path) -> None:
    log = io.StringIO()
    seen: list[str] = []

    def look() -> bool:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                seen.extend(process.cmdline())
        return False

    address = "http://me:secret@127.0.0.1:9/simple"
    lines = (f"--extra-index-url {address}", f"--find-links {links}", "amlflow-tiny==7.0")
    with pytest.raises(EnvironmentBuildException) as raised:
        ensure(Specification(pip=lines), log, look)
    assert any("--requirements" in word for word in seen)
    assert "secret" not in log.getvalue() + raised.value.message + "".join(seen)


def test_limits_of_a_constraints_file_hold(links: Path, kept: Path, tmp_path: Path) -> None:
    (tmp_path / "limits.txt").write_text("amlflow-tiny<2\n")
    environment = ensured(
        f"--find-links {links}", "-c limits.txt", "amlflow-tiny", folders=(str(tmp_path),)
    )
    assert environment.packages == ["amlflow-tiny==1.0"]


def hash_of(wheel: Path) -> str:
    return f"--hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


def test_hashes_are_checked(experiment: Any, links: Path, tmp_path: Path) -> None:
    """Those of pip's packages. A package of conda's, and MLflow, which is amlflow's, have none."""
    tiny = hash_of(links / "amlflow_tiny-1.0-py3-none-any.whl")
    wheels.write_tiny(links, "mlflow", "9.0")
    wheels.write_tiny(links, "amlflow-more", "1.0", ["amlflow-tiny"])
    more = hash_of(links / "amlflow_more-1.0-py3-none-any.whl")
    file = tmp_path / "requirements.txt"
    file.write_text(f"--find-links {links}\namlflow-tiny==1.0 \\\n    {tiny}\nazureml-mlflow\n")
    environment = Environment.from_pip_requirements("hashes", str(file))
    environment.python.conda_dependencies.add_conda_package("amlflow-more")
    code = f"{CODE}\nimport amlflow_more, mlflow"
    run = submit(experiment, code, environment=environment)
    assert wait_for_end(run) == "Completed", run.get_details()["error"]
    assert run.get_metrics() == {"version": "1.0"}

    file.write_text(f"--find-links {links}\namlflow-tiny==1.0 {more}\n")
    run = submit(
        experiment, CODE, environment=Environment.from_pip_requirements("wrong", str(file))
    )
    assert wait_for_end(run) == "Failed"
    assert "amlflow-tiny==1.0 does not have the hash" in str(run.get_details()["error"])


def test_what_has_no_hash_is_not_installed_beside_what_has_one(
    links: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels.write_tiny(links, "amlflow-more", "1.0", ["amlflow-tiny"])
    more = hash_of(links / "amlflow_more-1.0-py3-none-any.whl")
    monkeypatch.setenv("COLUMNS", "40")  # uv would break its lines
    lines = (f"--find-links {links}", f"amlflow-more==1.0 {more}")
    for further in ((), ("amlflow-tiny==1.0",)):
        with pytest.raises(EnvironmentBuildException, match=r"amlflow-tiny(==1\.0)? has no hash"):
            ensured(*lines, *further)
    with pytest.raises(EnvironmentBuildException, match=r"amlflow-tiny>=1\.0 is not pinned"):
        ensured(f"--find-links {links}", "--require-hashes", "amlflow-tiny>=1.0")
    with pytest.raises(EnvironmentBuildException, match=r"tiny==1\.0 does not have the hash"):
        ensured(f"--find-links {links}", f"amlflow-tiny==1.0 --hash=sha256:{'a' * 64}")
    with pytest.raises(EnvironmentBuildException, match=r"no version of amlflow-tiny==1\.5"):
        ensured(f"--find-links {links}", f"amlflow-tiny==1.5 {more}", relax=True)
    assert [path.name for path in kept.iterdir()] == [".locks"]


def test_a_build_ends_on_request(links: Path, kept: Path) -> None:
    with pytest.raises(EnvironmentBuildCanceled):
        ensure(Specification(pip=("amlflow-tiny==1.0",)), io.StringIO(), lambda: True)
    assert [path.name for path in kept.iterdir()] == [".locks"]


def test_what_only_conda_has_is_named(kept: Path) -> None:
    with pytest.raises(
        EnvironmentBuildException, match="Only conda has these packages: r-essentials"
    ):
        ensured(conda=("r-essentials",))
