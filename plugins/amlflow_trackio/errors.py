"""SQLite's errors, as errors of the contract."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from amlflow.spec import Refused, Unavailable


@contextlib.contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into errors of the contract. ``path`` is the database's."""
    try:
        yield
    except (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.ProgrammingError) as error:
        raise Refused(f"The database {str(path)!r} does not take this: {error}.") from error
    except sqlite3.DatabaseError as error:  # locked, full or corrupt
        raise Unavailable(f"The database {str(path)!r} or trackio's: {error}.") from error
    except UnicodeEncodeError as error:
        raise Refused(
            f"A text has a half of a surrogate pair at {error.start}, which UTF-8 cannot "
            "hold; nothing of this call was stored."
        ) from error
