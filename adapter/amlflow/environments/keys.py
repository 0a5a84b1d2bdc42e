"""Makes the key of an environment: it depends on the packages, the Python and the system."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from amlflow.environments.plan import Plan
from amlflow.environments.redaction import without_secrets
from amlflow.environments.requirement_lines import add_hashes, local_path_of, written_path_of
from amlflow.environments.uv import index_variables
from amlflow.environments.wheels import digest_of
from amlflow.spec import JOB_IMAGE

LENGTH = 32
"""How many hexadecimal digits a key has."""
LAYOUT = 2
"""The version of an environment's layout. From 2 on, it has pip and setuptools."""

_PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py")


class Python(Protocol):
    """The properties of a Python on which the installed packages depend."""

    @property
    def text(self) -> str:
        """The version, or a text in its place."""

    @property
    def build(self) -> str:
        """The implementation, machine and system; or the image that has the Python."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Takes the place of :class:`Python` when the Python is not on this machine."""

    text: str
    build: str


def key_of(
    plan: Plan,
    python: Python,
    environ: Mapping[str, str] = os.environ,
    *,
    relax: bool = False,
) -> str:
    """Make the key. It depends on the content of local files, and not on passwords of indexes.

    Raises:
        OSError: a local file cannot be read.
    """
    lines = plan.lines
    content = {
        "layout": LAYOUT,
        "python": [python.text, python.build],
        "requirements": [
            add_hashes(_with_content(line), sorted(plan.hashes.get(line, ())))
            for line in plan.requirements
        ],
        "editables": sorted(map(_with_project, lines.editables)),
        "only_conda": sorted(plan.only_conda),
        "constraints": sorted(lines.constraints),
        "index": lines.index,
        "extra_indexes": lines.extra_indexes,
        "links": lines.links,
        "no_index": lines.no_index,
        "prereleases": lines.prereleases,
        "options": sorted(lines.options),
        "relax": relax,
        "machine": index_variables(environ, names_index=lines.index is not None),
    }
    if JOB_IMAGE in environ:  # images and the node may have different Pythons of one version
        content["image"] = environ[JOB_IMAGE]
    if plan.before is not None:  # other keys are as they were before there was a date
        content["before"] = plan.before
    text = without_secrets(json.dumps(content, sort_keys=True))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def _with_content(line: str) -> str:
    """Return a requirement. If it is a local file or folder, a digest of its content is added."""
    path = local_path_of(line)
    if path is None:
        return line
    if path.is_dir():
        return f"{line} {_stamps_of(str(path))}"
    if not path.is_file():
        return line
    written = written_path_of(line)
    return f"{line.replace(written, path.name)} {digest_of(path)}"


def _with_project(editable: str) -> str:
    """Return a folder's path with a digest of the files that say how it is installed.

    Its code is not copied: a script imports it from the folder as it is.
    """
    files = (Path(editable.partition("[")[0], name) for name in _PROJECT_FILES)
    return " ".join([editable, *(digest_of(file) for file in files if file.is_file())])


def _stamps_of(folder: str) -> str:
    """Make a digest of the names, sizes and times of the files in a project's folder.

    Files that a build writes there do not count.
    """
    stamps = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_left_by_builds(name))
        for name in names:
            status = os.lstat(os.path.join(parent, name))
            stamps.append((os.path.join(parent, name), status.st_size, status.st_mtime_ns))
    return hashlib.sha256(repr(sorted(stamps)).encode()).hexdigest()


def _is_left_by_builds(name: str) -> bool:
    return name in ("__pycache__", "build", "dist") or name.startswith(".") or ".egg-info" in name
