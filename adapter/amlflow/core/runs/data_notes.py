"""A run's notes about the data that it reads and writes, and the data that its script gets.

The key of a note contains the data set's id, so the tracker finds the runs that read a data set.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from amlflow.core.data.entry import Dataset
from amlflow.core.store import WorkspaceBase
from amlflow.data.notes import INPUT, OUTPUT, UsedData, parse_used
from amlflow.data.script_data import DIRECT, INPUTS_VARIABLE, OUTPUTS_VARIABLE
from amlflow.exceptions import UserErrorException
from amlflow.spec import DataInput, RunRecord
from amlflow.tracker_notes import parse_notes


def input_notes(used: Sequence[DataInput]) -> dict[str, str]:
    """Return the notes of a run for the data sets that its script reads."""
    notes: dict[str, list[dict[str, Any]]] = {}
    for item in used:
        content = {
            "name": item.name,
            "version": item.version,
            "input": item.input_name,
            "mode": item.mode,
        }
        notes.setdefault(f"{INPUT}{item.id}", []).append(content)
    return {key: json.dumps(items) for key, items in notes.items()}


def inputs_of(record: RunRecord) -> list[dict[str, Any]]:
    """Return v1's ``inputDatasets``: one dict for each data set that the run reads."""
    return [
        {
            "dataset": {"id": dataset_id, "name": item.name, "version": item.version},
            "consumptionDetails": {
                "type": "RunInput",
                "inputName": item.label,
                "mechanism": item.mode,
            },
        }
        for dataset_id, item in _parse_uses(record, INPUT)
    ]


def outputs_of(record: RunRecord) -> list[dict[str, Any]]:
    """Return v1's ``outputDatasets``: one dict for each data set that the run has written."""
    return [
        {
            "dataset": {"id": dataset_id, "name": item.name, "version": item.version},
            "outputType": "RunOutput",
            "outputDetails": {"outputName": item.label},
        }
        for dataset_id, item in _parse_uses(record, OUTPUT)
    ]


def _parse_uses(record: RunRecord, prefix: str) -> Iterator[tuple[str, UsedData]]:
    for dataset_id, items in parse_notes(record, prefix, parse_used):
        for item in items:
            yield dataset_id, item


class InputDatasets(Mapping[str, Any]):
    """``run.input_datasets``: maps a name to the path of the data, or to the data set itself.

    Source: ``azureml.core.run.InputDatasets`` 1.61.
    """

    def __init__(self, workspace: WorkspaceBase) -> None:
        self._workspace = workspace
        self._content = _read_variable(INPUTS_VARIABLE)

    def __getitem__(self, name: str) -> Any:
        if name not in self._content:
            raise UnknownInput(
                f"The run has no input {name!r}; it has {sorted(self._content)}. Pass "
                f"dataset.as_named_input({name!r}) in the arguments of ScriptRunConfig."
            )
        item = self._content[name]
        if item["mode"] == DIRECT:
            return Dataset.get_by_id(self._workspace, item["value"])
        return item["value"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    def __repr__(self) -> str:
        return repr({name: item["value"] for name, item in self._content.items()})


class UnknownInput(UserErrorException, KeyError):
    """The run has no input of this name. Also a KeyError, as for any dict."""


def output_paths() -> dict[str, str]:
    """Return ``run.output_datasets``: the folder of each output, by name."""
    return {name: str(path) for name, path in _read_variable(OUTPUTS_VARIABLE).items()}


def _read_variable(name: str) -> dict[str, Any]:
    """Return the content of a variable that the agent has set; empty if the agent set none."""
    content = json.loads(os.environ.get(name) or "{}")
    return dict(content) if isinstance(content, dict) else {}
