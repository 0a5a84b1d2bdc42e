"""Makes the environment of a definition: once, under a lock, whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import TextIO

from amlflow.environments import kept
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.keys import key_of
from amlflow.environments.plan import Plan, plan_of
from amlflow.environments.pythons import Interpreter, choose
from amlflow.environments.reasons import (
    address_of,
    failed_build,
    is_away,
    lacks_wheel,
    last_of_build,
    reason_of,
)
from amlflow.environments.relaxing import read_resolved, relax
from amlflow.environments.room import ROOM, find_room
from amlflow.environments.satisfied import is_satisfied
from amlflow.environments.specification import Specification
from amlflow.environments.uv import Uv

_PTH = f"import os, site; os.environ.get({ROOM!r}) and site.addsitedir(os.environ[{ROOM!r}])\n"
_LEGACY = ["setuptools<81", "cython<3"]
"""What source archives of v1's years build with; newer releases have removed what they import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltEnvironment:
    """An environment that is there.

    ``python`` runs scripts in it. ``key`` is empty if nothing had to be made: ``python`` is the
    submitter's own then, or the interpreter that the definition names. ``packages`` are the
    installed ones as ``pip freeze`` writes them. ``made`` tells whether this call has made it, in
    ``seconds``.
    """

    python: Path
    key: str
    packages: list[str]
    made: bool
    seconds: float
    warnings: list[str] = field(default_factory=list)

    def variables(self) -> dict[str, str]:
        """The environment variables that a script in it needs. Raises OSError."""
        if not self.key:
            return {}
        folder = self.python.parent
        room = find_room(kept.environments_folder() / ".rooms")
        path = os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath)])
        return {ROOM: str(room), "VIRTUAL_ENV": str(folder.parent), "PATH": path}


def needs_environment(specification: Specification) -> bool:
    """Whether an environment must be made, or found, for a definition.

    Not if it names no packages, and not if this Python has all of them and is what it asks for.

    Raises:
        EnvironmentBuildException: the definition has a line that cannot be read.
    """
    plan = plan_of(specification)
    if plan.is_empty:
        return False
    if specification.interpreter is not None or not is_satisfied(plan):
        return True
    python, _ = choose(specification.python)
    return python.path != sys.executable


def python_warning(specification: Specification) -> str | None:
    """What to say where the environment gets another version of Python than it asks for."""
    return choose(specification.python, specification.interpreter)[1]


def ensure(
    specification: Specification,
    log: TextIO | Path,
    cancelled: Callable[[], bool] = lambda: False,
) -> BuiltEnvironment:
    """The environment of a definition, made if it is not there yet.

    Args:
        specification: The definition.
        log: Gets what is done, without secrets; a path is appended to.
        cancelled: Asked several times a second; once it is True the build ends.

    Raises:
        EnvironmentBuildException: it cannot be made; the message is one sentence.
        EnvironmentBuildCanceled: it was ended on request.
    """
    start = time.monotonic()
    with _opened(log) as stream:
        if not needs_environment(specification):
            return BuiltEnvironment(
                python=Path(sys.executable), key="", packages=[], made=False, seconds=0.0
            )
        plan = plan_of(specification)
        python, warning = choose(specification.python, specification.interpreter)
        warnings = [warning] if warning else []
        if plan.only_conda:
            raise EnvironmentBuildException(
                f"{', '.join(plan.only_conda)}: only conda has this, and uv makes environments of "
                "pip's packages. Make it with conda, and name its Python in "
                "environment.python.interpreter_path with user_managed_dependencies = True."
            )
        folder = kept.make_folder()
        try:
            key = key_of(plan, python, relax=specification.relax)
        except OSError as error:
            raise EnvironmentBuildException(
                f"A file that the environment names cannot be read: {error}."
            ) from error
        environment = kept.find(key, folder)
        made = False
        if environment is None:
            with kept.locked(key, folder, cancelled):
                environment = kept.find(key, folder)
                if environment is None:
                    build = _Build(
                        folder, key, plan, python, warnings, specification.relax, stream, cancelled
                    )
                    environment = build.run()
                    made = True
        kept.note_use(environment)
        return BuiltEnvironment(
            python=environment.python, key=key, packages=environment.packages, made=made,
            seconds=time.monotonic() - start, warnings=environment.warnings,
        )  # fmt: skip


