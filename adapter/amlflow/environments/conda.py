"""Makes an environment with conda, mamba, micromamba or pixi: for what only conda has.

An environment of conda's holds its own path, so it is made where it stays. It is whole once its
note is there (kept.py).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from amlflow import whole_files
from amlflow.environments import kept
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.installing import freeze
from amlflow.environments.keys import Surroundings
from amlflow.environments.plan import Plan, plan_of
from amlflow.environments.pythons import OLDEST, OLDEST_CLIENT
from amlflow.environments.room import ROOM
from amlflow.environments.specification import Specification
from amlflow.environments.uv import Uv

SETTING = "CONDA_EXE"
"""conda's own variable with its program."""
PROGRAMS = ("conda", "mamba", "micromamba", "pixi")
"""What is looked for in PATH, in this order."""
_PTH = f"import os, site; os.environ.get({ROOM!r}) and site.addsitedir(os.environ[{ROOM!r}])\n"


def find_conda() -> str | None:
    """The program that makes environments of conda's packages, or None if there is none."""
    setting = os.environ.get(SETTING)
    if setting and os.access(setting, os.X_OK):
        return setting
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def identity_of(specification: Specification, program: str) -> Surroundings:
    """What is part of the key besides the packages: channels, their order, and the program."""
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
    """Make the environment of a definition in a folder of environments. Its key is locked.

    Raises:
        EnvironmentBuildException: it cannot be made; the message is one sentence.
        EnvironmentBuildCanceled: it was ended on request.
    """
    path = folder / key
    scratch = folder / f"{kept.STAGING}{key}-conda"
    try:
        for folder_left in (path, scratch):  # what a killed maker has left
            shutil.rmtree(folder_left, ignore_errors=True)
        scratch.mkdir()
        python = _run(_Conda(program, log, cancelled), specification, path, scratch, log)
        _write_note(path, python, specification)
    except OSError as error:
        shutil.rmtree(path, ignore_errors=True)
        raise EnvironmentBuildException(
            f"The environment could not be written to {str(folder)!r}: {error.strerror or error}."
        ) from error
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    environment = kept.find(key, folder)
    if environment is None:
        raise EnvironmentBuildException(
            f"The environment {str(path)!r} was removed while it was made; submit again."
        )
    return environment


class _Conda(Uv):
    """Runs commands of conda, of which nothing is always told."""

    def __init__(self, program: str, log: TextIO, cancelled: Callable[[], bool]) -> None:
        super().__init__(log, cancelled)
        self.program = program

    def command(self, *arguments: str) -> list[str]:
        return [self.program, *arguments]


def _run(
    conda: _Conda, specification: Specification, path: Path, scratch: Path, log: TextIO
) -> Path:
    """Have the environment made; its Python."""
    import yaml  # takes long to import, and few environments are made with conda

    name = Path(conda.program).stem
    content, words = _environment_file(specification)
    log.write(f"Making the environment {path.name} with {name}.\n")
    log.writelines(f"{word}\n" for word in words)
    log.flush()
    file = scratch / "environment.yml"
    # Only the user may read it: it may have passwords.
    whole_files.write_text(file, yaml.safe_dump(content, sort_keys=False), whole_files.OWN)
    prefix = path
    if name == "pixi":
        commands = [
            ["init", "--import", str(file), str(path)],
            ["install", "--manifest-path", str(path)],
        ]
        prefix = path / ".pixi" / "envs" / "default"
    elif name == "micromamba":
        commands = [["create", "--yes", "--quiet", "--prefix", str(path), "--file", str(file)]]
    else:
        commands = [["env", "create", "--quiet", "--prefix", str(path), "--file", str(file)]]
    for command in commands:
        if conda.run(*command):
            raise EnvironmentBuildException(
                f"{name} could not make the environment: {_reason_of(conda.output)}."
            )
    python = prefix / "bin" / "python"
    if not python.exists():
        raise EnvironmentBuildException(
            f"{name} has made an environment without a Python; name python in the definition."
        )
    return python


def _environment_file(specification: Specification) -> tuple[dict[str, Any], list[str]]:
    """The conda environment file of a definition, and what to say of it.

    amlflow takes the place of v1's own packages, as it does in every environment.
    """
    version, words = _python_of(specification)
    conda = [
        line for line in specification.conda if line.split("=")[0].strip() not in ("python", "pip")
    ]
    plan = plan_of(replace(specification, conda=(), channels=()))
    dependencies: list[Any] = [f"python={version}", "pip", *conda]
    pip = _pip_lines(plan)
    if pip:
        dependencies.append({"pip": pip})
    channels = list(specification.channels) or ["conda-forge"]
    content = {"name": "amlflow", "channels": channels, "dependencies": dependencies}
    return content, [*words, *plan.notes]


def _pip_lines(plan: Plan) -> list[str]:
    lines = plan.lines
    return [
        *([f"--index-url {lines.index}"] if lines.index else []),
        *(f"--extra-index-url {address}" for address in lines.extra_indexes),
        *(f"--find-links {address}" for address in lines.links),
        *plan.requirements,
        *(f"-e {path}" for path in lines.editables),
    ]


def _python_of(specification: Specification) -> tuple[str, list[str]]:
    """The version of Python as conda writes it, and what to say where it is another one."""
    version = (specification.python or "").strip().lstrip("=").removesuffix(".*")
    oldest = ".".join(map(str, OLDEST))
    if not version:
        return oldest, []
    match = re.fullmatch(r"(\d+)\.(\d+)(\.\d+)?", version)
    if match is None or (int(match[1]), int(match[2])) >= OLDEST_CLIENT:
        return version, []
    word = f"The environment asks for Python {version}; {oldest} is taken, which amlflow needs."
    return oldest, [word]


def _write_note(path: Path, python: Path, specification: Specification) -> None:
    [site] = (python.parent.parent / "lib").glob("python3.*/site-packages")
    (site / "amlflow_room.pth").write_text(_PTH, encoding="utf-8")
    plan = plan_of(specification)
    kept.write_note(
        path,
        {
            "python": str(python.relative_to(path)),
            "python_version": site.parent.name.removeprefix("python"),
            "requirements": [*plan.only_conda, *plan.display_lines()],
            "packages": [*freeze(site), *_packages_of_conda(python.parent.parent)],
            "warnings": _python_of(specification)[1],
        },
    )


def _packages_of_conda(prefix: Path) -> list[str]:
    """What conda has installed besides Python's packages, as comments of a requirements file."""
    packages = []
    for file in sorted((prefix / "conda-meta").glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        packages.append(f"# conda: {content['name']}={content['version']}={content['build']}")
    return packages


def _reason_of(output: list[str]) -> str:
    """The last paragraph of what conda says, on one line."""
    text = "\n".join(output).strip()
    if "No space left on device" in text or "Errno 28" in text:
        return "the disk is full"
    return " ".join(text.split("\n\n")[-1].split()).rstrip(".")[:600] or "no reason given"
