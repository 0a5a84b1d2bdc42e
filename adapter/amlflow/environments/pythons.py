"""Finds the Python interpreters of this machine, and chooses one for a definition."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amlflow.environments.errors import EnvironmentBuildException

SETTING = "AMLFLOW_PYTHONS"
"""Names more interpreters, or folders with interpreters, in the form of ``PATH``."""
OLDEST = (3, 10)
"""The oldest Python on which amlflow runs."""
OLDEST_CLIENT = (3, 6)
"""The oldest Python on which a script can use amlflow; see :mod:`amlflow.old_pythons`."""
_LOOK_TIMEOUT_S = 20
_NAME = re.compile(r"python3?(?:\.(\d+))?")
_FOLDER_VERSION = re.compile(r"(?:^|-)3\.(\d+)(?:\.|-|$)")
_LOOK = (
    "import json,platform,struct,sys;"
    "print(json.dumps([list(sys.version_info[:3]),platform.python_implementation(),"
    "platform.machine(),sys.platform,struct.calcsize('P')*8,sys.prefix!=sys.base_prefix]))"
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python interpreter of this machine."""

    path: str
    version: tuple[int, int, int]
    build: str
    """The implementation, machine and system, on which the choice of wheels depends."""

    @property
    def minor(self) -> tuple[int, int]:
        """The version without its last number, such as ``(3, 11)``."""
        return self.version[:2]

    @property
    def text(self) -> str:
        """The version as a text, such as ``3.11.7``."""
        return ".".join(map(str, self.version))


def own_interpreter() -> Interpreter:
    """The Python of this process."""
    return look(sys.executable)


@functools.cache
def look(path: str) -> Interpreter:
    """Ask an interpreter for its version and build.

    Raises:
        EnvironmentBuildException: it does not exist, or is not a Python.
    """
    if path == sys.executable:
        import platform  # slow, and most runs need no environment

        build = [platform.python_implementation(), platform.machine(), sys.platform, _bits()]
        return Interpreter(path, sys.version_info[:3], " ".join(build))
    try:
        answer = subprocess.run(
            [path, "-I", "-S", "-c", _LOOK],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_LOOK_TIMEOUT_S, check=True,
        )  # fmt: skip
        version, implementation, machine, system, bits, _ = json.loads(answer.stdout)
        major, minor, patch = map(int, version)
    except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
        raise EnvironmentBuildException(
            f"{path!r} is not a Python interpreter, or does not start on this machine."
        ) from error
    return Interpreter(
        path, (major, minor, patch), f"{implementation} {machine} {system} {int(bits)}"
    )


def _bits() -> str:
    return "64" if sys.maxsize > 2**32 else "32"


def choose(version: str | None, interpreter: str | None = None) -> tuple[Interpreter, str | None]:
    """Choose the interpreter for a definition.

    Returns it, and a warning if it has another version than ``version`` (else None).

    Args:
        version: The version in conda's form. None means this process's Python.
        interpreter: The path of an interpreter, if the definition names one.

    Raises:
        EnvironmentBuildException: ``version`` is not a version, or ``interpreter`` does not start.
    """
    if interpreter is not None:
        path = shutil.which(os.path.expanduser(interpreter))
        if path is None:
            raise EnvironmentBuildException(
                f"The Python interpreter {interpreter!r} does not exist on this machine. Correct "
                "environment.python.interpreter_path."
            )
        return look(path), None
    own = own_interpreter()
    minors = minors_of(version)
    if not minors or own.minor[1] in minors:
        return own, None
    for minor in sorted(minors, reverse=True):
        if minor >= OLDEST_CLIENT[1] and (fitting := _first_of(minor)):
            return fitting, None
    nearest = _nearest(minors, own)
    setting = os.environ.get(SETTING)
    advice = (
        f"{SETTING} is {setting!r}, which has no nearer one."
        if setting
        else f"{SETTING} can name more interpreters."
    )
    return nearest, (
        f"The environment asks for Python {version}, but gets Python {nearest.text} "
        f"({nearest.path}), the nearest on this machine. {advice}"
    )


