"""Makes the environment of a definition: only once, under a lock, completely or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from amlflow.environments import kept
from amlflow.environments.bundled import add_bundled
from amlflow.environments.conda import date_warnings, find_conda, identity_of, make_with_conda
from amlflow.environments.errors import EnvironmentBuildException, MissingPackages
from amlflow.environments.failures import advise_on_python, failure_of
from amlflow.environments.installing import (
    Installer,
    Target,
    freeze,
    packages_folder_of,
    remove_secrets,
)
from amlflow.environments.keys import Python, key_of
from amlflow.environments.plan import Plan, plan_of
from amlflow.environments.pythons import Interpreter, choose
from amlflow.environments.room import find_room
from amlflow.environments.satisfied import is_satisfied
from amlflow.environments.specification import Specification
from amlflow.environments.uv import Uv
from amlflow.parts import ROOM
from amlflow.systems import IS_WINDOWS

_INSTALL_CONDA = (
    "Put conda, mamba, micromamba or pixi into PATH, or leave the packages out of the definition."
)
_PTH = f"import os, site; os.environ.get({ROOM!r}) and site.addsitedir(os.environ[{ROOM!r}])\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltEnvironment:
    """An environment on this machine.

    ``python`` runs scripts in it, and ``version`` is the version of that Python. If nothing had to
    be made, ``key`` is empty and ``python`` is this process's Python or the interpreter that the
    definition names. ``packages`` are the installed packages as ``pip freeze`` writes them.
    ``is_new`` says whether this call made the environment, and ``seconds`` how long that took.
    """

    python: Path
    version: tuple[int, ...]
    key: str
    packages: list[str]
    is_new: bool
    seconds: float
    warnings: list[str] = field(default_factory=list)

    @property
    def packages_folder(self) -> Path:
        """The folder from which ``python`` imports the packages."""
        return packages_folder_of(self.python.parent.parent)

    def variables(self) -> dict[str, str]:
        """The environment variables for a script in the environment. Raises OSError."""
        if not self.key:
            return {}
        folder = self.python.parent
        room = find_room(kept.rooms_folder(), self.version)
        path = os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath)])
        return {ROOM: str(room), "PATH": path, **variables_of_prefix(folder.parent, os.environ)}


def variables_of_prefix(prefix: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which programs know that a virtual or a conda environment is active.

    ``environ`` are the variables to which they are added. Those that name another environment are
    empty. It is an empty dictionary for a Python that is not in an environment.
    """
    if Path(prefix, "conda-meta").is_dir():
        own = {"CONDA_PREFIX": str(prefix), "CONDA_DEFAULT_ENV": str(prefix)}
    elif Path(prefix, "pyvenv.cfg").is_file():
        own = {"VIRTUAL_ENV": str(prefix)}
    else:
        return {}
    # pip and uv of a script would install into the environment that VIRTUAL_ENV names, and Python
    # would import from PYTHONHOME.
    others = {name: "" for name in ("VIRTUAL_ENV", "PYTHONHOME") if environ.get(name)}
    return {**others, **own}


def needs_environment(specification: Specification) -> bool:
    """Whether a definition needs an environment of its own.

    It does not if it names no packages, or if this Python has the right version and all packages.

    Raises:
        EnvironmentBuildException: a line of the definition cannot be parsed.
    """
    return _is_needed(plan_of(specification), specification)


def _is_needed(plan: Plan, specification: Specification) -> bool:
    if plan.is_empty:
        return False
    if specification.interpreter is not None or not is_satisfied(plan):
        return True
    python, _ = choose(specification.python)
    return python.path != sys.executable


def find_warnings(specification: Specification) -> list[str]:
    """Warn of what the environment will not be as it is defined: the Python, the packages' date."""
    if plan_of(specification).only_conda:
        program = find_conda()
        return [] if program is None else date_warnings(specification, program)
    warning = choose(specification.python, specification.interpreter)[1]
    return [] if warning is None else [warning]


def ensure(
    specification: Specification,
    log: TextIO | Path,
    cancelled: Callable[[], bool] = lambda: False,
) -> BuiltEnvironment:
    """Return the environment of a definition. Make it if this machine does not have it.

    Args:
        specification: The definition.
        log: The log of the build is written to it, without secrets. A path is appended to.
        cancelled: Called several times a second. If it returns True, the build ends.

    Raises:
        EnvironmentBuildException: the environment cannot be made. The message says why.
        EnvironmentBuildCanceled: ``cancelled`` returned True.
    """
    start = time.monotonic()
    with _open_log(log) as stream:
        plan = plan_of(specification)
        if not _is_needed(plan, specification):
            return BuiltEnvironment(
                python=Path(sys.executable), version=sys.version_info[:3], key="", packages=[],
                is_new=False, seconds=0.0,
            )  # fmt: skip
        if IS_WINDOWS:
            raise EnvironmentBuildException(
                "amlflow cannot make environments with packages on Windows. Install the packages "
                "into your Python by pip, or submit on Linux, on macOS or in the Windows Subsystem "
                "for Linux (WSL)."
            )
        conda = find_conda() if specification.conda else None
        if plan.only_conda and conda is None:
            raise EnvironmentBuildException(
                f"Only conda has these packages: {', '.join(plan.only_conda)}. {_INSTALL_CONDA}"
            )
        environment, is_new = _Maker(specification, plan, stream, cancelled).ensure(conda)
        return BuiltEnvironment(
            python=environment.python, version=environment.version, key=environment.key,
            packages=environment.packages, is_new=is_new, seconds=time.monotonic() - start,
            warnings=environment.warnings,
        )  # fmt: skip


