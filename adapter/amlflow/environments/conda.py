"""Makes an environment with conda, mamba, micromamba or pixi, for packages that only conda has.

The files of a conda environment contain its path, so it is made in its final folder. It is complete
when it has a note (kept.py).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from amlflow import whole_files
from amlflow.environments import kept, pixi
from amlflow.environments.conda_reasons import reason_of_conda
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.failures import advise_on_python
from amlflow.environments.installing import (
    Installer,
    Target,
    freeze,
    index_lines,
    packages_folder_of,
    remove_secrets,
)
from amlflow.environments.keys import Surroundings
from amlflow.environments.plan import Plan, plan_of
from amlflow.environments.pythons import OLDEST, OLDEST_CLIENT, look
from amlflow.environments.redaction import redact_all
from amlflow.environments.specification import OF_CONDA, Specification
from amlflow.environments.uv import Uv
from amlflow.parts import ROOM

SETTING = "CONDA_EXE"
"""conda's own environment variable with the path of its program."""
PROGRAMS = ("conda", "mamba", "micromamba", "pixi")
"""The programs that are searched for in PATH, in this order."""
_CREATE_BY_CONDA = ("env", "create", "--quiet")
_CREATE = {"mamba": ("env", "create"), "micromamba": ("create",)}
"""The commands that make an environment of a file. None asks a question: conda's never does, and
the others have a variable for it. With --quiet, they would not say why they fail."""
_PTH = f"import os, site; os.environ.get({ROOM!r}) and site.addsitedir(os.environ[{ROOM!r}])\n"


def find_conda(programs: Iterable[str] = PROGRAMS) -> str | None:
    """Return the path of conda or of one of the programs like it, or None."""
    setting = os.environ.get(SETTING)
    if setting and os.access(setting, os.X_OK):
        return setting
    return next(filter(None, map(shutil.which, programs)), None)


def date_warnings(specification: Specification, program: str) -> list[str]:
    """Warn that conda, or a program like it, takes packages that are newer than the date."""
    if specification.before is None:
        return []
    name = Path(program).stem
    return [
        f"The environment {specification.name!r} has packages that only conda has. {name} makes it "
        f"and takes the newest packages, also those after {specification.before}: amlflow cannot "
        f"give {name} a date. Name the versions of these packages."
    ]


def identity_of(specification: Specification, program: str) -> Surroundings:
    """Return what the key contains besides the packages: the program, and the channels in order."""
    channels = " ".join(specification.channels)
    return Surroundings(f"conda {_python_of(specification)[0]}", f"{program} {channels}")


def make_with_conda(
    specification: Specification,
    program: str,
    key: str,
    folder: Path,
    log: TextIO,
    cancelled: Callable[[], bool],
) -> kept.KeptEnvironment:
    """Make the environment of a definition in a folder of environments.

    The caller has locked its key.

    Raises:
        EnvironmentBuildException: the environment cannot be made. The message says why.
        EnvironmentBuildCanceled: ``cancelled`` returned True.
    """
    path = folder / key
    scratch = folder / f"{kept.STAGING}{key}-conda"
    try:
        for folder_left in (path, scratch):  # a killed process may have left them
            shutil.rmtree(folder_left, ignore_errors=True)
        scratch.mkdir()
        python, notes = _run(_Conda(program, log, cancelled), specification, path, scratch, log)
        _write_note(path, python, specification, notes)
    except OSError as error:
        shutil.rmtree(path, ignore_errors=True)
        raise kept.failure_of_files(folder, error) from error
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    environment = kept.find(key, folder)
    if environment is None:
        raise EnvironmentBuildException(
            f"The environment {str(path)!r} was removed while it was made. Submit again."
        )
    return environment


class _Conda(Uv):
    """Runs commands of conda. Unlike uv's, they have no common options."""

    def __init__(self, program: str, log: TextIO, cancelled: Callable[[], bool]) -> None:
        super().__init__(log, cancelled)
        self.program = program

    def command(self, *arguments: str) -> list[str]:
        return [self.program, *arguments]

    def _environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        return {**super()._environ(environ), "MAMBA_ALWAYS_YES": "true"}

    def run_or_raise(self, *arguments: str | Path) -> None:
        """Run a command. Raises EnvironmentBuildException if it fails."""
        if self.run(*arguments):
            raise EnvironmentBuildException(
                f"{Path(self.program).stem} could not make the environment: "
                f"{reason_of_conda(self.output)}."
            )

    def install_pip(
        self, plan: Plan, specification: Specification, python: Path, scratch: Path
    ) -> list[str]:
        """Install the packages of pip by uv into an environment of conda's. Returns warnings."""
        own: list[str | Path] = ["--python", python]
        version = look(str(python)).text
        older = advise_on_python(specification, version)
        target = Target(installing=own, resolving=own, python=version, older=older)
        installer = Installer(plan, target, scratch, self._log, self._cancelled)
        return installer.install(relaxing=specification.relax)


