"""The data that a ``.runconfig`` file names: v1's ``Data`` and ``DataReferenceConfiguration``.

Most code names data in the arguments of a ScriptRunConfig. With these classes, a run configuration
names it, too. They have only ids and names, so that a file can hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amlflow.core.arguments import check_class
from amlflow.core.data.bases import ScriptArgument
from amlflow.core.data.consumption import DatasetConsumptionConfig
from amlflow.core.data.datapath import DIRECT, MOUNT, DataReference
from amlflow.core.data.dataset import AbstractDataset
from amlflow.core.scripts.settings_file import (
    FLAG,
    TEXT,
    Row,
    Section,
    Type,
    read_fields,
    write_fields,
)
from amlflow.core.scripts.unknown_settings import Settings
from amlflow.exceptions import UserErrorException


class Dataset(Settings):
    """The id of a data set, or its name and version (default: the latest version).

    Source: ``azureml.core.runconfig.Dataset`` 1.61; names are v1's.
    """

    id: str | None
    name: str | None
    version: str | None

    def __init__(
        self,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        dataset_version: str | int | None = None,
    ) -> None:
        self.id, self.name = dataset_id, dataset_name
        self.version = None if dataset_version is None else str(dataset_version)


@dataclass
class DataLocation(Settings):
    """The place of the data: a data set. v1's paths and addresses are refused when used."""

    dataset: Dataset | None = None
    data_path: Any = None
    uri: Any = None


@dataclass
class Data(Settings):
    """An input of a script. ``mechanism`` is "direct", "mount" or "download".

    ``environment_variable_name`` is the variable that gets the path or the id (default: the input's
    name). ``overwrite`` and ``options`` are not used, because each run has a folder of its own.

    Source: ``azureml.core.runconfig.Data`` 1.61; names are v1's.
    """

    data_location: DataLocation | None = None
    create_output_directories: bool | None = None
    mechanism: str = DIRECT
    environment_variable_name: str | None = None
    path_on_compute: str | None = None
    overwrite: bool = False
    options: Any = None

    @staticmethod
    def create(data: DatasetConsumptionConfig) -> Data:
        """The input that ``dataset.as_named_input()`` returns, in a form that a file can hold.

        Raises:
            UserErrorException: ``data`` is another object, or its data set is not registered.
        """
        right = "Data.create(dataset.as_named_input('x'))"
        check_class(data, DatasetConsumptionConfig, "Data is made from an input", right)
        if not isinstance(data.dataset, AbstractDataset) or data.dataset.id is None:
            raise UserErrorException(
                f"{right}: the data set of the input {data.name!r} has no id, which a file could "
                "hold. Register it with dataset.register(workspace, name)."
            )
        dataset = data.dataset
        return Data(
            data_location=DataLocation(Dataset(dataset.id, dataset.name, dataset.version)),
            create_output_directories=False,
            mechanism=data.mode,
            environment_variable_name=data.name,
            path_on_compute=data.path_on_compute,
        )


@dataclass
class DataReferenceConfiguration(Settings):
    """A path in a datastore. The script gets it in the variable AZUREML_DATAREFERENCE_<name>.

    Source: ``azureml.core.runconfig.DataReferenceConfiguration`` 1.61; names are v1's.
    """

    datastore_name: str | None = None
    mode: str = MOUNT
    path_on_datastore: str | None = None
    path_on_compute: str | None = None
    overwrite: bool = False

    @property
    def data_store_name(self) -> str | None:
        """v1's other name of ``datastore_name``."""
        return self.datastore_name

    @data_store_name.setter
    def data_store_name(self, value: str | None) -> None:
        self.datastore_name = value

    @property
    def path_on_data_store(self) -> str | None:
        """v1's other name of ``path_on_datastore``."""
        return self.path_on_datastore

    @path_on_data_store.setter
    def path_on_data_store(self, value: str | None) -> None:
        self.path_on_datastore = value


@dataclass
class _LocationInFile(DataLocation):
    """A location with an object for each key of the file, so that a reader can set the keys."""

    dataset: Dataset | None = field(default_factory=Dataset)


