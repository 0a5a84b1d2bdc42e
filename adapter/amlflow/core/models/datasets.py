"""The data sets that a model refers to: noted by their ids, and opened again."""

from __future__ import annotations

import logging
from typing import Any

from amlflow.core.data.dataset import AbstractDataset, save
from amlflow.core.store import WorkspaceBase
from amlflow.exceptions import UserErrorException, WebserviceException

logger = logging.getLogger("amlflow")


def dataset_id(workspace: WorkspaceBase, dataset: Any) -> str:
    """The id by which a model notes a data set, which is saved if it is not registered.

    Raises:
        WebserviceException: it is not a data set.
    """
    if isinstance(dataset, AbstractDataset):
        return save(dataset, workspace)
    identity = getattr(dataset, "id", None)
    if not isinstance(identity, str):
        raise WebserviceException(
            f"Invalid dataset of type {type(dataset).__name__} passed, must be of type "
            "TabularDataset or FileDataset"
        )
    return identity


def open_noted(workspace: WorkspaceBase, model: str, identity: str | None) -> Any:
    """The data set of a noted id; None if it does not exist, which the log says."""
    if identity is None:
        return None
    try:
        return AbstractDataset.get_by_id(workspace, identity)
    except UserErrorException as error:
        logger.warning("A data set of model %s is left out: %s", model, error.message)
        return None
