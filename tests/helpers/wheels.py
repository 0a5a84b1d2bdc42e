"""Builds wheels, and makes environments to install them in."""

from __future__ import annotations

import base64
import io
import platform
import shutil
import site
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from helpers import servers

PROJECT = Path(__file__).parents[2]
SOURCES = ("adapter", "plugins", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")


def run(*command: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, in an environment without the user's settings."""
    return subprocess.run(
        [str(each) for each in command], cwd=folder, capture_output=True, text=True, check=False,
        env=servers.clean_environment(**environment),
    )  # fmt: skip


def copy_project(project: Path, target: Path, names: tuple[str, ...] = ()) -> None:
    """Copy a project, or some of its files, to a new folder."""
    target.mkdir(parents=True)
    for path in [project / name for name in names] if names else project.iterdir():
        if path.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "node_modules")
            shutil.copytree(path, target / path.name, ignore=ignored)
        else:
            shutil.copy(path, target)


def build_wheel(project: Path, target: Path, names: tuple[str, ...] = ()) -> Path:
    """Build the wheel of a project, or of some of its files, and return its path."""
    # A copy is built, so that builds at the same time do not write to the same folder.
    source = target / "source"
    copy_project(project, source, names)
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", folder=source)
    assert done.returncode == 0, done.stderr
    [wheel] = (source / "dist").glob("*.whl")
    return wheel


def make_environment(target: Path, *, with_pip: bool = False) -> Path:
    """Make a virtual environment without pip, since installing pip takes seconds.

    :func:`pip` works without it.
    """
    options = [] if with_pip else ["--without-pip"]
    subprocess.run([sys.executable, "-m", "venv", *options, str(target)], check=True)
    return target


def pip(environment: Path, *arguments: str | Path) -> None:
    """Run pip for a virtual environment. Fails if pip does."""
    python = environment / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", python, *arguments, "--quiet",
               "--disable-pip-version-check"]  # fmt: skip
    done = run(*command, folder=environment)
    assert done.returncode == 0, done.stderr


def site_packages(environment: Path) -> Path:
    """Return the folder of a virtual environment's packages."""
    [found] = (environment / "lib").glob("python*/site-packages")
    return found


def lend_packages(environment: Path) -> None:
    """Let an environment also use the packages that are installed here, except editable projects.

    Its own packages come first.
    """
    lent = site_packages(environment) / "lent.pth"
    lent.write_text("\n".join(site.getsitepackages()) + "\n")


def write_tiny(
    folder: Path,
    name: str,
    version: str,
    requires: Sequence[str] = (),
    tag: str = "py3-none-any",
    content: str = "",
    programs: Mapping[str, str] | None = None,
    is_package: bool = False,
) -> Path:
    """Write a wheel with one module that has ``VERSION``, without building it. Returns its path.

    With ``is_package``, the module is a folder with an ``__init__.py``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    wheel = folder / f"{module}-{version}-{tag}.whl"
    info = f"{module}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    files = {
        f"{module}/__init__.py"
        if is_package
        else f"{module}.py": f"VERSION = {version!r}\n{content}",
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\n"
        f"Tag: {tag}\n",
    }
    if programs:
        lines = ["[console_scripts]", *(f"{name} = {code}" for name, code in programs.items())]
        files[f"{info}/entry_points.txt"] = "\n".join(lines) + "\n"
    record = [f"{file},," for file in [*files, f"{info}/RECORD"]]
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(f"{info}/RECORD", "\n".join(record) + "\n")
    return wheel


def write_project(folder: Path, name: str, module: str) -> Path:
    """Write a project with the folder ``name``, a package whose code is ``module``. Returns it.

    It can be installed without further packages.
    """
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "__init__.py").write_text(module)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\n'
    )
    (folder / "backend.py").write_text(
        "import pathlib, zipfile\n"
        "def build_wheel(folder, *_, **__):\n"
        f"    name, info = '{name}-1.0-py3-none-any.whl', '{name}-1.0.dist-info/'\n"
        "    with zipfile.ZipFile(pathlib.Path(folder, name), 'w') as archive:\n"
        f"        archive.write('{name}/__init__.py')\n"
        f"        archive.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: {name}\\n'\n"
        "            'Version: 1.0\\n')\n"
        "        archive.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: tests\\n'\n"
        "            'Root-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
        "        archive.writestr(info + 'RECORD', '')\n"
        "    return name\n"
    )
    return folder


def write_broken_source(folder: Path, name: str, version: str) -> Path:
    """Write a source archive that cannot be built. Returns its path."""
    return _write_source(folder, name, version, 'raise SystemError("needs another Python")\n')


def write_compiled_source(folder: Path, name: str, version: str) -> Path:
    """Write a source archive whose wheel is for this machine only. Returns its path."""
    wheel = write_tiny(folder / "built", name, version, tag=f"py3-none-linux_{platform.machine()}")
    code = (
        "import base64, pathlib\n"
        "def build_wheel(folder, *_):\n"
        f"    content = base64.b64decode({base64.b64encode(wheel.read_bytes())!r})\n"
        f"    pathlib.Path(folder, {wheel.name!r}).write_bytes(content)\n"
        f"    return {wheel.name!r}\n"
    )
    return _write_source(folder, name, version, code)


def _write_source(folder: Path, name: str, version: str, backend: str) -> Path:
    """Write a source archive that is built by the code ``backend``. Returns its path."""
    archive = folder / f"{name.replace('-', '_')}-{version}.tar.gz"
    files = {
        "PKG-INFO": f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
        'backend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\n',
        "backend.py": backend,
    }
    with tarfile.open(archive, "w:gz") as tar:
        for file, text in files.items():
            content = text.encode()
            info = tarfile.TarInfo(f"{name.replace('-', '_')}-{version}/{file}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return archive
