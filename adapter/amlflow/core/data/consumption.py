"""A data set as an input of a script: v1's ``azureml.data.dataset_consumption_config``."""

from __future__ import annotations

import re
from typing import Any

from amlflow.core.data.bases import DatasetBase, ScriptArgument
from amlflow.core.data.datapath import DIRECT, DOWNLOAD, MOUNT
from amlflow.exceptions import UserErrorException

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def check_input_name(name: Any, what: str) -> str:
    """Return the name of an input or output. It must also be valid for an environment variable.

    ``what`` names the thing in the message, such as "input".

    Raises:
        UserErrorException: the name is not valid.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserErrorException(
            f"{name!r} is not a valid name for an {what}: use letters, digits and '_' only, and do "
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
                f"{mode!r} is not a mode of an input: use {DIRECT!r}, {MOUNT!r} or {DOWNLOAD!r}."
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
        """Give the script a folder: links to files of this machine, and copies of other files."""
        return DatasetConsumptionConfig(self.name, self.dataset, MOUNT, path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Give the script a folder with copies of the files."""
        return DatasetConsumptionConfig(self.name, self.dataset, DOWNLOAD, path_on_compute)

    def __str__(self) -> str:
        return f"{type(self).__name__}:{self.name}"

    def as_hdfs(self) -> DatasetConsumptionConfig:
        """Raise UserErrorException: amlflow does not run scripts on Spark."""
        raise UserErrorException("as_hdfs() is for Spark. as_mount() gives the script a folder.")
