"""The data of a submitted script, as its job stores it: the inputs and the outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amlflow.data.definition import Definition, parse_own_definition

DIRECT, MOUNT, DOWNLOAD, UPLOAD = "direct", "mount", "download", "upload"
INPUTS_VARIABLE = "AMLFLOW_INPUT_DATASETS"
"""The environment variable with a script's inputs: a JSON object with an entry for each name."""
OUTPUTS_VARIABLE = "AMLFLOW_OUTPUT_DATASETS"
DOLLAR = "AMLFLOW_DOLLAR"
"""The environment variable that stands for a dollar sign in the path of an input or output.

The variables in a script's arguments are replaced by their values. A path is not, since its names
may come from a datastore.
"""
OF_ONE_SCRIPT = frozenset({INPUTS_VARIABLE, OUTPUTS_VARIABLE, DOLLAR})
"""These variables are about one script. One that it submits may have inherited them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptInput:
    """Data that a script gets as a path, or, in the mode ``direct``, as the id of a data set.

    ``marker`` is an argument of the script. It is replaced by the path or id. ``variables`` are the
    environment variables that get the path or id, too. ``folder`` is the folder for the data, if
    the user has given one.
    """

    name: str
    mode: str
    definition: str
    marker: str
    id: str | None = None
    folder: str | None = None
    variables: Sequence[str] = ()

    def parse(self) -> Definition:
        """Return the definition of the data."""
        return parse_own_definition(self.definition)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptOutput:
    """A folder that a script writes, and its place in a datastore.

    ``registration`` has the name, description and tags of the data set that it becomes. ``kind``,
    ``format``, ``options`` and ``steps`` are those of the data set's definition.
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
    """All inputs and outputs of a script, and the addresses of the datastores."""

    stores: Mapping[str, str]
    inputs: Sequence[ScriptInput] = ()
    outputs: Sequence[ScriptOutput] = ()

    def to_content(self) -> dict[str, Any]:
        """Return the data as objects that JSON can hold."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_content(content: Mapping[str, Any]) -> ScriptData:
        """Return the data from the result of :meth:`to_content`."""
        return ScriptData(
            stores=content["stores"],
            inputs=[ScriptInput(**item) for item in content["inputs"]],
            outputs=[ScriptOutput(**item) for item in content["outputs"]],
        )
