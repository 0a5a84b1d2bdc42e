"""The types that a user sets for columns: v1's ``DataType`` and ``PromoteHeadersBehavior``."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any

from amlflow.core.arguments import InvalidValueError
from amlflow.exceptions import UserErrorException


class DataType:
    """The type of a column, for ``set_column_types``.

    Source: ``azureml.data.dataset_factory.DataType`` 1.61.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = dict(content)

    @staticmethod
    def to_string() -> DataType:
        """Texts."""
        return DataType({"type": "string"})

    @staticmethod
    def to_long() -> DataType:
        """Whole numbers of 64 bits."""
        return DataType({"type": "long"})

    @staticmethod
    def to_float(decimal_mark: str = ".") -> DataType:
        """Floats of 64 bits; ``decimal_mark`` is ``"."`` or ``","``.

        Raises:
            UserErrorException: it is another mark.
        """
        if decimal_mark not in (".", ","):
            raise InvalidValueError(f"decimal_mark={decimal_mark!r} is neither '.' nor ','.")
        return DataType({"type": "float", "decimal_mark": decimal_mark})

    @staticmethod
    def to_bool() -> DataType:
        """True and False."""
        return DataType({"type": "bool"})

    @staticmethod
    def to_datetime(formats: str | Sequence[str] | None = None) -> DataType:
        """Times, in these formats of ``strptime``. The default is ISO 8601.

        Raises:
            UserErrorException: it is neither a text nor a list of texts.
        """
        forms = [formats] if isinstance(formats, str) else formats or []
        if not isinstance(forms, (list, tuple)) or not all(isinstance(form, str) for form in forms):
            raise UserErrorException(
                f"formats={formats!r} is neither a format of strptime, such as '%Y-%m-%d', nor a "
                "list of formats."
            )
        return DataType({"type": "datetime", "formats": list(forms)})

    @staticmethod
    def to_stream(workspace: Any, escaped: bool = False) -> DataType:
        """Raise UserErrorException: amlflow does not read columns of files."""
        raise UserErrorException(
            "DataType.to_stream(): amlflow does not read columns of files. Keep the paths as "
            "texts, and open the files in the script."
        )


class PromoteHeadersBehavior(enum.IntEnum):
    """Which files begin with a line of column names."""

    NO_HEADERS = 0
    ONLY_FIRST_FILE_HAS_HEADERS = 1
    COMBINE_ALL_FILES_HEADERS = 2
    ALL_FILES_HAVE_SAME_HEADERS = 3


class SkipLinesBehavior(enum.IntEnum):
    """The files whose first lines are skipped. amlflow skips no lines."""

    NO_ROWS = 0
    FROM_FIRST_FILE_ONLY = 1
    FROM_ALL_FILES = 2


class FileEncoding(enum.IntEnum):
    """The encodings of text files."""

    UTF8 = 0
    ISO88591 = 1
    LATIN1 = 2
    ASCII = 3
    UTF16 = 4
    UTF32 = 5
    UTF8BOM = 6
    WINDOWS1252 = 7


def to_header(header: Any) -> str:
    """Return the name of a behavior. As in v1, it can be given as a member, True, False or a name.

    Raises:
        UserErrorException: it is none of these.
    """
    if header is True:
        return PromoteHeadersBehavior.ALL_FILES_HAVE_SAME_HEADERS.name
    if header is False:
        return PromoteHeadersBehavior.NO_HEADERS.name
    try:
        key = header if isinstance(header, str) else PromoteHeadersBehavior(header).name
        return PromoteHeadersBehavior[key].name
    except (KeyError, ValueError):
        names = ", ".join(item.name for item in PromoteHeadersBehavior)
        raise UserErrorException(
            f"header={header!r} is neither True, False nor one of {names}."
        ) from None


def to_column_types(types: Mapping[str, DataType]) -> dict[str, dict[str, Any]]:
    """Return the types of columns as a data set's definition stores them.

    Raises:
        UserErrorException: it is not a dict, or a value is not a :class:`DataType`.
    """
    if not isinstance(types, Mapping):
        raise UserErrorException(
            f"set_column_types={types!r} is not a dict of columns and types, such as "
            "{'age': DataType.to_long()}."
        )
    for name, kind in types.items():
        if not isinstance(name, str):
            raise UserErrorException(
                f"set_column_types has the {type(name).__name__} {name!r} as a column. A column is "
                "named by its text, such as {'age': DataType.to_long()}."
            )
        if not isinstance(kind, DataType):
            raise UserErrorException(
                f"set_column_types[{name!r}] is the {type(kind).__name__} {kind!r}. It must be a "
                "DataType, such as DataType.to_float()."
            )
    return {name: kind.content for name, kind in types.items()}
