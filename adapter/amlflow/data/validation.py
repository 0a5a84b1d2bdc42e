"""Checks that a data set's files exist and have its format, without reading whole files."""

from __future__ import annotations

from amlflow.data.beginnings import COUNT, check_beginning
from amlflow.data.definition import Definition, is_web
from amlflow.data.errors import DatasetExecutionError
from amlflow.data.storage import Datastores

_PARQUET = b"PAR1"


def check_readable(definition: Definition, stores: Datastores) -> None:
    """Check that the first file can be read, and has the definition's format.

    Empty files before it are passed over, as when the table is read.

    From a web server, only the beginning of the file is requested.

    Raises:
        DatasetExecutionError: it cannot be read, is empty or compressed, or does not have the
            format.
    """
    files = stores.files(definition)
    first = files[0]
    if definition.format == "files" and not is_web(first.address):
        return  # it was in a listing, and a tracker would send the whole file
    beginning = first.read_beginning(COUNT)
    if definition.format == "files":
        return
    for file in files[1:] if definition.format != "parquet" else ():
        if beginning:
            break
        first, beginning = file, file.read_beginning(COUNT)
    if not beginning:
        raise DatasetExecutionError(f"{files[0].address!r} is empty: it has no row.")
    is_parquet = beginning.startswith(_PARQUET)
    if (definition.format == "parquet") != is_parquet:
        raise DatasetExecutionError(
            f"{first.address!r} is {'' if is_parquet else 'not '}a Parquet file, and "
            f"the data set is made of {definition.format} files."
        )
    if not is_parquet:
        check_beginning(beginning, first.address, definition.options.get("encoding", "utf8"))
