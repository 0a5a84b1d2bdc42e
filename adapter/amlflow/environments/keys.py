"""The key of an environment: the same for the same packages on the same Python and system."""

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
from amlflow.environments.uv import index_variables
from amlflow.environments.wheels import digest_of

LENGTH = 32
"""Hexadecimal digits of a key."""
LAYOUT = 2
"""What an environment has beside its packages; 2 has pip and setuptools."""


class Python(Protocol):
    """What of a Python decides which packages are installed for it."""

    @property
    def text(self) -> str:
        """Its version, or what stands for it."""

    @property
    def build(self) -> str:
        """The implementation, the machine and the system, or the image that it is in."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands for a Python where there is none on this machine; see :class:`Python`."""

    text: str
    build: str


def key_of(
    plan: Plan,
    python: Python,
    environ: Mapping[str, str] = os.environ,
    *,
    relax: bool = False,
) -> str:
    """The key; passwords of indexes are not part of it, and local files are by their content.

    Raises:
        OSError: a local file cannot be read.
    """
    lines = plan.lines
    content = {
        "layout": LAYOUT,
        "python": [python.text, python.build],
        "requirements": [_with_content(line) for line in plan.requirements],
        "editables": sorted(lines.editables),
        "only_conda": sorted(plan.only_conda),
        "constraints": sorted(lines.constraints),
        "index": lines.index,
        "extra_indexes": lines.extra_indexes,
        "links": lines.links,
        "no_index": lines.no_index,
        "prereleases": lines.prereleases,
        "options": sorted(lines.options),
        "relax": relax,
        "machine": index_variables(environ),
    }
    text = without_secrets(json.dumps(content, sort_keys=True))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def _with_content(line: str) -> str:
    """A requirement; to that of a local file or folder, what tells its content is added."""
    path = line.rpartition(" @ ")[2].removeprefix("file://").partition("[")[0].partition("#")[0]
    if not path.startswith("/"):
        return line
    if os.path.isdir(path):
        return f"{line} {_stamps_of(path)}"
    if not os.path.isfile(path):
        return line
    return f"{os.path.basename(path)} {digest_of(Path(path))}"


def _stamps_of(folder: str) -> str:
    """A digest of the names, sizes and times of the files in a project's folder.

    What a build leaves there itself does not count.
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