def minors_of(version: str | None) -> frozenset[int]:
    """Return the minor versions of Python 3 that a text in conda's form allows; empty for all.

    Raises:
        EnvironmentBuildException: the text is not a version of Python 3.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    # Imported here, since only a definition that names a Python needs it.
    from amlflow.environments.conda_packages import to_pip_version

    text = (version or "").strip()
    if not text:
        return frozenset()
    if text[0].isdigit():
        text = f"={text}"
    try:
        allowed = SpecifierSet(to_pip_version(text, f"python{text}"))
    except InvalidSpecifier as error:
        raise EnvironmentBuildException(
            f"{version!r} is not a version of Python. Write one as '3.10'."
        ) from error
    minors = frozenset(
        minor
        for minor in range(40)
        if any(allowed.contains(f"3.{minor}.{patch}") for patch in range(30))
    )
    if not minors:
        is_two = any(
            allowed.contains(f"2.{minor}.{patch}") for minor in range(8) for patch in range(19)
        )
        reason = "amlflow runs scripts on Python 3 only" if is_two else "no Python has this version"
        raise EnvironmentBuildException(
            f"The environment asks for Python {version}, but {reason}. Name one such as '3.10'."
        )
    return minors if len(minors) < 40 else frozenset()


def _nearest(minors: frozenset[int], own: Interpreter) -> Interpreter:
    """Return the interpreter with the nearest minor version. Of two equally near, the newer."""

    def distance(minor: int) -> tuple[int, int]:
        return min(abs(minor - other) for other in minors), -minor

    # If amlflow runs on the version, do not choose an older one on which it does not run.
    oldest = OLDEST if max(minors) >= OLDEST[1] else OLDEST_CLIENT
    usable = {minor for minor, _ in _candidates() if minor >= oldest[1]} | {own.minor[1]}
    for minor in sorted(usable, key=distance):
        if minor == own.minor[1]:
            return own
        if (fitting := _first_of(minor)) is not None:
            return fitting
    return own


def _first_of(minor: int) -> Interpreter | None:
    """Return the first interpreter of a minor version that starts, or None."""
    for expected, path in _candidates():
        if expected == minor:
            try:
                interpreter = look(path)
            except EnvironmentBuildException:  # such as a shim of a version that is not active
                continue
            if interpreter.minor == (3, minor):
                return interpreter
    return None


def _candidates() -> list[tuple[int, str]]:
    """List the minor versions and paths of possible interpreters.

    The version is taken from the file's name. Interpreters that the setting names come first.
    """
    pairs: dict[tuple[int, str], None] = {}
    for path in _paths():
        minor = _minor_of(path)
        if minor is not None:
            pairs[minor, str(path)] = None
    return list(pairs)


def _paths() -> Iterator[Path]:
    for entry in filter(None, os.environ.get(SETTING, "").split(os.pathsep)):
        path = Path(entry).expanduser()
        yield from _in_folder(path) if path.is_dir() else [path]
    for folder in os.get_exec_path():
        yield from _in_folder(Path(folder), versioned=True)
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    for base in (pyenv, _uv_pythons()):
        for installation in sorted(_list(base), reverse=True):
            yield from _in_folder(installation)


def _uv_pythons() -> Path:
    setting = os.environ.get("UV_PYTHON_INSTALL_DIR")
    if setting:
        return Path(setting)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path("~/.local/share").expanduser()) / "uv" / "python"


def _in_folder(folder: Path, versioned: bool = False) -> Iterator[Path]:
    """Yield the interpreters in a folder, or in its folder ``bin``."""
    for directory in (folder,) if versioned else (folder, folder / "bin"):
        for path in sorted(_list(directory)):
            match = _NAME.fullmatch(path.name)
            if match is not None and (match[1] or not versioned) and not path.is_dir():
                yield path


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _minor_of(path: Path) -> int | None:
    """Return an interpreter's minor version: from its path, or else by asking it."""
    match = _NAME.fullmatch(path.name)
    if match is not None and match[1]:
        return int(match[1])
    for part in reversed(path.parts[:-1]):
        folder = _FOLDER_VERSION.search(part)
        if folder is not None:
            return int(folder[1])
    try:
        interpreter = look(str(path))
    except EnvironmentBuildException:
        return None
    return interpreter.version[1] if interpreter.version[0] == 3 else None
