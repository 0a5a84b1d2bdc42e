"""Adds the pip and setuptools that come with a Python to environments that name neither.

v1 made its environments with conda, which always installs both. So scripts call pip, and packages
of that time import pkg_resources without requiring setuptools. Here, both are imported from the
wheels in the Python's folder ``ensurepip``. Nothing is unpacked or downloaded.
"""

from __future__ import annotations

import os
from pathlib import Path

DEBIAN = Path("/usr/share/python-wheels")
"""Where Debian keeps the wheels of its Pythons."""
NAMES = ("pip", "setuptools", "wheel")
_PTH = "amlflow_tools.pth"
"""This name sorts after amlflow_room.pth, so that its folders come after those of amlflow."""
_PIP = """#!/bin/sh
exec "$(dirname "$0")/python" -m pip "$@"
"""


def add_bundled(python: str, version: tuple[int, int], home: Path, site: Path) -> None:
    """Let an environment import its Python's own pip and setuptools, if it does not have them.

    Args:
        python: The path of the interpreter, or of one in a virtual environment made from it.
        version: The interpreter's version.
        home: The folder of the environment.
        site: The folder of the environment's packages.

    Raises:
        OSError: the files cannot be written.
    """
    installed = {name.partition("-")[0].lower() for name in os.listdir(site)}
    wheels = {
        name: path for name, path in _find_wheels(python, version).items() if name not in installed
    }
    if not wheels:
        return
    (site / _PTH).write_text("".join(f"{path}\n" for path in wheels.values()), encoding="utf-8")
    if "pip" in wheels:
        for name in ("pip", "pip3"):
            program = home / "bin" / name
            program.write_text(_PIP, encoding="utf-8")
            program.chmod(0o755)


def _find_wheels(python: str, version: tuple[int, int]) -> dict[str, Path]:
    """Return the newest wheel of each package in the Python's ``ensurepip``, by package name."""
    major, minor = version
    library = Path(os.path.realpath(python)).parent.parent / "lib" / f"python{major}.{minor}"
    folders = [library / "ensurepip" / "_bundled"]
    if library.parent == Path("/usr/lib"):
        folders.append(DEBIAN)
    wheels = next(filter(None, (sorted(folder.glob("*.whl")) for folder in folders)), [])
    by_name = {wheel.name.partition("-")[0]: wheel for wheel in wheels}
    return {name: by_name[name] for name in NAMES if name in by_name}
