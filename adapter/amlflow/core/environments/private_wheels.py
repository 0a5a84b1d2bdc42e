"""v1's private pip wheels: wheels that a workspace keeps in its tracker.

For each name of a wheel, there is a run in the experiment of environments. The file's name in the
run contains the hash of its content, so an address always means the same wheel.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from amlflow.core.environments.registry import EXPERIMENT
from amlflow.environments.wheels import (
    check_wheel_name,
    digest_of,
    ensure_copy,
    parse_address,
    to_address,
)
from amlflow.exceptions import UserErrorException
from amlflow.own_runs import OwnRuns, to_run_id
from amlflow.spec import FileNotInRun, PropertyConflict, RunChange, RunNotFound, Tracker
from amlflow.working_folder import local_path

_DIGEST = "wheel"
"""The property with the hash of the first wheel that had the name."""


def add_wheel(tracker: Tracker, file_path: str | os.PathLike[str], *, exist_ok: bool) -> str:
    """Store a wheel in the tracker, and return its address.

    With ``exist_ok``, a second wheel with the same name and another content is stored beside the
    first.

    Raises:
        FileNotFoundError: the file does not exist.
        UserErrorException: it is not a wheel; or the tracker has a wheel of this name, and
            ``exist_ok`` is False.
    """
    path = local_path(file_path)
    if not path.is_file():
        raise FileNotFoundError(f"The wheel {str(path)!r} does not exist.")
    check_wheel_name(path.name)
    digest = digest_of(path)
    runs = OwnRuns(tracker, EXPERIMENT)
    run = runs.ensure(_run_id(path.name), name=path.name)
    if not exist_ok and _DIGEST in run.properties:
        raise _exists(path.name)
    tracker.put_files(run.id, {_file_name(digest, path.name): path}, replace=True)
    if _DIGEST not in run.properties:
        try:
            tracker.update_run(run.id, RunChange(properties={_DIGEST: digest}))
        except PropertyConflict as conflict:  # another process has just added the name
            if not exist_ok:
                raise _exists(path.name) from conflict
    return to_address(digest, path.name)


def with_local_wheels(tracker: Tracker, lines: Iterable[str]) -> tuple[str, ...]:
    """Replace addresses of the workspace's wheels in pip's lines by local paths.

    The wheels are downloaded.

    Raises:
        UserErrorException: the tracker does not have one of the wheels.
    """
    return tuple(_to_local(tracker, line) for line in lines)


def _to_local(tracker: Tracker, line: str) -> str:
    address = parse_address(line)
    if address is None:
        return line
    digest, name = address

    def fetch(path: Path) -> None:
        run = OwnRuns(tracker, EXPERIMENT).get(_run_id(name))
        try:
            if run is None:
                raise RunNotFound(_run_id(name))
            tracker.get_file(run.id, _file_name(digest, name), path)
        except (RunNotFound, FileNotInRun) as error:
            raise UserErrorException(
                f"The workspace does not have the wheel {line!r}: it was added to another "
                "workspace, or was deleted. Add it with "
                "Environment.add_private_pip_wheel(workspace, file)."
            ) from error

    return str(ensure_copy(digest, name, fetch))


def _exists(name: str) -> UserErrorException:
    return UserErrorException(
        f"The workspace has a wheel {name!r} already. Give your wheel another version, or pass "
        "exist_ok=True to add it beside the other."
    )


def _run_id(name: str) -> str:
    return to_run_id("wheel", name)


def _file_name(digest: str, name: str) -> str:
    return f"wheels/{digest}/{name}"
