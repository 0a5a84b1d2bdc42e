"""The environment of a submitted run: its definition and its packages."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlflow.environments.specification import OF_CONDA
from amlflow.exceptions import UserErrorException
from amlflow.spec import FileNotInRun, RunRecord, Tracker
from amlflow.tracker_data import Malformed, parse_file, to_object
from amlflow.tracker_notes import MAX_DEFINITION_FILE, parse_definition, parse_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlflow.core.scripts.environment import Environment
    from amlflow.tracker_data import T

MAX_PACKAGES = 10_000
_PACKAGE = re.compile(r"[A-Za-z0-9][^\x00-\x1f\x7f]{0,1023}")


def describe_environment(tracker: Tracker, record: RunRecord) -> dict[str, Any] | None:
    """Return a run's environment as its details show it; None if the run has none.

    Keys: name and version (None if it is not registered). If an environment was made for the
    script, also hash and packages. The packages are lines as ``pip freeze`` writes them. A conda
    package is a comment, such as ``# conda: gdal=3.8.0=h1_0``.
    """
    note = parse_environment(record)
    if note is None:
        return None
    description: dict[str, Any] = {"name": note.name, "version": note.version}
    if note.key is not None:
        from amlflow.jobs.job import PACKAGES_FILE  # only for a submitted run

        description["hash"] = note.key
        packages = _read_file(tracker, record.id, PACKAGES_FILE, _to_packages)
        description["packages"] = packages or []
    return description


def environment_of(tracker: Tracker, record: RunRecord) -> Environment:
    """Return the environment that a run was submitted with.

    The values of its environment variables are not kept.

    Raises:
        UserErrorException: the run was not submitted, or it has no definition.
    """
    from amlflow.core.scripts.environment import open_shared  # few scripts need it
    from amlflow.jobs.job import DEFINITION_FILE  # only for a submitted run

    definition = _read_file(
        tracker, record.id, DEFINITION_FILE, lambda text: to_object(text, MAX_DEFINITION_FILE)
    )
    if definition is None and parse_environment(record) is None:
        run_definition = parse_definition(record)
        settings = None if run_definition is None else run_definition.get("environment")
        definition = settings if isinstance(settings, dict) else None
    if definition is None:
        raise UserErrorException(
            f"Run {record.alias or record.id} has no environment: it was not submitted, or its "
            "agent has not stored the definition yet."
        )
    return open_shared(definition, record.id)


def _to_packages(text: str) -> list[str]:
    lines = [
        line
        for line in text.splitlines()
        if line and (line.startswith(OF_CONDA) or not line.startswith("#"))
    ]
    packages = [line.removeprefix(OF_CONDA) for line in lines]
    if len(lines) > MAX_PACKAGES or not all(map(_PACKAGE.fullmatch, packages)):
        raise Malformed(f"a list of at most {MAX_PACKAGES} packages, each on a line")
    return lines


def _read_file(tracker: Tracker, run_id: str, name: str, read: Callable[[str], T]) -> T | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        try:
            tracker.get_file(run_id, name, path)
        except FileNotInRun:
            return None
        return parse_file(run_id, name, path, read)
