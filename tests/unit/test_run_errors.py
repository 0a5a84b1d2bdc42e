"""v1's form of a run's error: of a text that is too long, its beginning and its end are kept."""

from __future__ import annotations

from amlflow.jobs.run_notes import fail_as_lost
from amlflow.journal.recovery import failure
from amlflow.run_errors import FIRST, MAX_ERROR, to_error

LONG = "x" * MAX_ERROR + "the end"
CUT = f"{LONG[:FIRST]}… (7 characters left out) …{LONG[FIRST + 7 :]}"


def test_a_message_has_v1s_code() -> None:
    assert to_error("No data.") == {"error": {"code": "UserError", "message": "No data."}}
    assert to_error(None, "Mine") == {"error": {"code": "Mine", "message": ""}}


def test_an_exception_has_its_class_and_traceback() -> None:
    try:
        raise ValueError(LONG)
    except ValueError as raised:
        error = to_error(raised)["error"]
    assert error["message"].startswith("ValueError: xxx")
    assert "… (19 characters left out) …" in error["message"]
    assert error["message"].endswith("the end")
    assert "test_run_errors.py" in error["stackTrace"]


def test_of_a_traceback_the_end_is_kept() -> None:
    def one(levels: int) -> None:
        if levels == 0:
            raise ValueError("no data")
        other(levels - 1)

    def other(levels: int) -> None:
        one(levels)

    try:
        one(40)
    except ValueError as raised:
        trace = to_error(raised)["error"]["stackTrace"]
    assert trace.startswith("(")
    assert trace.rstrip().endswith('raise ValueError("no data")')


def test_every_error_that_a_run_keeps_is_cut_alike() -> None:
    assert to_error(LONG)["error"]["message"] == CUT
    assert (fail_as_lost(LONG).error or {})["error"]["message"] == CUT
    assert "(7 characters left out)" in failure(LONG).system["error"]
