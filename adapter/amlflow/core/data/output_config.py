"""A folder that a script writes and that is kept: v1's ``azureml.data.output_dataset_config``."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from amlflow.core.absent.members import Absent
from amlflow.core.arguments import InvalidValueError, check_text, to_texts
from amlflow.core.data.bases import ScriptArgument
from amlflow.core.data.consumption import check_input_name
from amlflow.core.data.data_type import to_column_types, to_header
from amlflow.core.data.datapath import DataPath, DataReference
from amlflow.core.data.datastore import AbstractDatastore
from amlflow.exceptions import UserErrorException

MOUNT, UPLOAD = "mount", "upload"
DEFAULT_FOLDER = "dataset/{run-id}/{output-name}"
"""v1's folder for an output without a destination."""
Self = TypeVar("Self", bound="OutputDatasetConfig")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRegistration:
    """The data set that an output is registered as when the run is completed."""

    name: str
    description: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)


class OutputDatasetConfig(ScriptArgument):
    """An output of a script: its name, its destination, and the data set that it becomes."""

    def __init__(self, mode: str = MOUNT, name: str | None = None, **kwargs: Any) -> None:
        chosen = name if name not in (None, "") else f"output_{uuid.uuid4().hex[:8]}"
        self._name = check_input_name(chosen, "output")
        self.mode = mode
        self.destination: tuple[AbstractDatastore, str] | None = None
        self.source: str | None = None
        self.overwrite = False
        self.source_globs: list[str] | None = None
        self.registration: OutputRegistration | None = None
        self.reading: tuple[str, Mapping[str, Any]] = ("files", {})
        self.steps: tuple[tuple[Any, ...], ...] = ()

    @property
    def name(self) -> str:
        """The name under which the script finds its folder."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = check_input_name(value, "output")

    def register_on_complete(
        self: Self, name: str, description: str | None = None, tags: Mapping[str, Any] | None = None
    ) -> Self:
        """Register the output as the next version of a data set if the run is completed.

        Raises:
            ValueError: the name is missing. The error is also a UserErrorException.
        """
        if name is None or name == "":
            raise InvalidValueError(
                "register_on_complete(name): the data set needs a name that is not empty."
            )
        check_text(name, "A data set's name", "output.register_on_complete(name)")
        return self._with_changes(
            registration=OutputRegistration(
                name=name,
                description=description,
                tags=to_texts(tags or {}, "register_on_complete(tags=…)"),
            )
        )

    def as_mount(self: Self, disable_metadata_cache: bool = False) -> Self:
        """This output with mode "mount". The files are stored when the script ends."""
        return self._with_changes(mode=MOUNT)

    def as_upload(
        self: Self, overwrite: bool = False, source_globs: list[str] | str | None = None
    ) -> Self:
        """This output with mode "upload". The files are stored when the script ends.

        ``source_globs`` are patterns that choose the files.
        """
        globs = [source_globs] if isinstance(source_globs, str) else source_globs
        return self._with_changes(mode=UPLOAD, overwrite=overwrite, source_globs=globs)

    def as_input(self, name: str | None = None) -> Any:
        """Raise UserErrorException: this is for pipelines, which amlflow does not have."""
        raise UserErrorException(
            "as_input() passes an output to the next step of a pipeline. amlflow does not have "
            "pipelines. Use register_on_complete(name), and Dataset.get_by_name() in the next run."
        )

    def __str__(self) -> str:
        return f"DatasetOutputConfig:{self.name}"

    def _with_changes(self: Self, **changes: Any) -> Self:
        other = copy.copy(self)
        for key, value in changes.items():
            setattr(other, key, value)
        return other


class OutputFileDatasetConfig(OutputDatasetConfig):
    """A folder that a script writes to. Its files are stored in a datastore when the script ends.

    Source: ``azureml.data.OutputFileDatasetConfig`` 1.61. ``destination`` is a tuple of a datastore
    and a folder. In the folder, ``{run-id}`` and ``{output-name}`` are replaced by the run's id and
    the output's name. ``source`` is the folder on the compute target, if the script always uses the
    same one.
    """

    def __init__(
        self,
        name: str | None = None,
        destination: Any = None,
        source: str | None = None,
        partition_format: str | None = None,
    ) -> None:
        super().__init__(MOUNT, name)
        self.destination = _to_destination(destination)
        self.source = source
        if partition_format is not None:
            self.reading = ("files", {"partition_format": partition_format})

    def read_delimited_files(
        self,
        include_path: bool = False,
        separator: str = ",",
        header: Any = True,
        partition_format: str | None = None,
        path_glob: str | None = None,
        set_column_types: Any = None,
    ) -> OutputTabularDatasetConfig:
        """The output as a table of delimited files: it is registered as a TabularDataset."""
        options = {
            "separator": separator,
            "header": to_header(header),
            "include_path": include_path,
        }
        return self._as_table("delimited", options, partition_format, path_glob, set_column_types)

    def read_parquet_files(
        self,
        include_path: bool = False,
        partition_format: str | None = None,
        path_glob: str | None = None,
        set_column_types: Any = None,
    ) -> OutputTabularDatasetConfig:
        """The output as a table of Parquet files: it is registered as a TabularDataset."""
        options = {"include_path": include_path}
        return self._as_table("parquet", options, partition_format, path_glob, set_column_types)

    def _as_table(
        self,
        format: str,
        options: dict[str, Any],
        partition_format: str | None,
        path_glob: str | None,
        types: Any,
    ) -> OutputTabularDatasetConfig:
        if partition_format is not None:
            options["partition_format"] = partition_format
        if types:
            options["column_types"] = to_column_types(types)
        table = OutputTabularDatasetConfig(self.mode, self.name)
        for key in ("destination", "source", "overwrite", "source_globs", "registration"):
            setattr(table, key, getattr(self, key))
        table.reading, table.path_glob = (format, options), path_glob
        return table


class OutputTabularDatasetConfig(OutputDatasetConfig):
    """An output that is registered as a table."""

    random_split = Absent()

    path_glob: str | None = None

    def keep_columns(self, columns: Any) -> OutputTabularDatasetConfig:
        """Register the table with these columns only."""
        names = [columns] if isinstance(columns, str) else list(columns)
        return self._with_changes(steps=(*self.steps, ("keep_columns", names)))

    def drop_columns(self, columns: Any) -> OutputTabularDatasetConfig:
        """Register the table without these columns."""
        names = [columns] if isinstance(columns, str) else list(columns)
        return self._with_changes(steps=(*self.steps, ("drop_columns", names)))


def _to_destination(destination: Any) -> tuple[AbstractDatastore, str] | None:
    if destination is None:
        return None
    if isinstance(destination, AbstractDatastore):
        return destination, DEFAULT_FOLDER
    if isinstance(destination, (DataPath, DataReference)) and isinstance(
        destination.datastore, AbstractDatastore
    ):
        return destination.datastore, destination.path_on_datastore or DEFAULT_FOLDER
    if (
        isinstance(destination, tuple)
        and len(destination) == 2
        and isinstance(destination[0], AbstractDatastore)
    ):
        return destination[0], str(destination[1]).strip("/") or DEFAULT_FOLDER
    raise UserErrorException(
        f"destination={destination!r} is not a tuple (datastore, 'folder'), such as "
        "(workspace.get_default_datastore(), 'results/{run-id}')."
    )