_DATA: tuple[Row, ...] = (
    ("data_location.dataset.id", "dataLocation.dataset.id", TEXT),
    ("data_location.dataset.name", "dataLocation.dataset.name", TEXT),
    ("data_location.dataset.version", "dataLocation.dataset.version", TEXT),
    ("create_output_directories", "createOutputDirectories", FLAG),
    ("mechanism", "mechanism", TEXT),
    ("environment_variable_name", "environmentVariableName", TEXT),
    ("path_on_compute", "pathOnCompute", TEXT),
    ("overwrite", "overwrite", FLAG),
)
_REFERENCE: tuple[Row, ...] = (
    ("datastore_name", "dataStoreName", TEXT),
    ("mode", "mode", TEXT),
    ("path_on_datastore", "pathOnDataStore", TEXT),
    ("path_on_compute", "pathOnCompute", TEXT),
    ("overwrite", "overwrite", FLAG),
)


def dataset_of(name: str, data: Data) -> Dataset:
    """Return the data set that an entry of ``run_config.data`` names, by its id or its name.

    Raises:
        UserErrorException: the entry names no data set.
    """
    location = data.data_location or DataLocation()
    dataset = location.dataset
    others = [key for key in ("data_path", "uri") if getattr(location, key) is not None]
    if others and dataset is not None:
        raise UserErrorException(
            f"The DataLocation of run_config.data[{name!r}] has dataset and {' and '.join(others)}."
            " It must be one place: amlflow reads the data set, so leave out the other."
        )
    if dataset is None or not (dataset.id or dataset.name):
        raise UserErrorException(
            f"run_config.data[{name!r}] names no data set, and amlflow reads nothing else there. "
            "Use Data(DataLocation(dataset=Dataset(dataset_id=dataset.id))), or "
            f"run_config.data = {{{name!r}: dataset.as_named_input({name!r})}}."
        )
    return dataset


def _to_data(name: str, value: Any) -> Data:
    """Convert an entry of ``run_config.data`` to an object that a file can hold."""
    if isinstance(value, Data):
        dataset_of(name, value)
        return value
    if isinstance(value, DatasetConsumptionConfig):
        dataset_id = getattr(value.dataset, "id", None)
        if dataset_id is None:
            raise UserErrorException(
                f"run_config.data[{name!r}] cannot be saved to a .runconfig file, because its data "
                "set has no id yet. Register the data set first: dataset.register(workspace, name)."
            )
        return Data(
            DataLocation(Dataset(dataset_id)),
            mechanism=value.mode,
            path_on_compute=value.path_on_compute,
        )
    raise _unwritable("data", name)


def _to_reference(name: str, value: Any) -> DataReferenceConfiguration:
    """Convert an entry of ``run_config.data_references`` to an object that a file can hold."""
    if isinstance(value, DataReferenceConfiguration):
        return value
    if isinstance(value, DataReference):
        return DataReferenceConfiguration(
            value.datastore.name,
            value.mode,
            value.path_on_datastore,
            value.path_on_compute,
            value.overwrite,
        )
    raise _unwritable("data_references", name)


def _unwritable(setting: str, name: str) -> UserErrorException:
    return UserErrorException(
        f"run_config.{setting}[{name!r}] cannot be saved to a .runconfig file; pass the data in "
        "the arguments of ScriptRunConfig."
    )


def _read_data(content: Section, key: str) -> dict[str, Data]:
    entries = content.section(key)
    result = {}
    for name in entries.content:
        data = Data(_LocationInFile())
        read_fields(data, entries.section(name), _DATA)
        result[name] = data
    return result


def _read_references(content: Section, key: str) -> dict[str, DataReferenceConfiguration]:
    entries = content.section(key)
    result = {}
    for name in entries.content:
        reference = DataReferenceConfiguration()
        read_fields(reference, entries.section(name), _REFERENCE)
        result[name] = reference
    return result


def _write_data(entries: Mapping[str, Any]) -> dict[str, Any]:
    return {name: write_fields(_to_data(name, value), _DATA) for name, value in entries.items()}


def _write_references(entries: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: write_fields(_to_reference(name, value), _REFERENCE)
        for name, value in entries.items()
    }


DATA = Type(_read_data, _write_data)
REFERENCES = Type(_read_references, _write_references)
IN_ENTRIES: tuple[type, ...] = (ScriptArgument, Data, DataReferenceConfiguration)
"""The classes that an entry of a run configuration's data can have."""
