"""Writes the data sets that a run reads to MLflow's tables."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence

from amlflow_mlflow.entities import InputDataset

_DATASET = "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?"
_ADD_DATASET = (
    "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type,"
    " dataset_source) VALUES (?, ?, ?, ?, ?, ?)"
)
_ADD_INPUT = (
    "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id)"
    " VALUES (?, 'DATASET', ?, 'RUN', ?) ON CONFLICT DO NOTHING"
)


def write(
    connection: sqlite3.Connection,
    experiment_id: int,
    run_id: str,
    datasets: Sequence[InputDataset],
) -> None:
    """Store data sets as inputs of a run.

    An experiment has only one data set with a name and digest. A run has it as an input only once.
    """
    for dataset in datasets:
        dataset_id = _ensure(connection, experiment_id, dataset)
        input_id = uuid.uuid4().hex
        if connection.execute(_ADD_INPUT, (input_id, dataset_id, run_id)).rowcount:
            connection.executemany(
                "INSERT INTO input_tags (input_uuid, name, value) VALUES (?, ?, ?)",
                [(input_id, key, value) for key, value in dataset.tags.items()],
            )


def _ensure(connection: sqlite3.Connection, experiment_id: int, dataset: InputDataset) -> str:
    """Return the id of a data set. Adds it if the experiment does not have it."""
    key = (experiment_id, dataset.name, dataset.digest)
    row = connection.execute(_DATASET, key).fetchone()
    if row is not None:
        return str(row[0])
    dataset_id = uuid.uuid4().hex
    values = (dataset_id, *key, dataset.source_type, dataset.source)
    connection.execute(_ADD_DATASET, values)
    return dataset_id
