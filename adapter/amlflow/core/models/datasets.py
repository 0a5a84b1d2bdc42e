"""The data sets of a model. The model's notes have their ids, by which they are opened again."""

from __future__ import annotations

import logging
from typing import Any

from amlflow.core.data.dataset import AbstractDataset, save
from amlflow.core.data.entry import Dataset
from amlflow.core.store import WorkspaceBase
from amlflow.exceptions import UserErrorException, WebserviceException

logger = logging.getLogger("amlflow")


def dataset_id(workspace: WorkspaceBase, dataset: Any) -> str:
    """Return the id of a data set. A data set that is not registered is saved first.

    Raises:
        WebserviceException: ``dataset`` is not a data set.
    """
    if isinstance(dataset, AbstractDataset):
        return save(dataset, workspace)
    identity = getattr(dataset, "id", None)
    if not isinstance(identity, str):
        raise WebserviceException(
            f"Invalid dataset of type {type(dataset).__name__} passed, must be of type "
            "TabularDataset or FileDataset."
        )
    return identity


def open_noted(workspace: WorkspaceBase, model: str, identity: str | None) -> Any:
    """Open the data set with the id of a note. If it does not exist, log that and return None."""
    if identity is None:
        return None
    try:
        return Dataset.get_by_id(workspace, identity)
    except UserErrorException as error:
        logger.warning("A data set of model %s is left out: %s", model, error.message)
        return None
