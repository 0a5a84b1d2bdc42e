"""v1's fields of a model that a tracker has no place for, as amlflow's notes of a version.

MLflow's page shows a note as a tag, such as ``amlflow.framework``. Everybody who may edit a model
can change them, so they are parsed when they are read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from amlflow.core.arguments import shorten
from amlflow.core.models.resource_configuration import ResourceConfiguration
from amlflow.exceptions import WebserviceException
from amlflow.spec import ModelRecord
from amlflow.tracker_data import Malformed, to_name, to_object
from amlflow.tracker_notes import read_note

FRAMEWORK = "framework"
FRAMEWORK_VERSION = "framework_version"
SAMPLE_INPUT = "sample_input"
SAMPLE_OUTPUT = "sample_output"
RUN = "run"
"""The run's id that users see."""
EXPERIMENT = "experiment"
"""The name of the run's experiment."""
_RESOURCES = "resources"
_DATASET = "dataset_"
"""Prefix of a note for each data set: two processes that add one do not lose the other's."""


def text_notes(**values: Any) -> dict[str, str]:
    """Notes that are texts; what is None is left out."""
    return {key: str(value) for key, value in values.items() if value is not None}


def read_text(model: ModelRecord, key: str) -> str | None:
    """A note that is a text."""
    return read_note(model_id(model), model.system, key, to_name)


def model_id(model: ModelRecord) -> str:
    """v1's id of a version."""
    return f"{model.name}:{model.version}"


# resources


def resource_notes(resources: ResourceConfiguration | None) -> dict[str, str]:
    """A resource configuration as a note. Raises WebserviceException for a wrong one."""
    if resources is None:
        return {}
    if not isinstance(resources, ResourceConfiguration):
        raise WebserviceException(
            "resource_configuration is a ResourceConfiguration, and is a "
            f"{type(resources).__name__}."
        )
    resources.check()
    return {_RESOURCES: json.dumps(resources.serialize())}


def read_resources(model: ModelRecord) -> ResourceConfiguration | None:
    """The resource configuration of a version."""
    return read_note(model_id(model), model.system, _RESOURCES, _to_resources)


def _to_resources(text: str) -> ResourceConfiguration:
    try:
        resources = ResourceConfiguration.deserialize(to_object(text))
        assert resources is not None  # noqa: S101  (an object is not None)
        resources.check()
    except WebserviceException as error:
        raise Malformed(error.message) from None
    return resources


# data sets


def dataset_notes(
    datasets: Any, get_id: Callable[[Any], str] = lambda dataset: str(dataset)
) -> dict[str, str]:
    """v1's list of pairs (what a data set was for, data set) as notes.

    ``get_id`` gives a data set's id; without it, the pairs have ids.

    Raises:
        WebserviceException: it is not such a list.
    """
    if datasets is None:
        return {}
    pairs = list(datasets) if isinstance(datasets, Iterable) else [datasets]
    if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
        raise WebserviceException(
            "datasets is a list of pairs of a text and a data set, such as [('training', data)], "
            f"and is {shorten(datasets)}."
        )
    notes = {}
    for scenario, dataset in pairs:
        text = json.dumps({"name": str(scenario), "id": get_id(dataset)})
        notes[f"{_DATASET}{hashlib.sha256(text.encode()).hexdigest()[:16]}"] = text
    return notes


def read_datasets(model: ModelRecord) -> list[dict[str, str]]:
    """What the data sets of a version were for, and their ids, by v1's keys ``name`` and ``id``."""
    entries = [
        read_note(model_id(model), model.system, key, _to_dataset)
        for key in sorted(model.system)
        if key.startswith(_DATASET)
    ]
    return [entry for entry in entries if entry is not None]


def dataset_ids(model: ModelRecord) -> list[str]:
    """The ids of the data sets of a version."""
    return [entry["id"] for entry in read_datasets(model)]


def _to_dataset(text: str) -> dict[str, str]:
    entry = to_object(text)
    name, identity = entry.get("name"), entry.get("id")
    if not isinstance(name, str) or not isinstance(identity, str):
        raise Malformed("an object with name and id (texts)")
    return {"name": to_name(name), "id": to_name(identity)}
