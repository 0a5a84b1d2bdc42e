"""The pip and setuptools that a Python brings itself, for an environment that names neither.

v1 made environments with conda, where both always were. Scripts call pip, and packages of that time
import pkg_resources without naming setuptools. They are imported from the wheels in the Python's
folder ``ensurepip``, as ensurepip itself does: nothing is unpacked or downloaded.
"""

from __future__ import annotations

import os
from importlib.metadata import distributions
from pathlib import Path

DEBIAN = Path("/usr/share/python-wheels")
"""Where Debian keeps the wheels of its Pythons."""
NAMES = ("pip", "setuptools", "wheel")
_PTH = "amlflow_tools.pth"
"""After amlflow_room.pth in the alphabet, so that its folders come after amlflow's."""
_PIP = """#!/bin/sh
exec "$(dirname "$0")/python" -m pip "$@"
"""


def add_bundled(python: str, version: tuple[int, int], home: Path, site: Path) -> None:
    """Let an environment import what its Python brings, as far as it lacks it.

    Args:
        python: The interpreter, or one of a virtual environment of it.
        version: Its version.
        home: The environment.
        site: The folder of its packages.

    Raises:
        OSError: the files cannot be written.
    """
    installed = {distribution.metadata["Name"] for distribution in distributions(path=[str(site)])}
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
    """The newest wheel of each package that a Python brings, by its name."""
    major, minor = version
    library = Path(os.path.realpath(python)).parent.parent / "lib" / f"python{major}.{minor}"
    folders = [library / "ensurepip" / "_bundled"]
    if library.parent == Path("/usr/lib"):
        folders.append(DEBIAN)
    wheels = next(filter(None, (sorted(folder.glob("*.whl")) for folder in folders)), [])
    by_name = {wheel.name.partition("-")[0]: wheel for wheel in wheels}
    return {name: by_name[name] for name in NAMES if name in by_name}