class _Maker:
    """Finds the environment of a plan, or makes it by uv, or by conda if only conda can."""

    def __init__(
        self,
        specification: Specification,
        plan: Plan,
        log: TextIO,
        cancelled: Callable[[], bool],
    ) -> None:
        self._specification, self._plan = specification, plan
        self._log, self._cancelled = log, cancelled
        self._folder = kept.make_folder()

    def ensure(self, conda: str | None) -> tuple[kept.KeptEnvironment, bool]:
        """Return the environment, and whether it had to be made.

        ``conda`` is the program that makes conda's environments; None if this machine has none.
        """
        if conda is not None:
            condas_key = self._key_for(identity_of(self._specification, conda))
            if self._plan.only_conda or kept.find(condas_key, self._folder):
                return self._make_by_conda(condas_key, conda)
        try:
            return self._make_by_uv()
        except MissingPackages as failure:
            names = ", ".join(sorted(failure.names & self._plan.from_conda))
            if not names:
                raise
            if conda is None:
                raise EnvironmentBuildException(
                    f"{failure.message} If only conda has {names}: {_INSTALL_CONDA}"
                ) from failure
            self._log.write(f"pip's index does not have {names}: conda is asked instead.\n")
            return self._make_by_conda(condas_key, conda)

    def _key_for(self, python: Python) -> str:
        try:
            return key_of(self._plan, python, relax=self._specification.relax)
        except OSError as error:
            raise EnvironmentBuildException(
                f"A file that the environment names cannot be read: {error}."
            ) from error

    def _make_by_uv(self) -> tuple[kept.KeptEnvironment, bool]:
        python, warning = choose(self._specification.python, self._specification.interpreter)
        key = self._key_for(python)
        warnings = [warning] if warning else []
        build = _Build(
            self._folder, key, self._specification, self._plan, python, warnings, self._log,
            self._cancelled,
        )  # fmt: skip
        return self._find_or_make(key, build.run)

    def _make_by_conda(self, key: str, program: str) -> tuple[kept.KeptEnvironment, bool]:
        return self._find_or_make(
            key,
            lambda: make_with_conda(
                self._specification, program, key, self._folder, self._log, self._cancelled
            ),
        )

    def _find_or_make(
        self, key: str, make: Callable[[], kept.KeptEnvironment]
    ) -> tuple[kept.KeptEnvironment, bool]:
        """Return the environment of a key. One process makes it, and the others wait."""
        environment = kept.find(key, self._folder)
        if environment is not None and kept.note_use(environment):
            return environment, False
        with kept.hold_lock(key, self._folder, self._cancelled):
            environment = kept.find(key, self._folder)
            if environment is not None and kept.note_use(environment):
                return environment, False
            return make(), True


@contextlib.contextmanager
def _open_log(log: TextIO | Path) -> Iterator[TextIO]:
    if isinstance(log, Path):
        with log.open("a", encoding="utf-8") as stream:
            yield stream
    else:
        yield log


class _Build:
    """Makes one environment. The caller has locked its key."""

    def __init__(
        self,
        folder: Path,
        key: str,
        specification: Specification,
        plan: Plan,
        python: Interpreter,
        warnings: list[str],
        log: TextIO,
        cancelled: Callable[[], bool],
    ) -> None:
        self._folder, self._key, self._plan, self._python = folder, key, plan, python
        self._specification, self._warnings = specification, warnings
        self._log, self._cancelled = log, cancelled
        self._uv = Uv(log, cancelled)
        self._path = folder / f"{kept.STAGING}{key}-{uuid.uuid4().hex}"

    def run(self) -> kept.KeptEnvironment:
        """Make the environment in a temporary folder, and rename that when it is complete."""
        kept.remove_leftovers(self._key, self._folder)
        try:
            self._path.mkdir()
            self._write_log()
            self._make()
            folder = self._folder / self._key
            shutil.rmtree(folder, ignore_errors=True)  # without a note, it is not complete
            os.rename(self._path, folder)
        except OSError as error:
            raise kept.failure_of_files(self._folder, error) from error
        finally:
            shutil.rmtree(self._path, ignore_errors=True)
        environment = kept.find(self._key, self._folder)
        if environment is None:
            raise EnvironmentBuildException(
                f"The environment {str(folder)!r} was removed while it was made. Submit again."
            )
        return environment

    def _say(self, text: str) -> None:
        self._log.write(f"{text}\n")
        self._log.flush()

    def _write_log(self) -> None:
        self._say(f"Making the environment {self._key} with Python {self._python.text}.")
        for line in [*self._warnings, *self._plan.notes]:
            self._say(line)
        for line in self._plan.display_lines():
            self._say(f"  {line}")

    def _make(self) -> None:
        if self._uv.run(
            "venv", "--quiet", "--relocatable", "--no-project", "--no-config",
            "--python", self._python.path, self._path,
        ):  # fmt: skip
            raise failure_of(
                self._uv.output, self._python.text, pinned=frozenset(), relaxing=False, older=None
            )
        python: list[str | Path] = ["--python", self._path / "bin" / "python"]
        older = advise_on_python(self._specification, self._python.text)
        target = Target(installing=python, resolving=python, python=self._python.text, older=older)
        installer = Installer(self._plan, target, self._path, self._log, self._cancelled)
        self._warnings += installer.install(relaxing=self._specification.relax)
        site = packages_folder_of(self._path)
        (site / "amlflow_room.pth").write_text(_PTH, encoding="utf-8")
        remove_secrets(site)
        add_bundled(self._python.path, self._python.minor, self._path, site)
        kept.write_note(
            self._path,
            {
                "python": "bin/python",
                "python_version": self._python.text,
                "requirements": self._plan.display_lines(),
                "packages": freeze(site),
                "warnings": self._warnings,
            },
        )
