"""A folder of links or copies in place of v1's mounts, which need FUSE."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from amlflow.data.storage import DataFile
from amlflow.exceptions import UserErrorException


class MountContext:
    """The files of a data set in a folder, as long as the context lasts.

    Source: what ``FileDataset.mount()`` of azureml-core 1.61 returns.
    """

    def __init__(
        self,
        files: Callable[[], Sequence[DataFile]],
        mount_point: str | os.PathLike[str] | None = None,
    ) -> None:
        self._files = files
        self._own = mount_point is None
        self._folder = Path(mount_point) if mount_point is not None else None

    @property
    def mount_point(self) -> str:
        """The path of the folder."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="amlflow-mount-"))
        return str(self._folder.absolute())

    def start(self) -> None:
        """Fill the folder.

        Raises:
            UserErrorException: the folder has something in it.
            DatasetExecutionError: a file cannot be read.
        """
        # fsspec is loaded when data is moved.
        from amlflow.data.materialize import link_files

        folder = Path(self.mount_point)
        if folder.exists() and any(folder.iterdir()):
            raise UserErrorException(
                f"The mount point {str(folder)!r} is not an empty folder; choose another."
            )
        try:
            link_files(self._files(), folder)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Remove the folder; what the links lead to stays."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None if self._own else self._folder

    def __enter__(self) -> MountContext:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        exc_traceback: TracebackType | None,
    ) -> None:
        self.stop()
