"""The data of a submitted script, as its job keeps it: what it gets, and what is kept of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amlflow.data.definition import Definition, parse_own_definition
from amlflow.exceptions import AzureMLException

DIRECT, MOUNT, DOWNLOAD, UPLOAD = "direct", "mount", "download", "upload"
INPUTS_VARIABLE = "AMLFLOW_INPUT_DATASETS"
"""The environment variable in which a script finds its inputs: JSON, by name."""
OUTPUTS_VARIABLE = "AMLFLOW_OUTPUT_DATASETS"


class ProvidingCanceled(AzureMLException):
    """The run was cancelled while its data was put in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptInput:
    """Data that a script gets: as a path, or (``direct``) as the id of a data set.

    ``marker`` is the argument of the script that its path or id takes the place of, and
    ``variables`` are the environment variables that get it, too. ``folder`` is where it is put, if
    the user says so.
    """

    name: str
    mode: str
    definition: str
    marker: str
    id: str | None = None
    folder: str | None = None
    variables: Sequence[str] = ()

    def parse(self) -> Definition:
        """What the data is."""
        return parse_own_definition(self.definition)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptOutput:
    """A folder that a script writes, and where it is kept.

    ``registration`` has name, description and tags of the data set that it becomes, and
    ``definition`` is that of the data set, with its source left open.
    """

    name: str
    mode: str
    store: str
    path: str
    marker: str
    folder: str | None = None
    overwrite: bool = False
    globs: Sequence[str] | None = None
    registration: Mapping[str, Any] | None = None
    kind: str = "file"
    format: str = "files"
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: Sequence[Sequence[Any]] = ()
    path_glob: str | None = None
    variables: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptData:
    """All data of a script, and the addresses of the datastores that it is in."""

    stores: Mapping[str, str]
    inputs: Sequence[ScriptInput] = ()
    outputs: Sequence[ScriptOutput] = ()

    def to_content(self) -> dict[str, Any]:
        """What JSON can hold."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_content(content: Mapping[str, Any]) -> ScriptData:
        """What :meth:`to_content` gave."""
        return ScriptData(
            stores=content["stores"],
            inputs=[ScriptInput(**item) for item in content["inputs"]],
            outputs=[ScriptOutput(**item) for item in content["outputs"]],
        )