def _run(
    conda: _Conda, specification: Specification, path: Path, scratch: Path, log: TextIO
) -> tuple[Path, list[str]]:
    """Make the environment by conda. Returns the path of its Python, and warnings."""
    import yaml  # takes long to import, and few environments are made with conda

    name = Path(conda.program).stem
    plan = plan_of(replace(specification, conda=(), channels=()))
    pip = [] if name == pixi.NAME else _pip_lines(plan, scratch)
    content, words = _environment_file(specification, pip)
    log.write(f"Making the environment {path.name} with {name}.\n")
    warnings = [*words, *date_warnings(specification, conda.program)]
    log.writelines(f"{word}\n" for word in [*warnings, *plan.notes])
    log.flush()
    file = scratch / "environment.yml"
    # Only the user may read the file, since it may contain passwords.
    whole_files.write_text(file, yaml.safe_dump(content, sort_keys=False), whole_files.OWN)
    prefix = path
    if name == pixi.NAME:
        prefix = pixi.make_with_pixi(conda.run_or_raise, file, path)
    else:
        conda.run_or_raise(*_CREATE.get(name, _CREATE_BY_CONDA), "--prefix", path, "--file", file)
    python = prefix / "bin" / "python"
    if not python.exists():
        raise EnvironmentBuildException(
            f"{name} has made an environment without a Python. Add python to the definition."
        )
    if name == pixi.NAME and not plan.is_empty:
        warnings += conda.install_pip(plan, specification, python, scratch)
    return python, warnings


def _environment_file(
    specification: Specification, pip: list[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the conda environment file for a definition, and notes for the log.

    ``pip`` are its lines for pip.
    """
    version, words = _python_of(specification)
    conda = [
        line for line in specification.conda if line.split("=")[0].strip() not in ("python", "pip")
    ]
    dependencies: list[Any] = [f"python={version}", "pip", *conda]
    if pip:
        dependencies.append({"pip": pip})
    channels = list(specification.channels) or ["conda-forge"]
    return {"name": "amlflow", "channels": channels, "dependencies": dependencies}, words


def _pip_lines(plan: Plan, scratch: Path) -> list[str]:
    """Return the lines for pip. v1's own packages are left out, since amlflow replaces them."""
    lines = plan.lines
    if plan.is_empty:
        return []
    if lines.constraints:
        text = "".join(f"{line}\n" for line in lines.constraints)
        whole_files.write_text(scratch / "constraints.txt", text, whole_files.OWN)
    return [
        *index_lines(lines),
        *(["--pre"] if lines.prereleases else []),
        *(f"--trusted-host {host}" for host in lines.trusted_hosts),
        *lines.options,
        *([f"-c {scratch / 'constraints.txt'}"] if lines.constraints else []),
        *plan.checked_lines(),
        *plan.unchecked_lines(),
        *(f"-e {path}" for path in lines.editables),
    ]


def _python_of(specification: Specification) -> tuple[str, list[str]]:
    """Return the version of Python in conda's form, and notes if it is another than asked for."""
    version = (specification.python or "").strip().lstrip("=").removesuffix(".*")
    oldest = ".".join(map(str, OLDEST))
    if not version:
        return oldest, []
    match = re.fullmatch(r"(\d+)\.(\d+)(\.\d+)?", version)
    if match is None or (int(match[1]), int(match[2])) >= OLDEST_CLIENT:
        return version, []
    word = f"The environment asks for Python {version}, but gets {oldest}, which amlflow needs."
    return oldest, [word]


def _write_note(
    path: Path, python: Path, specification: Specification, warnings: list[str]
) -> None:
    site = packages_folder_of(python.parent.parent)
    (site / "amlflow_room.pth").write_text(_PTH, encoding="utf-8")
    remove_secrets(site)
    _remove_secrets_of_conda(python.parent.parent)
    plan = plan_of(specification)
    kept.write_note(
        path,
        {
            "python": str(python.relative_to(path)),
            "python_version": site.parent.name.removeprefix("python"),
            "requirements": [*plan.only_conda, *plan.display_lines()],
            "packages": [*freeze(site), *_packages_of_conda(python.parent.parent)],
            "warnings": warnings,
        },
    )


def _remove_secrets_of_conda(prefix: Path) -> None:
    """Remove passwords and tokens of channels from conda's notes on its packages."""
    for file in (prefix / "conda-meta").glob("*.json"):
        content = json.loads(file.read_text(encoding="utf-8"))
        clean = content | {
            key: redact_all(content[key]) for key in ("url", "channel") if key in content
        }
        if clean != content:
            whole_files.write_json(file, clean)


def _packages_of_conda(prefix: Path) -> list[str]:
    """Return conda's packages that are not Python packages, as comments of a requirements file."""
    packages = []
    for file in sorted((prefix / "conda-meta").glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        packages.append(f"{OF_CONDA}{content['name']}={content['version']}={content['build']}")
    return packages
