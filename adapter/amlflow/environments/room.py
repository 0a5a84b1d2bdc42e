"""The room: amlflow and the few packages that it needs in a script, for a Python without them.

It is a folder of links to what is installed beside amlflow here, and comes after the script's own
packages: what the script asks for itself wins, and nothing else of this Python can be seen. The
tracker's client is not in it: its calls go to the agent (:mod:`amlflow.relay`).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import uuid
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points
from pathlib import Path, PurePosixPath

import amlflow
from amlflow.environments.pythons import OLDEST

ROOM = "AMLFLOW_ROOM"
"""The variable with the folder in which a script finds amlflow, after its own packages."""
NEEDED = (
    "filelock", "fsspec", "jmespath", "knack", "packaging", "pathspec", "platformdirs", "pluggy",
    "psutil", "pygments", "pyyaml", "ruamel.yaml", "argcomplete", "tabulate", "tenacity", "tqdm",
)  # fmt: skip
"""The packages that amlflow imports in a script, as far as they are installed."""
_DROPIN = "amlflow_dropin"


def find_room(folder: Path, version: tuple[int, ...] = OLDEST) -> Path:
    """The room of this amlflow in a folder of rooms, which is made if it is not there.

    For a ``version`` of Python that amlflow does not run on, it has the client for such scripts.

    Raises:
        OSError: it cannot be made.
    """
    package = Path(amlflow.__file__).parent
    is_old = version < OLDEST
    links = {"azureml": package / "old_pythons" / "client"} if is_old else dict(_links())
    text = "\n".join(f"{name} {target}" for name, target in sorted(links.items()))
    room = folder / hashlib.sha256(text.encode()).hexdigest()[:16]
    if room.is_dir():
        return room
    staging = folder / f".{room.name}.{uuid.uuid4().hex}"
    staging.mkdir(parents=True)
    try:
        for name, target in links.items():
            (staging / name).symlink_to(target)
        if not is_old:
            (staging / f"{_DROPIN}.pth").write_text(f"{_DROPIN}\n", encoding="utf-8")
        with contextlib.suppress(OSError):  # another process has just made it
            os.rename(staging, room)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return room


def _links() -> Iterator[tuple[str, Path]]:
    """Names in the room, and where they lead to."""
    for name in NEEDED:
        with contextlib.suppress(PackageNotFoundError):
            yield from _contents(distribution(name))
    installed = distribution("amlflow")
    for name, path in _contents(installed):
        if name.endswith(".dist-info"):
            yield name, path
    package = Path(amlflow.__file__).parent
    yield "amlflow", package
    for plugin in entry_points(group="amlflow"):
        specification = importlib.util.find_spec(plugin.value)
        if plugin.dist is not None and plugin.dist.name == "amlflow" and specification:
            for folder in specification.submodule_search_locations or ():
                yield plugin.value, Path(folder)
    # In an installation the folder carries amlflow's name; in a checkout it is beside the package.
    for name in (_DROPIN, "dropin"):
        if (package.parent / name / "azureml").is_dir():
            yield _DROPIN, package.parent / name
            return


def _contents(installed: Distribution) -> Iterator[tuple[str, Path]]:
    """What a distribution has put beside the others: its packages, modules and metadata."""
    names = {
        PurePosixPath(file.as_posix()).parts[0]
        for file in installed.files or ()
        if not file.as_posix().startswith(("..", "/")) and file.suffix != ".pth"
    }
    for name in sorted(names - {"__pycache__"}):
        yield name, Path(str(installed.locate_file(name)))
