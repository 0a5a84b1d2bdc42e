"""Makes data sets: v1's ``azureml.data.dataset_factory``."""

from __future__ import annotations

import fnmatch
import os
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from amlflow.core.arguments import InvalidValueError, check_path, check_text
from amlflow.core.data.data_type import DataType, to_column_types, to_header
from amlflow.core.data.dataset import AbstractDataset, definition_of, stores_of
from amlflow.core.data.datastore import AbstractDatastore
from amlflow.core.data.file_dataset import FileDataset
from amlflow.core.data.sources import to_sources
from amlflow.core.data.tabular_dataset import TabularDataset
from amlflow.data.definition import (
    ENCODINGS,
    FILE,
    MAX_PARTITIONS,
    MAX_PATH,
    TABULAR,
    Definition,
    is_short,
    partition_names,
)
from amlflow.data.errors import DatasetExecutionError, DatasetValidationError, NoSuchFile
from amlflow.exceptions import UserErrorException
from amlflow.working_folder import local_path

MANAGED = "managed-dataset"
"""v1's folder for data frames that are registered."""
_INVALID = ("error", "drop")
AnyDataset = TypeVar("AnyDataset", bound=AbstractDataset)


class TabularDatasetFactory:
    """Makes tables.

    Source: ``azureml.data.dataset_factory.TabularDatasetFactory`` 1.61. A ``path`` is a tuple of a
    datastore and a path or pattern, the result of ``datastore.path()``, a local path, a web
    address, or a list of these. With ``validate``, the beginning of the first file is read now.
    """

    @staticmethod
    def from_delimited_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        infer_column_types: bool = True,
        set_column_types: Mapping[str, DataType] | None = None,
        separator: str = ",",
        header: Any = True,
        partition_format: str | None = None,
        support_multi_line: bool = False,
        empty_as_string: bool = False,
        encoding: str = "utf8",
    ) -> TabularDataset:
        """A table of delimited text, such as CSV.

        Raises:
            DatasetValidationError: with ``validate``, a file does not exist or cannot be read.
            UserErrorException: an argument is not valid.
        """
        _check_encoding(encoding)
        if not isinstance(separator, str) or len(separator) != 1:
            raise UserErrorException(f"separator={separator!r} is not a single character.")
        options = {
            "separator": separator,
            "header": to_header(header),
            "encoding": encoding,
            "infer_column_types": bool(infer_column_types),
            "support_multi_line": bool(support_multi_line),
            "empty_as_string": bool(empty_as_string),
            **_common_options(include_path, partition_format, set_column_types),
        }
        return _table(path, "delimited", options, validate)

    @staticmethod
    def from_parquet_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        set_column_types: Mapping[str, DataType] | None = None,
        partition_format: str | None = None,
    ) -> TabularDataset:
        """A table of Parquet files. The files say the types of its columns."""
        options = _common_options(include_path, partition_format, set_column_types)
        return _table(path, "parquet", options, validate)

    @staticmethod
    def from_json_lines_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        set_column_types: Mapping[str, DataType] | None = None,
        partition_format: str | None = None,
        invalid_lines: str = "error",
        encoding: str = "utf8",
    ) -> TabularDataset:
        """A table of files with a JSON object in each line."""
        if invalid_lines not in _INVALID:
            raise UserErrorException(
                f"invalid_lines={invalid_lines!r} is neither 'error' nor 'drop'."
            )
        _check_encoding(encoding)
        options = {
            "invalid_lines": invalid_lines,
            "encoding": encoding,
            **_common_options(include_path, partition_format, set_column_types),
        }
        return _table(path, "json-lines", options, validate)

    @staticmethod
    def from_sql_query(*args: Any, **kwargs: Any) -> NoReturn:
        """Raise UserErrorException: amlflow does not read databases."""
        raise UserErrorException(
            "from_sql_query: amlflow does not read databases. Read with pandas.read_sql(), and "
            "keep the rows with Dataset.Tabular.register_pandas_dataframe()."
        )

    @staticmethod
    def register_pandas_dataframe(
        dataframe: Any,
        target: Any,
        name: str,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
        show_progress: bool = True,
        row_group_size: int | None = None,
        make_target_path_unique: bool = True,
    ) -> TabularDataset:
        """Store a data frame as Parquet in a datastore and register it as the next version.

        ``target`` is a datastore, or a tuple of a datastore and a folder.

        Raises:
            UserErrorException: ``dataframe`` is not a data frame, or has a column that Parquet
                cannot store.
        """
        if not hasattr(dataframe, "to_parquet"):
            raise InvalidValueError(
                "register_pandas_dataframe(dataframe, target, name) needs a pandas.DataFrame; "
                f"dataframe is a {type(dataframe).__name__}."
            )
        check_text(name, "A data set's name", "register_pandas_dataframe(dataframe, target, name)")
        store, folder = _target(target)
        if make_target_path_unique:
            folder = f"{folder or MANAGED}/{uuid.uuid4()}"
        with tempfile.TemporaryDirectory() as staging:
            file = Path(staging) / "part-00000.parquet"
            try:
                dataframe.to_parquet(file, row_group_size=row_group_size, engine="pyarrow")
            except (ValueError, TypeError) as error:  # pyarrow's errors descend from these
                raise UserErrorException(
                    f"The data frame cannot be stored as Parquet: {str(error).splitlines()[0]}"
                ) from error
            store.upload_files(
                [file], target_path=folder, overwrite=True, show_progress=show_progress
            )
        dataset = _table((store, f"{folder}/"), "parquet", {}, validate=False)
        return dataset.register(
            store.workspace, name, description=description, tags=tags, create_new_version=True
        )

    @staticmethod
    def register_spark_dataframe(*args: Any, **kwargs: Any) -> NoReturn:
        """Raise UserErrorException: amlflow does not use Spark."""
        raise UserErrorException(
            "register_spark_dataframe: amlflow does not use Spark. Register dataframe.toPandas() "
            "with register_pandas_dataframe()."
        )

    @staticmethod
    def register_dask_dataframe(*args: Any, **kwargs: Any) -> NoReturn:
        """Raise UserErrorException: amlflow does not use Dask."""
        raise UserErrorException(
            "register_dask_dataframe: amlflow does not use Dask. Register dataframe.compute() with "
            "register_pandas_dataframe()."
        )


