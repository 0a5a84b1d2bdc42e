"""MLflow's registry of models in its default database."""

from __future__ import annotations

import posixpath
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from amlflow.spec import ModelNotFound, Refused
from amlflow.tracker_data import read_text, read_texts

from amlflow_mlflow.entities import ModelVersion, Page
from amlflow_mlflow.model_records import PROMPT
from amlflow_mlflow.page_tokens import to_offset
from amlflow_mlflow.spelling import shorten
from amlflow_mlflow.sqlite.database import Database
from amlflow_mlflow.sqlite.filters import find_clauses
from amlflow_mlflow.sqlite.rows import now_ms, page
from amlflow_mlflow.typed_columns import type_version

DELETED = "Deleted_Internal"
"""The stage of a deleted version. MLflow only keeps its number."""
_CLAUSE = re.compile(r"(name|run_id) = ('[^']*'|\"[^\"]*\")(?: AND |$)")
_ORDER = {
    "creation_timestamp DESC": "v.creation_time DESC",
    "name ASC": "v.name ASC",
    "version_number DESC": "v.version DESC",
}
_VERSIONS = (
    "SELECT v.name, v.version, v.creation_time, v.user_id, v.description, v.source, v.run_id"
    " FROM model_versions AS v WHERE v.current_stage <> 'Deleted_Internal'"
    " AND typeof(v.name) = 'text' AND typeof(v.version) = 'integer'"
)
_TAGS = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?"
_NOT_PROMPTS = (
    "v.name NOT IN (SELECT name FROM model_version_tags WHERE key = ? AND value = 'true')"
)
_ADD_VERSION = (
    "INSERT INTO model_versions (name, version, creation_time, last_updated_time, description,"
    " current_stage, source, run_id, status, storage_location)"
    " VALUES (?, ?, ?, ?, ?, 'None', ?, ?, 'READY', ?)"
)
_REDACT = (
    "UPDATE model_versions SET current_stage = ?, last_updated_time = ?, description = NULL,"
    " user_id = NULL, source = 'REDACTED-SOURCE-PATH', run_id = 'REDACTED-RUN-ID',"
    " run_link = 'REDACTED-RUN-LINK', status_message = NULL WHERE name = ? AND version = ?"
)


