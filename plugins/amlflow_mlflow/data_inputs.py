"""Writes the data sets that a run reads as MLflow's dataset inputs, which its page shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from amlflow.spec import DataInput

from amlflow_mlflow.entities import InputDataset
from amlflow_mlflow.store import Store

SOURCE_TYPE = "amlflow"
MAX_DIGEST = 36
"""How many characters of a digest MLflow keeps."""
MAX_SOURCE = 60_000


def show_inputs(store: Store, run_id: str, inputs: Sequence[DataInput]) -> None:
    """Do what :meth:`amlflow.spec.ShowsInputs.show_inputs` does."""
    if inputs:
        store.log_inputs(run_id, [_to_mlflow(item) for item in inputs])


def _to_mlflow(item: DataInput) -> InputDataset:
    """Turn an input into MLflow's, which has a name and a digest: of the id and the version."""
    source = json.dumps({"id": item.id, "version": item.version, "paths": list(item.sources)})
    digest = item.id if item.version is None else f"v{item.version}-{item.id[:8]}"
    if len(digest) > MAX_DIGEST:
        digest = hashlib.sha256(digest.encode()).hexdigest()[:MAX_DIGEST]
    return InputDataset(
        name=item.name or item.input_name,
        digest=digest,
        source_type=SOURCE_TYPE,
        source=source[:MAX_SOURCE],
        tags={"mlflow.data.context": item.input_name, "amlflow.mode": item.mode},
    )
