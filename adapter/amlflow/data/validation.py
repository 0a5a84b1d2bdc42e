"""Looks whether a data set's files are there and of its format, without reading them whole."""

from __future__ import annotations

from amlflow.data.definition import Definition, is_web
from amlflow.data.errors import DatasetExecutionError
from amlflow.data.storage import Datastores

_PARQUET = b"PAR1"


def check_readable(definition: Definition, stores: Datastores) -> None:
    """Raise :class:`DatasetExecutionError` if the first file cannot be read as what it should be.

    Of a web address only the beginning is asked for.
    """
    files = stores.files(definition)
    first = files[0]
    if definition.format == "files" and not is_web(first.address):
        return  # it was in a listing, and a tracker would give all of it
    beginning = first.read_beginning(len(_PARQUET))
    if definition.format == "files":
        return
    if not beginning:
        raise DatasetExecutionError(f"{first.address!r} is empty: it has no row.")
    if (definition.format == "parquet") != (beginning == _PARQUET):
        raise DatasetExecutionError(
            f"{first.address!r} is {'' if beginning == _PARQUET else 'not '}a Parquet file, and "
            f"the data set is made of {definition.format} files."
        )