class FileDatasetFactory:
    """Makes data sets of files.

    Source: ``azureml.data.dataset_factory.FileDatasetFactory`` 1.61. A ``path`` is as in
    :class:`TabularDatasetFactory`.
    """

    @staticmethod
    def from_files(
        path: Any,
        validate: bool = True,
        partition_format: str | None = None,
        is_file: bool = False,
    ) -> FileDataset:
        """A data set of files.

        Raises:
            DatasetValidationError: with ``validate``, a file does not exist.
        """
        sources, workspace = to_sources(path)
        options = _partition_options(partition_format)
        definition = Definition(kind=FILE, sources=sources, options=options)
        return _validate(FileDataset(definition, workspace), validate)

    @staticmethod
    def upload_directory(
        src_dir: str | os.PathLike[str],
        target: Any,
        pattern: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> FileDataset:
        """Upload the files of a folder to a datastore, and return a data set of them.

        ``target`` is a datastore, or a tuple of a datastore and a folder. ``pattern`` chooses files
        by their paths below ``src_dir``, such as ``*.csv``.

        Raises:
            UserErrorException: the folder does not exist, or no file matches the pattern.
        """
        right = "Dataset.File.upload_directory(src_dir, target=(datastore, 'folder'))"
        check_path(src_dir, "The folder to upload", right)
        store, folder = _target(target)
        if pattern is None:
            store.upload(src_dir, folder, overwrite, show_progress)
        else:
            root = local_path(Path(src_dir).expanduser())
            files = [path for path in _below(root) if _matches(path, root, pattern)]
            if not files:
                raise UserErrorException(
                    f"No file in {str(src_dir)!r} matches the pattern {pattern!r}."
                )
            store.upload_files(files, root, folder, overwrite, show_progress)
        return FileDatasetFactory.from_files((store, f"{folder or ''}"), validate=False)


def _below(root: Path) -> list[Path]:
    if not root.is_dir():
        raise UserErrorException(f"The folder to upload, {str(root)!r}, does not exist.")
    return [path for path in sorted(root.rglob("*")) if path.is_file()]


def _matches(path: Path, root: Path, pattern: str) -> bool:
    name = path.relative_to(root).as_posix()
    return fnmatch.fnmatchcase(name, pattern) or path.match(pattern)


def _check_encoding(encoding: str) -> None:
    if encoding not in ENCODINGS:
        raise UserErrorException(
            f"encoding={encoding!r} is not known: use one of {', '.join(ENCODINGS)}."
        )


def _common_options(
    include_path: bool, partition_format: str | None, types: Mapping[str, DataType] | None
) -> dict[str, Any]:
    options = {"include_path": bool(include_path), **_partition_options(partition_format)}
    if types:
        options["column_types"] = to_column_types(types)
    return options


def _partition_options(partition_format: str | None) -> dict[str, Any]:
    if partition_format is None:
        return {}
    if not isinstance(partition_format, str) or not partition_names(partition_format):
        raise UserErrorException(
            f"partition_format={partition_format!r} is not a path with names in braces, such as "
            "'/{year}/{name}.csv'."
        )
    if not is_short(partition_format):
        raise UserErrorException(
            f"partition_format={partition_format[:80]!r}… has more than {MAX_PARTITIONS} names and "
            f"signs *, or more than {MAX_PATH} characters. Write a shorter one."
        )
    return {"partition_format": partition_format}


def _table(path: Any, format: str, options: Mapping[str, Any], validate: bool) -> TabularDataset:
    sources, workspace = to_sources(path)
    definition = Definition(kind=TABULAR, format=format, sources=sources, options=options)
    return _validate(TabularDataset(definition, workspace), validate)


def _validate(dataset: AnyDataset, validate: bool) -> AnyDataset:
    """Return the data set. With ``validate``, read the beginning of its first file before.

    Raises:
        DatasetValidationError: a file does not exist or cannot be read.
    """
    if validate:
        # fsspec is loaded when data is looked at.
        from amlflow.data.validation import check_readable

        try:
            check_readable(definition_of(dataset), stores_of(dataset))
        except NoSuchFile as error:
            raise DatasetValidationError(
                f"{error.message} If the data does not exist yet, pass validate=False."
            ) from None
        except DatasetExecutionError as error:
            raise DatasetValidationError(error.message) from None
    return dataset


def _target(target: Any) -> tuple[AbstractDatastore, str | None]:
    """The datastore and the folder to store in."""
    if isinstance(target, AbstractDatastore):
        return target, None
    if isinstance(target, tuple) and len(target) == 2 and isinstance(target[0], AbstractDatastore):
        return target[0], str(target[1]).strip("/") or None
    store = getattr(target, "datastore", None)
    if isinstance(store, AbstractDatastore):
        return store, (target.path_on_datastore or "").strip("/") or None
    raise InvalidValueError(
        f"target={target!r} is not valid: use a datastore, or a tuple (datastore, 'folder')."
    )


# As in v1, code can write dataset.Tabular.from_delimited_files(…) with any data set.
AbstractDataset.File, AbstractDataset.Tabular = FileDatasetFactory, TabularDatasetFactory
