"""Stores those of v1's fields of a model that trackers do not have, as notes of a version.

MLflow's page shows a note as a tag, such as ``amlflow.framework``. Everybody who may edit a model
can change its notes, so they are parsed when they are read.
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
"""The id of the run, as users see it."""
EXPERIMENT = "experiment"
"""The name of the run's experiment."""
_RESOURCES = "resources"
_DATASET = "dataset_"
"""The prefix of notes of data sets. Each has its own note, so two processes can add one at once."""


def text_notes(**values: Any) -> dict[str, str]:
    """Make notes of texts. A value that is None is left out."""
    return {key: str(value) for key, value in values.items() if value is not None}


def read_text(model: ModelRecord, key: str) -> str | None:
    """Read a note that is a text; None if there is none."""
    return read_note(model_id(model), model.system, key, to_name)


def model_id(model: ModelRecord) -> str:
    """v1's id of a version: ``name:version``."""
    return f"{model.name}:{model.version}"


# resources


def resource_notes(resources: ResourceConfiguration | None) -> dict[str, str]:
    """Make a note of a resource configuration. Raises WebserviceException if it is not valid."""
    if resources is None:
        return {}
    if not isinstance(resources, ResourceConfiguration):
        raise WebserviceException(
            "resource_configuration must be a ResourceConfiguration, but is a "
            f"{type(resources).__name__}."
        )
    resources.check()
    return {_RESOURCES: json.dumps(resources.serialize())}


def read_resources(model: ModelRecord) -> ResourceConfiguration | None:
    """Read the resource configuration of a version; None if there is none."""
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
    """Make notes of v1's list of pairs (purpose, data set).

    ``get_id`` returns the id of a data set. Without it, the pairs must have ids in place of data
    sets.

    Raises:
        WebserviceException: it is not a list of such pairs.
    """
    if datasets is None:
        return {}
    pairs = list(datasets) if isinstance(datasets, Iterable) else [datasets]
    if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
        raise WebserviceException(
            "datasets must be a list of pairs of a text and a data set, such as "
            f"[('training', data)], but is {shorten(datasets)}."
        )
    notes = {}
    for scenario, dataset in pairs:
        text = json.dumps({"name": str(scenario), "id": get_id(dataset)})
        notes[f"{_DATASET}{hashlib.sha256(text.encode()).hexdigest()[:16]}"] = text
    return notes


def read_datasets(model: ModelRecord) -> list[dict[str, str]]:
    """Read the data sets of a version, with v1's keys: ``name`` is the purpose, ``id`` the id."""
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
