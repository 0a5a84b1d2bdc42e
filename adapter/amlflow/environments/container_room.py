"""Copies the room for a container, which cannot follow links to this machine's packages.

If the container's Python is too old for amlflow, its room has the client of
:mod:`amlflow.old_pythons`, and a copy of this machine's Python makes the calls in the container.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amlflow.environments.container_python import PROGRAM, find_copied_python
from amlflow.environments.made_once import let_all_read, make_once
from amlflow.environments.room import find_room

_UNFINISHED = "*.pyc.*"
"""Bytecode that a process is writing. The rest is copied, since containers cannot write theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRoom:
    """What gives amlflow to a container's Python.

    The script imports from ``path``. ``folders`` are all folders to mount. If the script's Python
    is too old, ``python`` is the program that makes its calls.
    """

    path: Path
    folders: list[Path]
    python: Path | None = None


def room_for_container(folder: Path, *, is_old: bool) -> ContainerRoom:
    """Return the room for a container's Python, in a folder of rooms. Make it if there is none.

    ``is_old`` says whether that Python is too old for amlflow.

    Raises:
        OSError: the room cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()  # a container has the folder by this path only
    room = find_copied_room(folder)
    if not is_old:
        return ContainerRoom(path=room, folders=[room])
    client, python = _find_client(folder, room), find_copied_python(folder)
    return ContainerRoom(path=client, folders=[room, client, python], python=python / PROGRAM)


def _find_client(folder: Path, room: Path) -> Path:
    """Return the folder from which an old Python imports the client in a copied room."""

    def fill(staging: Path) -> None:
        staging.mkdir()
        (staging / "azureml").symlink_to(room / "amlflow" / "old_pythons" / "client")

    return make_once(folder / f"{room.name}-client", fill)


def find_copied_room(folder: Path) -> Path:
    """Return a copy of this amlflow's room in a folder of rooms. Make it if there is none.

    Raises:
        OSError: the copy cannot be made.
    """
    room = find_room(folder)
    digest = hashlib.sha256("\n".join(_states(room)).encode()).hexdigest()[:16]

    def fill(staging: Path) -> None:
        shutil.copytree(room, staging, ignore=shutil.ignore_patterns(_UNFINISHED))
        let_all_read(staging, mode=0o644)  # any user of a container must read them

    return make_once(folder / f"{room.name}-{digest}", fill)


def _states(room: Path) -> Iterator[str]:
    """Yield texts that differ if a file of amlflow or another package's version differs."""
    for name in sorted(os.listdir(room)):
        yield name
        if name.startswith("amlflow") and not name.endswith(".dist-info"):
            for parent, folders, files in os.walk(room / name):
                folders.sort()
                for file in sorted(files):
                    if file.endswith(".py"):
                        path = os.path.join(parent, file)
                        status = os.stat(path)
                        yield f"{os.path.relpath(path, room)} {status.st_mtime_ns}"
