"""Copies this process's Python for containers whose own Python is too old for amlflow.

The copy has its own loader and libraries, so it runs with any C library that the image has, such as
an older one or musl. It needs the same system and machine::

    python           runs the interpreter; this is a shell script
    bin/  lib/       the interpreter and its standard library
    libraries/       the loader and the shared libraries
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from amlflow.environments.made_once import let_all_read, make_once

PROGRAM = "python"
_LEFT_OUT = (
    "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "site-packages",
    "dist-packages", "config-*", "_tkinter*", "*.opt-?.pyc",
)  # fmt: skip
_LIBRARY = re.compile(r"^\s*(?:\S+ => )?(/\S+) \(0x", re.MULTILINE)
_LOADER = re.compile(r"/ld-[^/]+$")
_LOOK_TIMEOUT_S = 20
_SCRIPT = """#!/bin/sh
here=$(dirname "$0")
exec "$here/libraries/{loader}" --library-path "$here/libraries" "$here/bin/{python}" "$@"
"""


def runs_on(machine: str) -> bool:
    """Whether a copy of this Python runs in an image for a machine, such as ``x86_64``."""
    return (
        sys.platform == "linux"
        and platform.machine() == machine
        and platform.libc_ver()[0] == "glibc"
    )


def find_copied_python(folder: Path) -> Path:
    """Return the folder with a copy of this Python, in a folder of rooms. Make it if there is none.

    Raises:
        OSError: the copy cannot be made.
    """
    interpreter = _interpreter()
    status = interpreter.stat()
    text = f"{interpreter} {sys.version} {status.st_size} {status.st_mtime_ns}"

    def fill(staging: Path) -> None:
        _copy(interpreter, staging)
        let_all_read(staging, mode=0o444)  # any user of a container must read them

    return make_once(folder / f"python-{hashlib.sha256(text.encode()).hexdigest()[:16]}", fill)


def _interpreter() -> Path:
    """The interpreter itself, also if this process runs in a virtual environment."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))


def _copy(interpreter: Path, target: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = target / "lib" / version
    shutil.copytree(
        sysconfig.get_path("stdlib"), library, ignore=shutil.ignore_patterns(*_LEFT_OUT)
    )
    (target / "bin").mkdir()
    shutil.copy2(interpreter, target / "bin" / version)
    libraries = target / "libraries"
    libraries.mkdir()
    loader = ""
    for path in _libraries_of(interpreter, (library / "lib-dynload").glob("*.so")):
        shutil.copy2(path, libraries / path.name)
        if _LOADER.search(str(path)):
            loader = path.name
    script = target / PROGRAM
    script.write_text(_SCRIPT.format(loader=loader, python=version), encoding="utf-8")
    script.chmod(0o755)


def _libraries_of(interpreter: Path, modules: Iterable[Path]) -> Iterator[Path]:
    """Yield the loader and the shared libraries of an interpreter and of its modules.

    Raises:
        OSError: the system's loader does not list them.
    """
    seen = set(_trace([str(interpreter)]))
    loaders = [path for path in seen if _LOADER.search(path)]
    if not loaders:
        raise OSError(f"The libraries of {str(interpreter)!r} could not be listed")
    for module in modules:
        # A module whose own libraries are not there cannot be imported here either.
        seen.update(_trace([loaders[0], "--list", str(module)]))
    yield from map(Path, sorted(seen))


def _trace(command: list[str]) -> list[str]:
    """Return the paths that the loader prints instead of running a program."""
    output = subprocess.run(
        command, env={**os.environ, "LD_TRACE_LOADED_OBJECTS": "1"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace", timeout=_LOOK_TIMEOUT_S, check=False,
    ).stdout  # fmt: skip
    return _LIBRARY.findall(output)
