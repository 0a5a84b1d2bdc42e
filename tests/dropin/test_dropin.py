"""`import azureml.core` in fresh environments, beside other packages and beside the real one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from helpers.wheels import PROJECT, make_environment, pip, run, site_packages
from uv import find_uv_bin

WHERE = "import azureml.core; print(azureml.core.__file__)"


def python(environment: Path, code: str, folder: Path, **variables: str) -> str:
    """What a piece of code prints, run by an environment's Python."""
    done = run(environment / "bin" / "python", "-c", code, folder=folder, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment with nothing in it."""
    return make_environment(tmp_path / "env")


def test_the_wheel_holds_the_packages_and_no_azureml_of_its_own(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    plugins = {each.name for each in (PROJECT / "plugins").iterdir() if each.name[0] not in "._"}
    assert tops >= {"amlflow", "amlflow_dropin", "amlflow_dropin.pth", *plugins}
    assert "azureml" not in tops
    assert {"amlflow/py.typed", "amlflow_dropin/azureml/py.typed"} <= set(names)
    assert zipfile.ZipFile(wheel).read("amlflow_dropin.pth").decode().strip() == "amlflow_dropin"


def test_in_a_fresh_environment(wheel: Path, environment: Path, folder: Path) -> None:
    site = site_packages(environment)
    (site / "of_another_package.py").touch()
    before = set(site.iterdir())
    pip(environment, "install", "--no-deps", wheel)
    assert python(environment, WHERE, folder) == str(
        site / "amlflow_dropin/azureml/core/__init__.py"
    )
    code = (
        "from azureml.core import Workspace, Experiment, Run, ScriptRunConfig, VERSION\n"
        "from azureml.core.run import Run as R, _OfflineRun, _SubmittedRun\n"
        "from azureml.core.experiment import Experiment as E\n"
        "from azureml.core.workspace import Workspace as W\n"
        "from azureml.exceptions import UserErrorException, RunEnvironmentException\n"
        "from azureml._restclient.constants import RunStatus\n"
        "import amlflow.exceptions\n"
        "assert (R, E, W) == (Run, Experiment, Workspace)\n"
        "assert UserErrorException is amlflow.exceptions.UserErrorException\n"
        "assert isinstance(Run.get_context(), _OfflineRun)\n"
        "assert issubclass(_SubmittedRun, Run)\n"
        "assert RunStatus.COMPLETED == 'Completed'\n"
        "print(VERSION)\n"
    )
    assert python(environment, code, folder) == "1.61.0"
    # The dependencies of these tests stand in for what --no-deps left out.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    done = run(
        environment / "bin" / "amlflow", "quickstart", folder=folder, XDG_CONFIG_HOME=str(folder)
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "mlflow.db").is_file()
    (site / "dependencies.pth").unlink()
    pip(environment, "uninstall", "--yes", "amlflow")
    assert {each for each in site.iterdir() if each.name != "__pycache__"} == before


HEAVY = ["mlflow", "numpy", "pandas", "yaml", "requests", "importlib.metadata", "asyncio",
         "sqlite3", "sqlalchemy", "knack", "pluggy", "matplotlib", "jmespath", "platformdirs",
         "pathspec", "subprocess", "http.client", "email", "ssl", "socket"]  # fmt: skip


@pytest.mark.parametrize(
    "code",
    [
        "import azureml.core",
        "from azureml.core import Workspace, Experiment, Run",
        "from azureml.core import Run; Run.get_context().log('m', 1)",
        "import azureml.exceptions, azureml._restclient.constants",
    ],
)
def test_importing_it_imports_nothing_heavy(folder: Path, code: str) -> None:
    code += f"\nimport sys, json; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = run(sys.executable, "-c", code, folder=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_installed_into_a_folder_and_from_a_zip_file(
    wheel: Path, environment: Path, folder: Path
) -> None:
    target = folder / "target"
    pip(environment, "install", "--no-deps", "--target", target, wheel)
    code = f"import amlflow.dropin; {WHERE}"
    there = python(environment, code, folder, PYTHONPATH=str(target))
    assert there == str(target / "amlflow_dropin/azureml/core/__init__.py")
    script = folder / "scripts" / "train.py"
    script.parent.mkdir()
    script.write_text(f"import sys\n{WHERE}\nprint(__name__, sys.argv)\nsys.exit(7)\n")
    done = run(
        environment / "bin" / "python", "-m", "amlflow", script, "-o", "a",
        folder=folder, PYTHONPATH=str(target),
    )  # fmt: skip
    assert (done.returncode, done.stdout.splitlines()) == (
        7, [there, f"__main__ {[str(script), '-o', 'a']}"],
    )  # fmt: skip
    application = folder / "application.pyz"
    shutil.copy(wheel, application)
    with zipfile.ZipFile(application, "a") as archive:
        archive.writestr("__main__.py", f"import azureml.exceptions\n{WHERE}\n".join(
            ("import amlflow.dropin\n", "")))  # fmt: skip
    done = run(environment / "bin" / "python", application, folder=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(application / "amlflow_dropin/azureml/core/__init__.py")
    # An application whose scripts are its arguments.
    with zipfile.ZipFile(shutil.copy(wheel, folder / "runner.pyz"), "a") as archive:
        archive.writestr("__main__.py", "from amlflow.__main__ import main\nmain()\n")
    find = "import importlib.util, sys\nfound = importlib.util.find_spec('amlflow_mlflow')\n"
    script.write_text(f"{find}{WHERE}\nsys.exit(7 if found else 1)\n")
    done = run(environment / "bin" / "python", folder / "runner.pyz", script, folder=folder)
    assert done.returncode == 7, done.stderr


def package(folder: Path, name: str, text: str, *, regular: bool) -> str:
    """A folder for PYTHONPATH that holds azureml.<name>."""
    inside = folder / f"with-{name}" / "azureml"
    place = inside / Path(*name.split("."))
    place.mkdir(parents=True)
    (place / "__init__.py").write_text(text)
    if regular:
        (inside / "__init__.py").write_text(
            "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
        )
    return str(inside.parent)


@pytest.mark.parametrize("regular", [True, False], ids=["pkgutil", "native"])
def test_other_azureml_packages_go_on_working(folder: Path, regular: bool) -> None:
    sibling = package(folder, "sibling", "from azureml.core import Run\n", regular=regular)
    code = "import azureml.sibling, azureml.core; print(azureml.sibling.Run is azureml.core.Run)"
    done = run(sys.executable, "-c", code, folder=folder, PYTHONPATH=sibling)
    assert done.stdout.strip() == "True", done.stderr


@pytest.mark.parametrize(
    "name",
    ["azureml.exceptions", "azureml._restclient.constants", "azureml.widgets", "azureml.telemetry"],
)
def test_a_sibling_steps_aside_for_a_foreign_core(folder: Path, name: str) -> None:
    foreign = package(folder, "core", "who = 'foreign'\n", regular=True)
    code = (
        "import azureml.core\nassert azureml.core.who == 'foreign'\n"
        f"try:\n    import {name}\nexcept ImportError as error:\n    print(error)\n"
    )
    done = run(sys.executable, "-c", code, folder=folder, PYTHONPATH=foreign)
    assert done.returncode == 0, done.stderr
    assert foreign in done.stdout
    assert "steps aside" in done.stdout


@pytest.mark.parametrize("name", ["Keyvault", "LinkedService"])
def test_names_that_amlflow_has_not_say_why(name: str) -> None:
    import azureml.core

    with pytest.raises(ImportError) as error:
        getattr(azureml.core, name)
    assert f"azureml.core.{name}" in str(error.value)
    assert ": " in str(error.value)
    with pytest.raises(ImportError, match=f"azureml.core.{name}"):
        exec(f"from azureml.core import {name}", {})


@pytest.mark.parametrize(
    ("module", "name", "instead"),
    [
        ("azureml.core.runconfig", "HdiConfiguration", "spark-submit"),
        ("azureml.telemetry", "INSTRUMENTATION_KEY", "sends nothing"),
    ],
)
def test_names_of_its_modules_say_why(module: str, name: str, instead: str) -> None:
    with pytest.raises(ImportError, match=instead):
        exec(f"from {module} import {name}", {})


@pytest.mark.parametrize("module", ["compute", "environment", "runconfig"])
def test_names_that_its_modules_never_had(module: str) -> None:
    with pytest.raises(ImportError, match="NoSuchName"):
        exec(f"from azureml.core.{module} import NoSuchName", {})


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("azureml._restclient.snapshots_client", "AMLFLOW_SNAPSHOT_MAX_MB"),
        ("azureml.core.keyvault", "environment"),
        ("azureml.train.automl.run", "autolog"),
    ],
)
def test_modules_that_amlflow_has_not_say_why(name: str, instead: str) -> None:
    import azureml.core  # noqa: F401

    with pytest.raises(ImportError, match=instead):
        __import__(name)


def test_telemetry_sends_nothing() -> None:
    from azureml.telemetry import set_diagnostics_collection

    assert set_diagnostics_collection(send_diagnostics=True) is None


def test_modules_that_nobody_has() -> None:
    import azureml.core  # noqa: F401

    with pytest.raises(ModuleNotFoundError, match=r"azureml\.nothing"):
        __import__("azureml.nothing")


def test_names_that_nobody_has() -> None:
    with pytest.raises(ImportError, match="NoSuchName"):
        exec("from azureml.core import NoSuchName", {})
    import azureml.core

    assert not hasattr(azureml.core, "NoSuchName")


def hashes(site: Path) -> dict[str, str]:
    """The digest of each file that azureml-core's RECORD names."""
    [record] = site.glob("azureml_core-*.dist-info/RECORD")
    names = [line.split(",")[0] for line in record.read_text().splitlines()]
    return {
        name: hashlib.sha256((site / name).read_bytes()).hexdigest()
        for name in names
        if not name.endswith(".pyc")
    }


if sys.version_info < (3, 13):  # azureml-core has no release for later ones

    def test_beside_the_real_azureml_core(wheel: Path, environment: Path, folder: Path) -> None:
        site = site_packages(environment)
        # Fifty packages, for which uv takes a fraction of pip's time.
        target = ["--python", environment / "bin" / "python"]
        packages = ["azureml-core==1.61.*", "setuptools<80"]
        done = run(find_uv_bin(), "pip", "install", "-q", *target, *packages, folder=folder)
        assert done.returncode == 0, done.stderr
        real = hashes(site)
        pip(environment, "install", "--no-deps", wheel)
        assert hashes(site) == real
        quiet = {"PYTHONWARNINGS": "ignore"}
        code = (
            "import azureml.core, azureml.exceptions, azureml._restclient.constants as constants\n"
            "print([m.__file__ for m in (azureml.core, azureml.exceptions, constants)])"
        )
        files = python(environment, code, folder, **quiet)
        assert files.count(f"{site}/azureml/") == 3

        pip(environment, "uninstall", "--yes", "amlflow")
        assert hashes(site) == real
        assert not list(site.glob("*amlflow*"))
        assert python(environment, WHERE, folder, **quiet) == str(site / "azureml/core/__init__.py")

        pip(environment, "install", "--no-deps", wheel)
        pip(environment, "uninstall", "--yes", "azureml-core")
        ours = str(site / "amlflow_dropin/azureml/core/__init__.py")
        assert python(environment, WHERE, folder) == ours
        pip(environment, "uninstall", "--yes", "amlflow")
        assert not list(site.glob("*amlflow*"))
        assert not [each for each in site.glob("azureml/**/*") if each.suffix == ".py"]
        assert os.path.isdir(site)
