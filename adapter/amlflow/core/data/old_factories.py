"""The functions of v1's ``Dataset`` that ``Dataset.Tabular`` has replaced.

Their arguments are in another order, so that old code can pass them by position.
"""

from __future__ import annotations

from typing import Any

from amlflow.core.absent.members import ExplainsAbsent
from amlflow.core.data.data_type import (
    FileEncoding,
    PromoteHeadersBehavior,
    SkipLinesBehavior,
)
from amlflow.core.data.factories import TabularDatasetFactory
from amlflow.core.data.tabular_dataset import TabularDataset
from amlflow.exceptions import UserErrorException


class OldFactories(metaclass=ExplainsAbsent):
    """Makes tables as the old functions did.

    Source: ``azureml.core.Dataset`` 1.61; names, order and defaults of the arguments are v1's.
    """

    @staticmethod
    def auto_read_files(
        path: Any, include_path: bool = False, partition_format: str | None = None
    ) -> TabularDataset:
        """A table of delimited text files; v1 guesses the format of the files."""
        return TabularDatasetFactory.from_delimited_files(
            path, include_path=include_path, partition_format=partition_format
        )

    @staticmethod
    def from_delimited_files(
        path: Any,
        separator: str = ",",
        header: Any = PromoteHeadersBehavior.ALL_FILES_HAVE_SAME_HEADERS,
        encoding: Any = FileEncoding.UTF8,
        quoting: bool = False,
        infer_column_types: bool = True,
        skip_rows: int = 0,
        skip_mode: Any = SkipLinesBehavior.NO_ROWS,
        comment: str | None = None,
        include_path: bool = False,
        archive_options: Any = None,
        partition_format: str | None = None,
    ) -> TabularDataset:
        """A table of delimited text files. With ``quoting``, a quoted cell can have line breaks.

        Raises:
            UserErrorException: lines are to be skipped, or archives to be unpacked.
        """
        settings = {
            "skip_rows": skip_rows,
            "skip_mode": skip_mode,
            "comment": comment,
            "archive_options": archive_options,
        }
        if refused := [name for name, value in settings.items() if value]:
            raise UserErrorException(
                f"Dataset.from_delimited_files: amlflow does not use {' and '.join(refused)}. Read "
                "with pandas.read_csv(), and keep the rows with "
                "Dataset.Tabular.register_pandas_dataframe()."
            )
        return TabularDatasetFactory.from_delimited_files(
            path,
            include_path=include_path,
            infer_column_types=infer_column_types,
            separator=separator,
            header=header,
            partition_format=partition_format,
            support_multi_line=quoting,
            encoding=_to_encoding(encoding),
        )

    @staticmethod
    def from_parquet_files(
        path: Any, include_path: bool = False, partition_format: str | None = None
    ) -> TabularDataset:
        """A table of Parquet files."""
        return TabularDatasetFactory.from_parquet_files(
            path, include_path=include_path, partition_format=partition_format
        )

    @staticmethod
    def from_json_files(
        path: Any,
        encoding: Any = FileEncoding.UTF8,
        flatten_nested_arrays: bool = False,
        include_path: bool = False,
        partition_format: str | None = None,
    ) -> TabularDataset:
        """A table of files with a JSON object in each line.

        Raises:
            UserErrorException: nested arrays are to become rows.
        """
        if flatten_nested_arrays:
            raise UserErrorException(
                "Dataset.from_json_files: amlflow does not use flatten_nested_arrays. Read with "
                "pandas.json_normalize(), and keep the rows with "
                "Dataset.Tabular.register_pandas_dataframe()."
            )
        return TabularDatasetFactory.from_json_lines_files(
            path,
            include_path=include_path,
            partition_format=partition_format,
            encoding=_to_encoding(encoding),
        )


def _to_encoding(encoding: Any) -> str:
    """Return the name of an encoding, which is given as a FileEncoding or a text."""
    return encoding.name.lower() if isinstance(encoding, FileEncoding) else str(encoding)
