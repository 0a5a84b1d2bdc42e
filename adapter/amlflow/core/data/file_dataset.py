"""A data set of files: v1's ``azureml.data.file_dataset``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

from amlflow.core.absent.members import Absent
from amlflow.core.arguments import check_path
from amlflow.core.data.consumption import DatasetConsumptionConfig
from amlflow.core.data.dataset import AbstractDataset
from amlflow.core.data.mount import MountContext
from amlflow.data.definition import FILE
from amlflow.data.storage import DataFile
from amlflow.exceptions import UserErrorException

INPUT = "input"
"""The beginning of a generated name, for an input that the code does not name."""


class FileDataset(AbstractDataset):
    """Files in datastores, on this machine or at web addresses.

    Source: ``azureml.data.FileDataset`` 1.61; names, parameters and shapes are v1's.
    """

    file_metadata = Absent()
    filter = Absent()

    def _files(self, *, ignore_missing: bool = False) -> list[DataFile]:
        # Imported here, so that `import azureml.core` stays fast.
        from amlflow.data.chosen_files import choose_files

        return choose_files(self._definition, super()._files(ignore_missing=ignore_missing))

    def to_path(self) -> list[str]:
        """The paths that the files have in a download. Each begins with ``/``."""
        return [f"/{file.name.lstrip('/')}" for file in self._files()]

    def download(
        self,
        target_path: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        ignore_not_found: bool = False,
    ) -> list[str]:
        """Download the files into a folder, and return their local paths.

        The default folder is a new temporary one. With ``ignore_not_found``, a warning names a path
        that does not exist.

        Raises:
            UserErrorException: a local file exists already, and ``overwrite`` is False.
            DatasetExecutionError: a file cannot be read.
        """
        if target_path is not None:
            check_path(target_path, "The folder to download to", "dataset.download(target_path)")
        # fsspec is loaded when data is moved.
        from amlflow.data.download import download_files

        return download_files(
            self._files(ignore_missing=ignore_not_found),
            to_folder(target_path),
            overwrite=overwrite,
            ignore_missing=ignore_not_found,
        )

    def mount(
        self, mount_point: str | os.PathLike[str] | None = None, **kwargs: Any
    ) -> MountContext:
        """The files as a folder that you read, for ``with dataset.mount() as context``.

        The folder has links to files of this machine, and copies of other files. Do not write to
        it: you would change the file behind a link.
        """
        if mount_point is not None:
            check_path(mount_point, "The folder to mount at", "dataset.mount(mount_point)")
        return MountContext(self._files, mount_point)

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """The data set as an input: the script gets a folder with links to the files or copies."""
        return self._as_input().as_mount(path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """The data set as an input: the script gets a folder with copies of the files."""
        return self._as_input().as_download(path_on_compute)

    def _as_input(self) -> DatasetConsumptionConfig:
        return self.as_named_input(f"{INPUT}_{self._definition.id[:8]}")

    def as_hdfs(self) -> NoReturn:
        """Raise UserErrorException: amlflow does not run scripts on Spark."""
        raise UserErrorException("as_hdfs() is for Spark. as_mount() gives the script a folder.")

    def as_cache(self, datacache_store: Any) -> NoReturn:
        """Raise UserErrorException: caches are a service of Azure."""
        raise UserErrorException(
            "as_cache() uses a cache that only Azure has. as_download() copies the files once."
        )

    def hydrate(self, datacache_store: Any, replica_count: int | None = None) -> NoReturn:
        """Raise UserErrorException: caches are a service of Azure."""
        self.as_cache(datacache_store)


def to_folder(target_path: str | os.PathLike[str] | None) -> Path:
    """The folder to download to. The default is a new temporary folder."""
    if target_path is not None:
        return Path(target_path).expanduser()
    import tempfile  # only needed here, and not when azureml.core is imported

    return Path(tempfile.mkdtemp(prefix="amlflow-data-"))


AbstractDataset.kinds[FILE] = FileDataset
