"""A data set that is a table: v1's ``azureml.data.tabular_dataset``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NoReturn

from amlflow.core.absent.members import Absent
from amlflow.core.arguments import InvalidValueError
from amlflow.core.data.dataset import AbstractDataset
from amlflow.core.data.file_dataset import FileDataset
from amlflow.data.definition import FILE, TABULAR, Definition
from amlflow.exceptions import DatasetTimestampMissingError, UserErrorException
from amlflow.parts import check_part

if TYPE_CHECKING:
    import pandas as pd

    from amlflow.data.expressions import Column, Expression

_WITH_PANDAS = "dataset.to_pandas_dataframe() gives the rows to pandas"


class TabularDataset(AbstractDataset):
    """Rows of delimited, Parquet or JSON-lines files.

    Source: ``azureml.data.TabularDataset`` 1.61; names, parameters and shapes are v1's.
    """

    download = Absent()
    get_profile_runs = Absent()
    mount = Absent()

    def to_pandas_dataframe(
        self, on_error: str = "null", out_of_range_datetime: str = "null"
    ) -> pd.DataFrame:
        """The rows, with v1's types of columns.

        Raises:
            DatasetExecutionError: a file cannot be read, or is not of the format.
            UserErrorException: a column does not exist.
        """
        check_part("data", "Reading the rows of a data set")
        # pandas and pyarrow are loaded when rows are read.
        from amlflow.data.frames import to_frame

        return to_frame(self._definition, self._files())

    def __getitem__(self, name: str) -> Column:
        """A column, for a condition of :meth:`filter`."""
        # Imported here, since only filter() needs it.
        from amlflow.data.expressions import Column

        return Column(name)

    def filter(self, expression: Expression) -> TabularDataset:
        """The rows that meet a condition, such as ``dataset["age"] > 30``."""
        # Imported here, since only filter() needs it.
        from amlflow.data.expressions import Expression

        if not isinstance(expression, Expression):
            raise UserErrorException(
                "filter() needs a condition on columns, such as dataset['age'] > 30."
            )
        return self._with_step("filter", expression.tree)

    def keep_columns(self, columns: str | Sequence[str], validate: bool = False) -> TabularDataset:
        """The table with these columns only. With ``validate``, they must exist now."""
        names = _to_columns(columns, "keep_columns")
        dataset = self._with_columns("keep_columns", names, lambda name: name in names)
        if validate:
            dataset.take(1).to_pandas_dataframe()
        return dataset

    def drop_columns(self, columns: str | Sequence[str]) -> TabularDataset:
        """The table without these columns. As in v1, a name that no column has is passed over."""
        names = _to_columns(columns, "drop_columns")
        return self._with_columns("drop_columns", names, lambda name: name not in names)

    def _with_columns(
        self, step: str, names: list[str], is_kept: Callable[[str], bool]
    ) -> TabularDataset:
        """The table with other columns. As in v1, it forgets timestamp columns that it loses."""
        timestamp, partition_timestamp = self.timestamp_columns
        if timestamp is None or not is_kept(timestamp):
            timestamp = partition_timestamp = None
        elif partition_timestamp is not None and not is_kept(partition_timestamp):
            partition_timestamp = None
        definition = self._definition.with_step(step, names).with_options(
            timestamp=timestamp, partition_timestamp=partition_timestamp
        )
        return TabularDataset(definition, self._workspace)

    # times

    @property
    def timestamp_columns(self) -> tuple[str | None, str | None]:
        """The columns with the time of a row and of its partition; None for one that is not set."""
        options = self._definition.options
        return options.get("timestamp"), options.get("partition_timestamp")

    def with_timestamp_columns(
        self,
        timestamp: str | None = None,
        partition_timestamp: str | None = None,
        validate: bool = False,
        **kwargs: Any,
    ) -> TabularDataset:
        """Set the columns that :meth:`time_after` and the other ``time_…`` calls compare.

        As in v1, nothing is read without ``validate``. If a column does not exist, the next
        ``time_…`` call raises.

        Raises:
            UserErrorException: with ``validate``, a column does not exist or has no times; or
                ``partition_timestamp`` is set without ``timestamp``, or to the same column.
        """
        fine = timestamp or kwargs.get("fine_grain_timestamp")
        coarse = partition_timestamp or kwargs.get("coarse_grain_timestamp")
        if coarse and (not fine or fine == coarse):
            raise UserErrorException(
                f"partition_timestamp={coarse!r} needs timestamp to be another column, but it is "
                f"{fine!r}."
            )
        definition = self._definition.with_options(timestamp=fine, partition_timestamp=coarse)
        dataset = TabularDataset(definition, self._workspace)
        if validate:
            frame = dataset.keep_columns([name for name in (fine, coarse) if name])
            for name, kind in frame.to_pandas_dataframe().dtypes.items():
                if kind.kind != "M":
                    raise UserErrorException(
                        f"The column {name!r} has no times: its type is {kind}. Set it with "
                        "set_column_types={" + repr(name) + ": DataType.to_datetime()}."
                    )
        return dataset

    def time_before(
        self, end_time: datetime, include_boundary: bool = True, validate: bool = True
    ) -> TabularDataset:
        """The rows up to a time.

        Raises:
            DatasetTimestampMissingError: the data set has no timestamp column, because
                :meth:`with_timestamp_columns` has not set it, or because it was dropped.
            UserErrorException: with ``validate``, the column does not exist. The other ``time_…``
                calls raise the same errors.
        """
        return self._within(None, _to_text(end_time), include_boundary, validate)

    def time_after(
        self, start_time: datetime, include_boundary: bool = True, validate: bool = True
    ) -> TabularDataset:
        """The rows from a time on."""
        return self._within(_to_text(start_time), None, include_boundary, validate)

    def time_between(
        self,
        start_time: datetime,
        end_time: datetime,
        include_boundary: bool = True,
        validate: bool = True,
    ) -> TabularDataset:
        """The rows between two times."""
        return self._within(_to_text(start_time), _to_text(end_time), include_boundary, validate)

    def time_recent(
        self, time_delta: timedelta, include_boundary: bool = True, validate: bool = True
    ) -> TabularDataset:
        """The rows of the last hours or days: from now minus ``time_delta``."""
        if not isinstance(time_delta, timedelta):
            raise UserErrorException(
                f"time_delta={time_delta!r} is not a datetime.timedelta, such as timedelta(days=7)."
            )
        start = datetime.now(timezone.utc) - time_delta
        return self._within(_to_text(start), None, include_boundary, validate)

    def _within(
        self, start: str | None, end: str | None, inclusive: bool, validate: bool
    ) -> TabularDataset:
        column, _ = self.timestamp_columns
        if column is None:
            raise DatasetTimestampMissingError(
                "The data set has no timestamp column; "
                "dataset.with_timestamp_columns(timestamp='…') says which one it is."
            )
        if validate:
            check_part("data", "Looking at the columns of a data set")
            # pyarrow is loaded when files are looked at.
            from amlflow.data.frames import check_column

            check_column(self._definition, self._files(), column)
        return self._with_step("time", column, start, end, inclusive)

    # as files

    def to_csv_files(self, separator: str = ",") -> FileDataset:
        """The files of the data set, if they have this format and no rows were left out.

        Raises:
            UserErrorException: the files have another format, or steps such as ``filter`` were
                applied.
        """
        return self._as_files("delimited", "to_csv_files")

    def to_parquet_files(self) -> FileDataset:
        """The files of the data set, if they have this format and no rows were left out.

        Raises:
            UserErrorException: the files have another format, or steps such as ``filter`` were
                applied.
        """
        return self._as_files("parquet", "to_parquet_files")

    def _as_files(self, format: str, call: str) -> FileDataset:
        definition = self._definition
        if definition.format != format or definition.steps:
            raise UserErrorException(
                f"{call}() only returns existing files, and this data set needs new ones: its "
                "files have another format, or rows or columns were left out. Write them with "
                "dataset.to_pandas_dataframe().to_csv(…) or .to_parquet(…), and use "
                "Dataset.File.upload_directory()."
            )
        files = Definition(kind=FILE, sources=definition.sources)
        return FileDataset(files, self._workspace)

    # what needs a service or another library

    def to_dask_dataframe(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise UserErrorException, which names the way with pandas."""
        raise UserErrorException(
            f"to_dask_dataframe(): amlflow does not use Dask. {_WITH_PANDAS}, and "
            "dask.dataframe.from_pandas() takes them."
        )

    def to_spark_dataframe(self) -> NoReturn:
        """Raise UserErrorException, which names the way with pandas."""
        raise UserErrorException(
            f"to_spark_dataframe(): amlflow does not use Spark. {_WITH_PANDAS}, and "
            "spark.createDataFrame() takes them."
        )

    def partition_by(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise UserErrorException, which names the way with pandas."""
        raise UserErrorException(
            f"partition_by(): amlflow does not write partitions. {_WITH_PANDAS}, and "
            "DataFrame.to_parquet(partition_cols=…) writes the partitions."
        )

    def get_profile(self, workspace: Any = None) -> NoReturn:
        """Raise UserErrorException, which names the way with pandas."""
        raise UserErrorException(
            f"get_profile(): amlflow does not make profiles. {_WITH_PANDAS}, and "
            "DataFrame.describe() describes the columns."
        )

    def submit_profile_run(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise UserErrorException, as :meth:`get_profile` does."""
        self.get_profile()


def _to_columns(columns: Any, call: str) -> list[str]:
    names = [columns] if isinstance(columns, str) else columns
    if not isinstance(names, (list, tuple, set)) or not all(
        isinstance(name, str) for name in names
    ):
        raise InvalidValueError(
            f"{call}: {columns!r} is neither the name of a column nor a list of names."
        )
    return list(names)


def _to_text(time: Any) -> str:
    if not isinstance(time, datetime):
        raise UserErrorException(
            f"{time!r} is not a datetime.datetime, such as datetime(2024, 1, 31)."
        )
    if time.tzinfo is not None:  # rows have times in UTC, without a time zone
        time = time.astimezone(timezone.utc).replace(tzinfo=None)
    return str(time.isoformat())


AbstractDataset.kinds[TABULAR] = TabularDataset
