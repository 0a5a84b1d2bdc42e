"""Paths in datastores: v1's ``azureml.data.datapath`` and ``azureml.data.data_reference``."""

from __future__ import annotations

import re
from typing import Any

from amlflow.core.arguments import InvalidValueError
from amlflow.core.data.bases import DatastoreBase, ScriptArgument
from amlflow.exceptions import UserErrorException

MOUNT, DOWNLOAD, UPLOAD, DIRECT = "mount", "download", "upload", "direct"


class DataPath:
    """A path in a datastore.

    Source: ``azureml.data.datapath.DataPath`` 1.61; names are v1's.

    Raises:
        ValueError: the datastore is missing. The error is also a UserErrorException.
    """

    def __init__(
        self,
        datastore: DatastoreBase | None = None,
        path_on_datastore: str | None = None,
        name: str | None = None,
    ) -> None:
        if not isinstance(datastore, DatastoreBase):
            raise InvalidValueError(
                f"A DataPath is in a datastore, and got the {type(datastore).__name__} "
                f"{datastore!r}. The call is DataPath(datastore, 'folder')."
            )
        self._datastore = datastore
        self._path = path_on_datastore
        self._name = name

    @property
    def datastore(self) -> DatastoreBase:
        return self._datastore

    @property
    def datastore_name(self) -> str:
        return self._datastore.name

    @property
    def path_on_datastore(self) -> str | None:
        return self._path

    def create_data_reference(
        self,
        data_reference_name: str | None = None,
        datapath_compute_binding: DataPathComputeBinding | None = None,
    ) -> DataReference:
        """The path as an argument of a script."""
        binding = datapath_compute_binding or DataPathComputeBinding()
        return binding.create_data_reference(data_reference_name or self._name, self)

    @staticmethod
    def create_from_data_reference(data_reference: DataReference) -> DataPath:
        """The path of a reference."""
        return DataPath(
            data_reference.datastore,
            data_reference.path_on_datastore,
            data_reference.data_reference_name,
        )


class DataPathComputeBinding:
    """How a path reaches a script (mode "mount" or "download"), or its output a path ("upload")."""

    def __init__(
        self, mode: str = MOUNT, path_on_compute: str | None = None, overwrite: bool = False
    ) -> None:
        self.mode, self.path_on_compute, self.overwrite = mode, path_on_compute, overwrite

    def create_data_reference(
        self, data_reference_name: str | None = None, datapath: DataPath | None = None
    ) -> DataReference:
        """A path as an argument of a script."""
        if datapath is None:
            raise UserErrorException("A DataReference needs a DataPath.")
        return DataReference(
            datapath.datastore,
            data_reference_name,
            datapath.path_on_datastore,
            self.mode,
            self.path_on_compute,
            self.overwrite,
        )

    @staticmethod
    def create_from_data_reference(data_reference: DataReference) -> DataPathComputeBinding:
        """The binding of a reference: its mode, its path on the compute target, and overwrite."""
        return DataPathComputeBinding(
            data_reference.mode, data_reference.path_on_compute, data_reference.overwrite
        )


class DataReference(ScriptArgument):
    """A path in a datastore as an argument of a script.

    Source: ``azureml.data.data_reference.DataReference`` 1.61; names are v1's. ``mode`` is
    "mount", "download" or "upload".
    """

    def __init__(
        self,
        datastore: DatastoreBase,
        data_reference_name: str | None = None,
        path_on_datastore: str | None = None,
        mode: str = MOUNT,
        path_on_compute: str | None = None,
        overwrite: bool = False,
    ) -> None:
        if mode not in (MOUNT, DOWNLOAD, UPLOAD):
            raise UserErrorException(
                f"{mode!r} is not a mode of a DataReference: use {MOUNT!r}, {DOWNLOAD!r} or "
                f"{UPLOAD!r}."
            )
        self.datastore = datastore
        self.data_reference_name = data_reference_name or _to_name(datastore.name)
        self.path_on_datastore = path_on_datastore
        self.mode, self.path_on_compute, self.overwrite = mode, path_on_compute, overwrite

    def path(
        self, path: str | None = None, data_reference_name: str | None = None
    ) -> DataReference:
        """A path below this one."""
        parts = [part.strip("/") for part in (self.path_on_datastore, path) if part]
        return self._with_changes(
            path_on_datastore="/".join(parts) or None,
            data_reference_name=data_reference_name or _to_name(parts[-1] if parts else ""),
        )

    def as_download(
        self, path_on_compute: str | None = None, overwrite: bool = False
    ) -> DataReference:
        """This reference with mode "download": the files are copied before the script starts."""
        return self._with_changes(
            mode=DOWNLOAD, path_on_compute=path_on_compute, overwrite=overwrite
        )

    def as_upload(
        self, path_on_compute: str | None = None, overwrite: bool = False
    ) -> DataReference:
        """This reference with mode "upload": the files are stored after the script has ended."""
        return self._with_changes(mode=UPLOAD, path_on_compute=path_on_compute, overwrite=overwrite)

    def as_mount(self) -> DataReference:
        """This reference with mode "mount"."""
        return self._with_changes(mode=MOUNT)

    def to_config(self) -> DataReference:
        """The reference itself, for ``run_config.data_references``."""
        return self

    def _with_changes(self, **changes: Any) -> DataReference:
        return DataReference(
            **{
                "datastore": self.datastore,
                "data_reference_name": self.data_reference_name,
                "path_on_datastore": self.path_on_datastore,
                "mode": self.mode,
                "path_on_compute": self.path_on_compute,
                "overwrite": self.overwrite,
                **changes,
            }
        )

    @staticmethod
    def create(
        data_reference_name: str | None = None,
        datapath: DataPath | None = None,
        datapath_compute_binding: DataPathComputeBinding | None = None,
    ) -> DataReference:
        """A reference to a path, with the mode of the binding."""
        binding = datapath_compute_binding or DataPathComputeBinding()
        return binding.create_data_reference(data_reference_name, datapath)

    def __str__(self) -> str:
        return f"$AZUREML_DATAREFERENCE_{self.data_reference_name}"

    def __repr__(self) -> str:
        return f"DataReference({self.datastore.name}, {self.path_on_datastore}, mode={self.mode})"


def _to_name(text: str) -> str:
    """Turn a text into a name that is valid for an environment variable."""
    return re.sub(r"\W", "_", text) or "data"
