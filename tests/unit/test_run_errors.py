"""v1's form of a run's error: if a text is too long, its end is kept."""

from __future__ import annotations

from amlflow.jobs.run_notes import fail_as_lost
from amlflow.journal.recovery import failure
from amlflow.run_errors import MAX_ERROR, to_error

LONG = "x" * MAX_ERROR + "the end"
CUT = f"(7 characters left out) …{LONG[7:]}"


def test_a_message_has_v1s_code() -> None:
    assert to_error("No data.") == {"error": {"code": "UserError", "message": "No data."}}
    assert to_error(None, "Mine") == {"error": {"code": "Mine", "message": ""}}


def test_an_exception_has_its_class_and_traceback() -> None:
    try:
        raise ValueError(LONG)
    except ValueError as raised:
        error = to_error(raised)["error"]
    assert error["message"].startswith("(19 characters left out) …")
    assert error["message"].endswith("the end")
    assert "test_run_errors.py" in error["stackTrace"]


def test_every_error_that_a_run_keeps_is_cut_alike() -> None:
    assert to_error(LONG)["error"]["message"] == CUT
    assert (fail_as_lost(LONG).error or {})["error"]["message"] == CUT
    assert CUT.split("…")[0] in failure(LONG).system["error"]