@contextlib.contextmanager
def _opened(log: TextIO | Path) -> Iterator[TextIO]:
    if isinstance(log, Path):
        with log.open("a", encoding="utf-8") as stream:
            yield stream
    else:
        yield log


class _Build:
    """One environment that is being made. Its key is locked."""

    def __init__(
        self,
        folder: Path,
        key: str,
        plan: Plan,
        python: Interpreter,
        warnings: list[str],
        relaxing: bool,
        log: TextIO,
        cancelled: Callable[[], bool],
    ) -> None:
        self._folder, self._key, self._plan, self._python = folder, key, plan, python
        self._warnings, self._log = warnings, log
        self._relaxing, self._cancelled = relaxing, cancelled
        self._uv = Uv(log, cancelled)
        self._path = folder / f"{kept.STAGING}{key}-{uuid.uuid4().hex}"

    def run(self) -> kept.KeptEnvironment:
        """Make it beside its place, and rename it when it is whole."""
        self._remove_left()
        try:
            self._write_log()
            self._make()
            place = self._folder / self._key
            shutil.rmtree(place, ignore_errors=True)  # one without its note is not whole
            os.rename(self._path, place)
        except OSError as error:
            raise EnvironmentBuildException(
                f"The environment could not be written to {str(self._folder)!r}: "
                f"{error.strerror or error}."
            ) from error
        finally:
            shutil.rmtree(self._path, ignore_errors=True)
        environment = kept.find(self._key, self._folder)
        if environment is None:
            raise EnvironmentBuildException(
                f"The environment {str(place)!r} was removed while it was made; submit again."
            )
        return environment

    def _remove_left(self) -> None:
        """Remove what killed makers of this environment have left: its lock is ours."""
        for left in self._folder.glob(f"{kept.STAGING}{self._key}-*"):
            shutil.rmtree(left, ignore_errors=True)

    def _say(self, text: str) -> None:
        self._log.write(f"{text}\n")
        self._log.flush()

    def _write_log(self) -> None:
        self._say(f"Making the environment {self._key} with Python {self._python.text}.")
        for line in [*self._warnings, *self._plan.notes]:
            self._say(line)
        for line in self._plan.shown():
            self._say(f"  {line}")

    def _make(self) -> None:
        if self._uv.run(
            "venv", "--quiet", "--relocatable", "--no-project", "--no-config",
            "--python", self._python.path, self._path,
        ):  # fmt: skip
            self._fail()
        self._install()
        [site] = (self._path / "lib").glob("python*/site-packages")
        (site / "amlflow_room.pth").write_text(_PTH, encoding="utf-8")
        kept.write_note(
            self._path,
            {
                "python": "bin/python",
                "python_version": self._python.text,
                "requirements": self._plan.shown(),
                "packages": _freeze(site),
                "warnings": self._warnings,
            },
        )

    def _install(self) -> None:
        if self._relaxing:
            self._relax()
        requirements = self._write("requirements", self._requirement_lines())
        try:
            if self._run_install(requirements) == 0:
                return
            if is_away(self._uv.output) and self._retry_offline(requirements):
                return
            if failed_build(self._uv.output) and self._retry_legacy(requirements):
                return
        finally:
            requirements.unlink()
        self._fail()

    def _write(self, name: str, lines: list[str]) -> Path:
        """Write a file of requirements, which only the user may read: it may have passwords."""
        path = self._path / f"amlflow-{name}.txt"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        return path

    def _relax(self) -> None:
        requirements, words = relax(self._plan.requirements, self._resolve)
        self._plan.requirements = requirements
        self._warnings += words
        for line in words:
            self._say(line)

    def _resolve(self, requirement: str, strategy: str) -> list[str] | None:
        """Resolve one requirement without its own, from wheels only."""
        asked = self._write("one-requirement", [*self._index_lines(), requirement])
        resolved = self._path / "amlflow-resolved.txt"
        quiet = Uv(io.StringIO(), self._cancelled)
        code = quiet.run(
            "pip", "compile", "--quiet", "--no-config", "--no-deps", "--only-binary", ":all:",
            "--resolution", strategy, "--python", self._path / "bin" / "python",
            "--output-file", resolved, *self._index_options(), asked,
        )  # fmt: skip
        lines = read_resolved(resolved) if code == 0 else None
        for path in (asked, resolved):
            path.unlink(missing_ok=True)
        return lines

    def _retry_offline(self, requirements: Path) -> bool:
        output = self._uv.output
        self._say("The index does not answer; what uv's cache has is tried.")
        if self._run_install(requirements, offline=True) == 0:
            return True
        self._uv.output = output
        return False

    def _retry_legacy(self, requirements: Path) -> bool:
        output = self._uv.output
        self._say("A package could not be built; it is tried with the build tools of its time.")
        constraints = self._write("build-constraints", _LEGACY)
        code = self._run_install(requirements, "--build-constraints", str(constraints))
        constraints.unlink()
        if code != 0 and not failed_build(self._uv.output):
            self._uv.output = output
        return code == 0

    def _run_install(self, requirements: Path, *more: str, offline: bool = False) -> int:
        constraints = self._plan.lines.constraints
        options = [*more, *self._index_options()]
        if constraints:
            options += ["--constraints", str(self._write("constraints", constraints))]
        code = self._uv.run(
            "pip", "install", "--python", self._path / "bin" / "python", "--no-config",
            "--requirements", requirements, *options, offline=offline,
        )  # fmt: skip
        (self._path / "amlflow-constraints.txt").unlink(missing_ok=True)
        return code

    def _index_options(self) -> list[str]:
        lines, options = self._plan.lines, []
        if lines.extra_indexes or lines.index:
            # As pip: the best version of all indexes, not the first index that has the name.
            options += ["--index-strategy", "unsafe-best-match"]
        if lines.prereleases:
            options += ["--prerelease", "allow"]
        for host in lines.trusted_hosts:
            options += ["--allow-insecure-host", host]
        return options

    def _index_lines(self) -> list[str]:
        """The indexes, for a file: no argument of a process may show their passwords."""
        lines = self._plan.lines
        return [
            *([f"--index-url {lines.index}"] if lines.index else []),
            *(f"--extra-index-url {address}" for address in lines.extra_indexes),
            *(f"--find-links {address}" for address in lines.links),
            *(["--no-index"] if lines.no_index else []),
        ]

    def _requirement_lines(self) -> list[str]:
        lines = self._plan.lines
        editables = [f"-e {path}" for path in lines.editables]
        return [*self._index_lines(), *lines.options, *self._plan.requirements, *editables]

    def _fail(self) -> None:
        output = self._uv.output
        if is_away(output):
            address = address_of(output)
            raise EnvironmentBuildException(
                f"The environment could not be made: the index {address or ''} does not answer, "
                "and uv's cache does not have all packages. Check the network and the index."
            )
        reason = reason_of(output)
        package = failed_build(output)
        if package is not None:
            reason = (
                f"{package} could not be built from its source for Python {self._python.text}: "
                f"{last_of_build(output) or reason}"
            )
        raise EnvironmentBuildException(
            f"The environment could not be made: {reason}.{self._remedy(package)}"
        )

    def _remedy(self, package: str | None) -> str:
        if package is None and not lacks_wheel(self._uv.output):
            return ""
        return (
            " AMLFLOW_RELAX_PINS=1, or environment.python.relax = True, takes the nearest version "
            f"that has a wheel for Python {self._python.minor[0]}.{self._python.minor[1]}."
        )


def _freeze(site: Path) -> list[str]:
    """The installed packages, sorted, as ``pip freeze`` writes them."""
    return sorted(
        f"{distribution.name}=={distribution.version}"
        for distribution in distributions(path=[str(site)])
    )
