"""Job arrays: similar works become one job of Slurm, with an element for each work.

The array's script contains the names of the works, and those variables that are not the same for
all works. Slurm keeps the script, gives it to each element, and only shows it to the user and to
the operators of the cluster. So the same user can find an element by its name from any machine, and
amlflow does not have to store anything else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import platformdirs
from amlflow.exceptions import ComputeTargetException
from amlflow.spec import ClusterWork

from amlflow_slurm.commands import run_command
from amlflow_slurm.kept import cluster_key
from amlflow_slurm.site import max_array_size

MAX_SCRIPT = 1 << 20
"""How many bytes an array's script may have. Slurm's own limit is 4 MB by default."""
NAME = re.compile(r"[0-9A-Za-z]{1,64}")
"""The form of a work's name."""
ARRAY_NAME = re.compile(r"[0-9a-f]{32}")
"""The form of an array's name."""
ELEMENT = re.compile(r"(\d{1,12})_(\d{1,9})")
"""The form of an element's id: the array's number, and the element's number in it."""
KEPT_S = 30 * 24 * 60 * 60.0
"""How long this machine keeps the names of an array. Slurm has them as long as the array."""
_FILE = "slurm-{cluster}-array-{array}.json"
_NAMES = "# names: "
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def split(works: Sequence[ClusterWork]) -> Iterator[list[ClusterWork]]:
    """Divide works into groups. Each group is one job of Slurm. The order does not change."""
    limit = None
    group: list[ClusterWork] = []
    own: set[str] = set()
    size = 0
    for work in works:
        if group and _is_alike(group[0], work):
            limit = max_array_size() if limit is None else limit
            # The script has the variables that are not the same for all, for each element.
            names = own | _differing(group[0], work)
            before = size if names == own else sum(_size(each, names) for each in group)
            grown = before + _size(work, names)
            if len(group) < limit and grown <= MAX_SCRIPT:
                group.append(work)
                own, size = names, grown
                continue
        if group:
            yield group
        group, own, size = [work], set(), _size(work, set())
    if group:
        yield group


def _differing(one: ClusterWork, other: ClusterWork) -> set[str]:
    return {name for name, value in other.environment.items() if value != one.environment[name]}


def _is_alike(one: ClusterWork, other: ClusterWork) -> bool:
    """Whether two works only differ in their names and in values of variables."""
    if _shape(one) != _shape(other):
        return False
    return all(_IDENTIFIER.fullmatch(name) for name in _differing(one, other))


def _shape(work: ClusterWork) -> ClusterWork:
    """Return the work without its name and the values of its variables."""
    names = dict.fromkeys(work.environment, "")
    return dataclasses.replace(work, name="", arguments=list(work.arguments), environment=names)


def _size(work: ClusterWork, names: set[str]) -> int:
    """Return how many bytes a work needs in a script at most, with its variables of these names.

    A quote becomes five characters.
    """
    values = (f"{name}{work.environment[name]}" for name in names)
    return 100 + len(work.name) + sum(len(text.encode()) + 4 * text.count("'") for text in values)


def name_of(works: Sequence[ClusterWork]) -> str:
    """Return the name of an array. It is a digest, so arrays of other works have other names."""
    return _digest([work.name for work in works])


def common_variables(works: Sequence[ClusterWork]) -> dict[str, str]:
    """Return the variables that have the same value in all works."""
    first, *others = (work.environment for work in works)
    return {
        name: value
        for name, value in first.items()
        if all(other[name] == value for other in others)
    }


def own_lines(works: Sequence[ClusterWork]) -> list[str]:
    """Write the lines of an array's script that give each element its own variables."""
    common = common_variables(works)
    lines = ["case $SLURM_ARRAY_TASK_ID in"]
    for number, work in enumerate(works):
        own = {name: value for name, value in work.environment.items() if name not in common}
        exports = [f"export {name}={shlex.quote(value)}" for name, value in own.items()]
        lines.append(f"{number}) {'; '.join(exports) or ':'} ;;")
    return [*lines, "esac"]


def names_line(works: Sequence[ClusterWork]) -> str:
    """Write the second line of an array's script: the names of its elements."""
    return f"{_NAMES}{' '.join(work.name for work in works)}"


def names_in(script: str) -> list[str]:
    """Read the names of the elements from an array's script. Empty for any other script."""
    lines = script.split("\n", 2)
    if len(lines) < 2 or not lines[1].startswith(_NAMES):
        return []
    names = lines[1].removeprefix(_NAMES).split(" ")
    return names if all(NAME.fullmatch(name) for name in names) else []


class ElementNames:
    """The names of elements by their ids. They do not change, so they are kept on this machine."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], list[str]] = {}

    def name_of(self, array_name: str, element_id: str) -> str | None:
        """Return an element's name. None if the array is not amlflow's or Slurm has forgotten it.

        Raises:
            Unavailable: Slurm does not answer.
        """
        element = ELEMENT.fullmatch(element_id)
        if element is None or not ARRAY_NAME.fullmatch(array_name):
            return None
        names = self._of_array(array_name, element[1])
        number = int(element[2])
        return names[number] if number < len(names) else None

    def _of_array(self, array_name: str, array_id: str) -> list[str]:
        key = array_name, array_id
        if key not in self._names:
            self._names[key] = _read(array_name) or _ask(array_name, array_id)
        return self._names[key]


def keep_names(works: Sequence[ClusterWork]) -> None:
    """Keep the names of an array's elements on this machine."""
    _keep(name_of(works), [work.name for work in works])


def _keep(array_name: str, names: Sequence[str]) -> None:
    path = _path_of(array_name)
    for old in path.parent.glob(_FILE.format(cluster="*", array="*")):
        with contextlib.suppress(OSError):  # another process does the same
            if time.time() - old.stat().st_mtime > KEPT_S:
                old.unlink()
    with contextlib.suppress(OSError):  # such as a full home folder: Slurm has the names, too
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(json.dumps(list(names)), encoding="utf-8")


def _read(array_name: str) -> list[str]:
    try:
        names = json.loads(_path_of(array_name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    is_whole = isinstance(names, list) and all(isinstance(name, str) for name in names)
    # The array's name is a digest of the names of its elements.
    return names if is_whole and _digest(names) == array_name else []


def _ask(array_name: str, array_id: str) -> list[str]:
    try:
        names = names_in(run_command(["scontrol", "write", "batch_script", array_id, "-"]))
    except ComputeTargetException:  # Slurm has forgotten the array in the meantime
        return []
    if _digest(names) != array_name:
        return []
    _keep(array_name, names)
    return names


def _path_of(array_name: str) -> Path:
    name = _FILE.format(cluster=cluster_key(), array=array_name)
    return platformdirs.user_cache_path("amlflow") / name


def _digest(names: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(names).encode()).hexdigest()[:32]
