"""Each failure of MLflow becomes an error of the contract, chosen by MLflow's code and message."""

from __future__ import annotations

import importlib
import re
import sqlite3
from typing import Any

import pytest
import requests
import sqlalchemy
from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.spec import Refused, RunNotFound, TooLarge, Unavailable
from amlflow_mlflow import errors
from amlflow_mlflow.errors import (
    NO_TAG,
    SAME_POINT,
    Deleted,
    MlflowError,
    error_of_answer,
    says,
    translate_errors,
)
from amlflow_mlflow.opening import open_database
from mlflow.entities import Metric, RunTag
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos import databricks_pb2

URI = "sqlite:////folder/mlflow.db"
MISSING = RunNotFound("the-run", URI)


def told(error: BaseException, **options: Any) -> Any:
    with pytest.raises(BaseException) as caught, translate_errors(URI, MISSING, **options):
        raise error
    return caught.value


def test_each_class_of_the_table_is_there() -> None:
    for name in errors._OF_TYPE:
        module, _, kind = name.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), kind), Exception), name


@pytest.mark.parametrize("table", [errors._OF_CODE, errors._OF_VAGUE_CODE])
def test_each_code_of_the_tables_is_mlflows(table: dict[str, Any]) -> None:
    assert table.keys() <= set(databricks_pb2.ErrorCode.keys())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RestException({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "x"}), RunNotFound),
        (
            RestException({"error_code": "PERMISSION_DENIED", "message": "x"}),
            AuthenticationException,
        ),
        (RestException({"error_code": "TEMPORARILY_UNAVAILABLE", "message": "x"}), Unavailable),
        *(
            (RestException({"error_code": "BAD_REQUEST", "message": message}), Unavailable)
            for message in (
                "QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.0",
                "(psycopg2.InterfaceError) connection already closed",
                "Can't reconnect until invalid transaction is rolled back.",
            )
        ),
        (RestException({"error_code": "INVALID_PARAMETER_VALUE", "message": "x"}), Refused),
        (MlflowError("RESOURCE_DOES_NOT_EXIST", "x"), RunNotFound),
        (MlflowException("API request to http://x failed with exception y"), Unavailable),
        (sqlalchemy.exc.OperationalError("SELECT", {}, Exception("disk I/O error")), Unavailable),
        (sqlite3.OperationalError("disk I/O error"), Unavailable),
        (sqlite3.IntegrityError("NOT NULL constraint failed"), Refused),
        (requests.exceptions.ConnectionError("Connection refused"), Unavailable),
        (ConnectionResetError("reset"), Unavailable),
        (PermissionError(13, "Permission denied"), Refused),
        (OSError(28, "No space left on device"), Refused),
    ],
)
def test_a_failure_is_known_by_its_class_and_code(
    error: Exception, kind: type[AzureMLException]
) -> None:
    assert type(told(error)) is kind
    assert told(error).__cause__ is error


def test_an_error_of_the_contract_and_a_bug_stay_as_they_are() -> None:
    for error in (Refused("no"), ValueError("a bug")):
        assert told(error) is error


@pytest.mark.parametrize("kind", [sqlite3.OperationalError, MlflowException])
def test_a_lock_is_told_by_whatever_reports_it(kind: Any) -> None:
    error = told(kind("(sqlite3.OperationalError) database is locked"))
    assert type(error) is Unavailable
    assert "another program holds its lock" in error.message


def wait_for_nobody(
    connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any
) -> tuple[str, Any]:
    """Have a session of MLflow's store wait for a millisecond while the database is locked."""
    return re.sub(r"(busy_timeout *= *)\d+", r"\g<1>1", statement), parameters


def test_what_mlflow_says_only_in_words_is_what_it_says_now(sqlite_uri: str) -> None:
    store = open_database(sqlite_uri)
    run_id = store.create_run("0", "me", 0, [], "name").info.run_id
    with pytest.raises(MlflowException) as no_tag:
        store.delete_tag(run_id, "never")
    assert says(no_tag.value, NO_TAG)
    store.delete_run(run_id)
    with pytest.raises(MlflowException) as deleted:
        store.set_tag(run_id, RunTag("a", "b"))
    assert type(told(deleted.value)) is Deleted
    store.restore_run(run_id)
    statement = "INSERT INTO metrics VALUES ('m', 1, 1, :run, 1, 0)"
    with store.engine.begin() as connection:
        columns = "key, value, timestamp, run_uuid, step, is_nan"
        insert = sqlalchemy.text(statement.replace("metrics ", f"metrics ({columns}) "))
        connection.execute(insert, {"run": run_id})
    with pytest.raises(sqlalchemy.exc.IntegrityError) as twice, store.engine.begin() as connection:
        connection.execute(insert, {"run": run_id})
    assert says(twice.value, SAME_POINT)
    store.log_batch(run_id, [Metric("m", 1.0, 1, 1)], [], [])
    other = sqlite3.connect(sqlite_uri.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    # MLflow has each session wait for 20 seconds.
    sqlalchemy.event.listen(store.engine, "before_cursor_execute", wait_for_nobody, retval=True)
    with pytest.raises(MlflowException) as locked:
        store.set_tag(run_id, RunTag("a", "b"))
    other.close()
    assert "another program holds its lock" in told(locked.value).message


def test_an_answer_is_told_by_mlflows_code_or_else_by_its_status() -> None:
    missing = ("RESOURCE_DOES_NOT_EXIST", "no run")
    assert isinstance(error_of_answer(404, missing, URI, None), MlflowError)
    assert type(error_of_answer(404, None, URI, None)) is Unavailable
    assert type(error_of_answer(413, ("BAD_REQUEST", "much"), URI, None)) is TooLarge
    busy = error_of_answer(503, ("INTERNAL_ERROR", "later"), URI, "7")
    assert isinstance(busy, Unavailable)
    assert busy.retry_after == 7


def test_an_artifact_store_is_named_with_the_files() -> None:
    error = told(OSError(28, "No space left on device"), files="'outputs/a' of run x")
    assert type(error) is Refused
    assert "The artifact store could not take or give 'outputs/a' of run x" in error.message
