"""v1's ``azureml.core.Dataset``: the class that code makes and finds data sets with."""

from __future__ import annotations

from typing import Any

from amlflow.core.data.dataset import AbstractDataset
from amlflow.core.data.factories import FileDatasetFactory, TabularDatasetFactory
from amlflow.core.data.old_factories import OldFactories
from amlflow.core.store import WorkspaceBase


class Dataset(OldFactories):
    """v1's ``azureml.core.Dataset``: creates and finds data sets."""

    Tabular = TabularDatasetFactory
    File = FileDatasetFactory

    class Scenario:
        """What a model's data set is for, as in ``Model.register(datasets=[(scenario, data)])``."""

        TRAINING = "training"
        VALIDATION = "validation"
        INFERENCING = "inferencing"

    @staticmethod
    def get_by_name(
        workspace: WorkspaceBase, name: str, version: int | str = "latest", **kwargs: Any
    ) -> Any:
        """A registered data set; see :meth:`AbstractDataset.get_by_name`."""
        return AbstractDataset.get_by_name(workspace, name, version)

    @staticmethod
    def get_by_id(workspace: WorkspaceBase, id: str, **kwargs: Any) -> Any:
        """The data set with this id; see :meth:`AbstractDataset.get_by_id`."""
        return AbstractDataset.get_by_id(workspace, id)

    @staticmethod
    def get_all(workspace: WorkspaceBase) -> Any:
        """All registered data sets by name."""
        return AbstractDataset.get_all(workspace)

    @staticmethod
    def get(workspace: WorkspaceBase, name: str | None = None, id: str | None = None) -> Any:
        """v1's deprecated name for :meth:`get_by_name` and :meth:`get_by_id`."""
        if name is not None:
            return AbstractDataset.get_by_name(workspace, name)
        return AbstractDataset.get_by_id(workspace, str(id))

    @staticmethod
    def list(workspace: WorkspaceBase) -> Any:
        """v1's deprecated form of :meth:`get_all`, which returns a list."""
        return [*AbstractDataset.get_all(workspace).values()]
