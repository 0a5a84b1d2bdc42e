"""The room: a folder that gives amlflow and the packages it needs to a script's Python.

The folder has links to amlflow and to these packages of this process's Python. It comes after the
script's own packages, so the script's versions win. The script cannot import other packages of this
Python. The tracker's client is not in the room: its calls go to the agent (:mod:`amlflow.relay`).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points
from pathlib import Path, PurePosixPath

import amlflow
from amlflow.environments.made_once import make_once
from amlflow.environments.pythons import OLDEST

NEEDED = (
    "filelock", "fsspec", "jmespath", "knack", "packaging", "pathspec", "platformdirs", "pluggy",
    "psutil", "pygments", "pyyaml", "ruamel.yaml", "argcomplete", "tabulate", "tenacity", "tqdm",
)  # fmt: skip
"""The packages that amlflow imports in a script. Those that are not installed are left out."""
_DROPIN = "amlflow_dropin"


def find_room(folder: Path, version: tuple[int, ...] = OLDEST) -> Path:
    """Return the room of this amlflow in a folder of rooms. Make it if there is none.

    If amlflow does not run on ``version`` of Python, the room has the client of
    :mod:`amlflow.old_pythons` instead.

    Raises:
        OSError: the room cannot be made.
    """
    package = Path(amlflow.__file__).parent
    is_old = version < OLDEST
    links = {"azureml": package / "old_pythons" / "client"} if is_old else dict(_links())
    text = "\n".join(f"{name} {target}" for name, target in sorted(links.items()))
    room = folder / hashlib.sha256(text.encode()).hexdigest()[:16]

    def fill(staging: Path) -> None:
        staging.mkdir()
        for name, target in links.items():
            (staging / name).symlink_to(target)
        if not is_old:
            (staging / f"{_DROPIN}.pth").write_text(f"{_DROPIN}\n", encoding="utf-8")

    return make_once(room, fill)


def _links() -> Iterator[tuple[str, Path]]:
    """Yield the names in the room and the paths that they link to."""
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
    # An installation has dropin/ in the package's folder, and a checkout has it beside that folder.
    for name in (_DROPIN, "dropin"):
        if (package.parent / name / "azureml").is_dir():
            yield _DROPIN, package.parent / name
            return


def _contents(installed: Distribution) -> Iterator[tuple[str, Path]]:
    """Yield the packages, modules and metadata of an installed distribution."""
    names = {
        PurePosixPath(file.as_posix()).parts[0]
        for file in installed.files or ()
        if not file.as_posix().startswith(("..", "/")) and file.suffix != ".pth"
    }
    for name in sorted(names - {"__pycache__"}):
        yield name, Path(str(installed.locate_file(name)))
