"""A data set of files: v1's ``azureml.data.file_dataset``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

from amlflow.core.data.consumption import DatasetConsumptionConfig
from amlflow.core.data.dataset import AbstractDataset
from amlflow.core.data.mount import MountContext
from amlflow.data.definition import FILE
from amlflow.data.storage import DataFile
from amlflow.exceptions import UserErrorException

INPUT = "input"
"""What names an input that the code does not name begin with."""


class FileDataset(AbstractDataset):
    """Files in datastores, on this machine or at web addresses.

    Source: ``azureml.data.FileDataset`` 1.61; names, parameters and shapes are v1's.
    """

    def _files(self) -> list[DataFile]:
        # `import azureml.core` does not wait for it.
        from amlflow.data.chosen_files import choose_files

        return choose_files(self._definition, super()._files())

    def to_path(self) -> list[str]:
        """The paths of the files in a download, each with a ``/`` in front."""
        return [f"/{file.name.lstrip('/')}" for file in self._files()]

    def download(
        self,
        target_path: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        ignore_not_found: bool = False,
    ) -> list[str]:
        """Write the files below a folder (default: a new temporary one); their paths are returned.

        Raises:
            UserErrorException: unless ``overwrite``, a file is there already.
            DatasetExecutionError: a file cannot be read.
        """
        # fsspec is loaded when data is moved.
        from amlflow.data.download import download_files

        return download_files(
            self._files(),
            to_folder(target_path),
            overwrite=overwrite,
            ignore_missing=ignore_not_found,
        )

    def mount(
        self, mount_point: str | os.PathLike[str] | None = None, **kwargs: Any
    ) -> MountContext:
        """The files as a folder to read, for ``with dataset.mount() as context``.

        Files of this machine are links, and others are copied. Write elsewhere: a link leads to
        the file itself.
        """
        return MountContext(self._files, mount_point)

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """The data set as an input that the script gets as a folder of links or copies."""
        return self._as_input().as_mount(path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """The data set as an input that the script gets as a folder of copies."""
        return self._as_input().as_download(path_on_compute)

    def _as_input(self) -> DatasetConsumptionConfig:
        return self.as_named_input(f"{INPUT}_{self._definition.id[:8]}")

    def as_hdfs(self) -> NoReturn:
        """Refused: scripts run on machines, and not on Spark."""
        raise UserErrorException("as_hdfs() is for Spark; as_mount() gives the script a folder.")

    def as_cache(self, datacache_store: Any) -> NoReturn:
        """Refused: caches are a service of Azure's."""
        raise UserErrorException(
            "as_cache() uses a cache that only Azure has; as_download() copies the files once."
        )

    def hydrate(self, datacache_store: Any, replica_count: int | None = None) -> NoReturn:
        """Refused: caches are a service of Azure's."""
        self.as_cache(datacache_store)


def to_folder(target_path: str | os.PathLike[str] | None) -> Path:
    """The folder to download to: a new temporary one if none is given."""
    if target_path is not None:
        return Path(target_path).expanduser()
    import tempfile  # one use

    return Path(tempfile.mkdtemp(prefix="amlflow-data-"))


AbstractDataset.kinds[FILE] = FileDataset