class SqliteRegistry:
    """An :class:`amlflow_mlflow.store.Registry` on MLflow's default database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure_model(self, name: str) -> Mapping[str, str]:
        _check_name(name)
        now = now_ms()
        with self._database.write() as connection:
            if not connection.execute(
                "SELECT 1 FROM registered_models WHERE name = ?", (name,)
            ).fetchone():
                connection.execute(
                    "INSERT INTO registered_models (name, creation_time, last_updated_time)"
                    " VALUES (?, ?, ?)",
                    (name, now, now),
                )
            tags = "SELECT key, value FROM registered_model_tags WHERE name = ?"
            return read_texts(name, connection.execute(tags, (name,)))

    def create_version(
        self, name: str, source: str, run_id: str, tags: Mapping[str, str], description: str | None
    ) -> ModelVersion:
        now = now_ms()
        with self._database.write() as connection:
            last = (
                "SELECT coalesce(max(version), 0) FROM model_versions"
                " WHERE name = ? AND typeof(version) = 'integer'"
            )
            version = connection.execute(last, (name,)).fetchone()[0] + 1
            _touch(connection, name, now)
            connection.execute(
                _ADD_VERSION, (name, version, now, now, description, source, run_id, source)
            )
            for key, value in tags.items():
                _set_tag(connection, name, version, key, value)
            return _read(connection, name, version)

    def get_version(self, name: str, version: int) -> ModelVersion:
        with self._database.read() as connection:
            return _read(connection, name, version)

    def search_versions(
        self, condition: str, size: int, order: Sequence[str], token: str | None
    ) -> Page[ModelVersion]:
        offset = to_offset(token)
        clauses, values = [_NOT_PROMPTS], [PROMPT]
        for match in find_clauses(_CLAUSE, condition):
            clauses.append(f"v.{match[1]} = ?")
            values.append(match[2][1:-1])
        rest = (
            f" AND {' AND '.join(clauses)} ORDER BY {', '.join(_ORDER[name] for name in order)}"
            " LIMIT ? OFFSET ?"
        )
        with self._database.read() as connection:
            versions = list(_read_versions(connection, rest, [*values, size + 1, offset]))
        return page(versions, size, offset)

    def describe_version(self, name: str, version: int, description: str) -> None:
        with self._database.write() as connection:
            _read(connection, name, version)
            connection.execute(
                "UPDATE model_versions SET description = ?, last_updated_time = ?"
                " WHERE name = ? AND version = ?",
                (description, now_ms(), name, version),
            )

    def set_version_tag(self, name: str, version: int, key: str, value: str) -> None:
        with self._database.write() as connection:
            _read(connection, name, version)
            _set_tag(connection, name, version, key, value)

    def delete_version_tag(self, name: str, version: int, key: str) -> None:
        with self._database.write() as connection:
            _read(connection, name, version)
            connection.execute(
                "DELETE FROM model_version_tags WHERE name = ? AND version = ? AND key = ?",
                (name, version, key),
            )

    def delete_version(self, name: str, version: int) -> None:
        now = now_ms()
        with self._database.write() as connection:
            _read(connection, name, version)
            _touch(connection, name, now)
            connection.execute(
                "DELETE FROM registered_model_aliases WHERE name = ? AND version = ?",
                (name, version),
            )
            connection.execute(_REDACT, (DELETED, now, name, version))

    def version_location(self, name: str, version: int) -> str:
        with self._database.read() as connection:
            source = _read(connection, name, version).source
            column = "SELECT storage_location FROM model_versions WHERE name = ? AND version = ?"
            location = connection.execute(column, (name, version)).fetchone()[0]
            return (
                read_text(f"model {name}:{version}", "storage_location", location) or source or ""
            )


def _read(connection: sqlite3.Connection, name: str, version: int) -> ModelVersion:
    rest = " AND v.name = ? AND v.version = ?"
    for record in _read_versions(connection, rest, (name, version)):
        return record
    raise ModelNotFound(f"name {name}, version {version}")


def _read_versions(
    connection: sqlite3.Connection, rest: str, values: Sequence[Any]
) -> Iterator[ModelVersion]:
    for row in connection.execute(_VERSIONS + rest, values).fetchall():
        name, version, created, user, description, source, run_id = row
        tags = dict(connection.execute(_TAGS, (name, version)))
        raw = ModelVersion(name, str(version), created, user, description, source, run_id, tags)
        record = type_version(raw)
        if record is not None:
            yield record


def _set_tag(connection: sqlite3.Connection, name: str, version: int, key: str, value: str) -> None:
    # No ON CONFLICT, since the unique columns are not the same in all schemas.
    update = "UPDATE model_version_tags SET value = ? WHERE name = ? AND version = ? AND key = ?"
    if not connection.execute(update, (value, name, version, key)).rowcount:
        connection.execute(
            "INSERT INTO model_version_tags (value, name, version, key) VALUES (?, ?, ?, ?)",
            (value, name, version, key),
        )


def _touch(connection: sqlite3.Connection, name: str, now: int) -> None:
    connection.execute(
        "UPDATE registered_models SET last_updated_time = ? WHERE name = ?", (now, name)
    )


def _check_name(name: str) -> None:
    """Raise :class:`Refused` for a name that MLflow does not accept."""
    normal = posixpath.normpath(name)
    if not name.strip() or set("/:") & set(name) or normal != name or normal in (".", ".."):
        raise Refused(
            f"{shorten(name)!r} cannot be the name of a model in MLflow, which takes no '/', no "
            "':', no '.' or '..' alone and no blank name; choose another."
        )
