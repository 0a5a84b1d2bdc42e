"""A data set as an input of a script: v1's ``azureml.data.dataset_consumption_config``."""

from __future__ import annotations

import re
from typing import Any

from amlflow.core.data.bases import DatasetBase, ScriptArgument
from amlflow.core.data.datapath import DIRECT, DOWNLOAD, MOUNT
from amlflow.exceptions import UserErrorException

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def check_input_name(name: Any, what: str) -> str:
    """A name of an input or output, which an environment variable can have too."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserErrorException(
            f"{name!r} is not a name for an {what}: it has letters, digits and '_' only, and does "
            "not begin with a digit."
        )
    return name


class DatasetConsumptionConfig(ScriptArgument):
    """A data set, the name under which a script finds it, and how it gets there.

    Source: ``azureml.data.dataset_consumption_config`` 1.61. ``mode`` is "direct" (the script gets
    the data set), "mount" or "download" (the script gets a path).
    """

    def __init__(
        self,
        name: str,
        dataset: DatasetBase,
        mode: str = DIRECT,
        path_on_compute: str | None = None,
    ) -> None:
        if mode not in (DIRECT, MOUNT, DOWNLOAD):
            raise UserErrorException(
                f"{mode!r} is not a mode of an input; it is {DIRECT!r}, {MOUNT!r} or {DOWNLOAD!r}."
            )
        self._name = check_input_name(name, "input")
        self.dataset, self.mode, self.path_on_compute = dataset, mode, path_on_compute

    @property
    def name(self) -> str:
        """The name under which the script finds it."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = check_input_name(value, "input")

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """The same as a folder of links, or of copies where the data is elsewhere."""
        return DatasetConsumptionConfig(self.name, self.dataset, MOUNT, path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """The same as a folder of copies."""
        return DatasetConsumptionConfig(self.name, self.dataset, DOWNLOAD, path_on_compute)

    def __str__(self) -> str:
        return f"{type(self).__name__}:{self.name}"

    def as_hdfs(self) -> DatasetConsumptionConfig:
        """Refused: scripts run on machines, and not on Spark."""
        raise UserErrorException("as_hdfs() is for Spark; as_mount() gives the script a folder.")
