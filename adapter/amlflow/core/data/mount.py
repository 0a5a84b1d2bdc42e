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
from amlflow.working_folder import absolute_path


class MountContext:
    """A folder with the files of a data set, from :meth:`start` to :meth:`stop`.

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
        self._is_filled = False

    @property
    def mount_point(self) -> str:
        """The path of the folder."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="amlflow-mount-"))
        return str(absolute_path(self._folder))

    def start(self) -> None:
        """Put links to the files into the folder, or copies of files of other machines.

        Raises:
            UserErrorException: the folder is not empty.
            DatasetExecutionError: a file cannot be read. The folder is removed then.
        """
        # fsspec is loaded when data is moved.
        from amlflow.data.materialize import link_files

        folder = Path(self.mount_point)
        if folder.exists() and any(folder.iterdir()):
            raise UserErrorException(
                f"The mount point {str(folder)!r} is not an empty folder. Choose another."
            )
        self._is_filled = True
        try:
            link_files(self._files(), folder)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Remove the folder, unless :meth:`start` did not fill it. Files behind links stay."""
        if self._folder is not None and (self._own or self._is_filled):
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None if self._own else self._folder
        self._is_filled = False

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
