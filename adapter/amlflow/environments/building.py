"""Makes the environment of a definition: once, under a lock, whole or not at all."""

from __future__ import annotations

import contextlib
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
from amlflow.environments.satisfied import is_satisfied
from amlflow.environments.specification import Specification
from amlflow.environments.uv import Uv

ROOM = "AMLFLOW_ROOM"
"""The variable with the folders in which a script finds amlflow, after its own packages."""
_PTH = (
    "import os, site; list(map(site.addsitedir, "
    f"filter(None, os.environ.get({ROOM!r}, '').split(os.pathsep))))\n"
)
_LEGACY = "setuptools<81\ncython<3\n"
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
        """The environment variables that a script in it needs."""
        if not self.key:
            return {}
        return {ROOM: os.pathsep.join(_room()), "VIRTUAL_ENV": str(self.python.parent.parent)}


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
        folder = kept.make_folder()
        try:
            key = key_of(plan, python)
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
                    build = _Build(folder, key, plan, python, warnings, stream, cancelled)
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
        log: TextIO,
        cancelled: Callable[[], bool],
    ) -> None:
        self._folder, self._key, self._plan, self._python = folder, key, plan, python
        self._warnings, self._log = warnings, log
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
        requirements = self._path / "amlflow-requirements.txt"
        handle = os.open(requirements, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("\n".join(self._requirement_lines()) + "\n")
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
        constraints = self._path / "amlflow-build-constraints.txt"
        constraints.write_text(_LEGACY, encoding="utf-8")
        code = self._run_install(requirements, "--build-constraints", str(constraints))
        constraints.unlink()
        if code != 0 and not failed_build(self._uv.output):
            self._uv.output = output
        return code == 0

    def _run_install(self, requirements: Path, *more: str, offline: bool = False) -> int:
        lines = self._plan.lines
        options = list(more)
        if lines.extra_indexes or lines.index:
            # As pip: the best version of all indexes, not the first index that has the name.
            options += ["--index-strategy", "unsafe-best-match"]
        if lines.prereleases:
            options += ["--prerelease", "allow"]
        for host in lines.trusted_hosts:
            options += ["--allow-insecure-host", host]
        return self._uv.run(
            "pip", "install", "--python", self._path / "bin" / "python", "--no-config",
            "--requirements", requirements, *options, offline=offline,
        )  # fmt: skip

    def _requirement_lines(self) -> list[str]:
        """The requirements file, which holds what no argument of a process may show."""
        lines = self._plan.lines
        return [
            *([f"--index-url {lines.index}"] if lines.index else []),
            *(f"--extra-index-url {address}" for address in lines.extra_indexes),
            *(f"--find-links {address}" for address in lines.links),
            *(["--no-index"] if lines.no_index else []),
            *lines.options,
            *self._plan.requirements,
            *(f"-e {path}" for path in lines.editables),
        ]

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


def _room() -> list[str]:
    """The folders with amlflow and what it needs, which a script sees after its own packages."""
    import site  # of the interpreter that amlflow runs on

    return site.getsitepackages()
