"""Records that the tracker refuses or forbids: an error names them, and other runs go on."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amlflow.exceptions import (
    AuthenticationException,
    AzureMLException,
    ServiceException,
    UserErrorException,
)
from amlflow.journal.delivery import TRIED_AGAIN_AFTER
from amlflow.journal.recovery import recover
from amlflow.layers.journaled import Journaled
from amlflow.spec import (
    PropertyConflict,
    Refused,
    RunChange,
    RunNotFound,
    RunQuery,
    RunRecord,
    TooLarge,
    Unavailable,
)
from amlflow.testing.memory import MemoryTracker
from helpers.flaky_tracker import (
    MAX_STALL_S,
    MAX_WAIT_S,
    Moody,
    away,
    die,
    point,
    start_run,
    until,
    values,
)


def at_77(error: type[AzureMLException], message: str) -> Callable[..., BaseException | None]:
    """A tracker that takes all points but those of the value 77."""

    def find_error(name: str, *arguments: Any) -> BaseException | None:
        is_77 = name == "write_points" and any(each.value == 77 for each in arguments[1])
        return error(message) if is_77 else None

    return find_error


refusing_77 = at_77(Refused, "No 77 here.")


def test_a_refused_record_is_kept_and_named_at_the_end_and_the_others_go_on(
    journaled: Journaled, run: RunRecord, moody: Moody, memory: MemoryTracker
) -> None:
    moody.error = refusing_77
    for value in range(200):
        journaled.write_points(run.id, [point(value)])
    with pytest.raises(UserErrorException, match=r"1 of the records.*No 77 here.*jsonl") as error:
        journaled.update_run(run.id, RunChange(status="Completed"))
    assert values(memory, run) == [value for value in range(200) if value != 77]
    assert memory.get_run(run.id).status == "Completed"
    path = Path(str(error.value.message).rpartition("kept in ")[2].rstrip("."))
    assert '"No 77 here."' in path.read_text()
    assert ", 77, " in path.read_text()


def test_a_run_that_is_gone_does_not_hold_up_the_others(
    journaled: Journaled, run: RunRecord, memory: MemoryTracker
) -> None:
    journaled.write_points("gone", [point(value) for value in range(100)])
    journaled.write_points(run.id, [point(5)])
    journaled.flush(run.id)
    assert values(memory, run) == [5]
    with pytest.raises(UserErrorException, match="100 of the records"):
        journaled.flush("gone")
    with pytest.raises(RunNotFound):
        journaled.update_run("gone", RunChange(tags={"a": "b"}))


def test_what_the_caller_waits_for_is_refused_at_the_call(
    journaled: Journaled, run: RunRecord, moody: Moody
) -> None:
    moody.error = lambda name, *_: Refused("Too long.") if name == "update_run" else None
    with pytest.raises(Refused, match="Too long"):
        journaled.update_run(run.id, RunChange(tags={"a": "b"}))
    journaled.flush(run.id)  # the error is raised only once
    moody.error = lambda name, *_: None
    journaled.update_run(run.id, RunChange(properties={"p": "1"}))
    with pytest.raises(PropertyConflict):
        journaled.update_run(run.id, RunChange(properties={"p": "2"}))


def test_what_was_refused_is_named_even_if_the_end_is_refused_too(
    journaled: Journaled, run: RunRecord, moody: Moody
) -> None:
    journaled.write_points(run.id, [point(1)])
    moody.error = lambda name, *_: RunNotFound(run.id) if "get" not in name else None
    with pytest.raises(UserErrorException, match=r"1 of the records.*jsonl") as error:
        journaled.update_run(run.id, RunChange(status="Completed"))
    assert isinstance(error.value.__context__, RunNotFound)


# --- what the tracker forbids ---------------------------------------------------------------------


def forbidding(*run_ids: str) -> Callable[..., BaseException | None]:
    """The tracker wants other credentials for some runs."""
    return lambda name, *arguments: (
        AuthenticationException("Who are you?")
        if any(run_id in arguments for run_id in run_ids)
        else None
    )


def test_wrong_credentials_are_said_at_once_and_nothing_is_lost(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    journaled = opened(flush_seconds=0.1)
    run = start_run(journaled)
    moody.error = forbidding(run.id)
    journaled.write_points(run.id, [point(1)])
    until(lambda: "Who are you?" in caplog.text, MAX_STALL_S)
    with pytest.raises(Unavailable, match=r"1 record has not reached.*Who are you"):
        journaled.flush()
    with pytest.raises(AuthenticationException):
        journaled.get_run(run.id)
    moody.error = lambda name, *_: None
    until(lambda: values(memory, run) == [1])


def test_an_end_waits_until_the_credentials_are_taken_again(
    journaled: Journaled, run: RunRecord, moody: Moody, memory: MemoryTracker
) -> None:
    moody.error = forbidding(run.id)
    for value in range(100):
        journaled.write_points(run.id, [point(value)])
    ending = threading.Thread(
        target=journaled.update_run, args=(run.id, RunChange(status="Completed"))
    )
    ending.start()
    until(lambda: moody.calls.count("write_points") > 2)
    assert ending.is_alive()
    moody.error = lambda name, *_: None
    ending.join(60)
    assert memory.get_run(run.id).status == "Completed"
    assert values(memory, run) == list(range(100))


def test_a_run_that_is_forbidden_holds_up_no_other(
    journaled: Journaled, run: RunRecord, moody: Moody, memory: MemoryTracker
) -> None:
    other = start_run(journaled)
    moody.error = forbidding(run.id)
    for value in range(10):
        journaled.write_points(run.id, [point(value)])
        journaled.write_points(other.id, [point(value)])
        journaled.update_run(run.id, RunChange(tags={"last": str(value)}))
        journaled.update_run(other.id, RunChange(tags={"last": str(value)}))
    begun = time.monotonic()
    journaled.update_run(other.id, RunChange(status="Completed"))
    assert values(memory, other) == list(range(10))
    assert journaled.get_run(other.id).tags == {"last": "9"}
    assert [each.value for each in journaled.read_points(other.id)] == list(range(10))
    assert {each.id for each in journaled.find_runs(RunQuery())} == {run.id, other.id}
    assert time.monotonic() - begun < MAX_STALL_S
    assert values(memory, run) == []
    moody.error = lambda name, *_: None
    journaled.flush(run.id)
    assert values(memory, run) == list(range(10))
    assert journaled.get_run(run.id).tags == {"last": "9"}


def test_what_is_refused_of_a_forbidden_run_is_refused_then(
    journaled: Journaled, run: RunRecord, moody: Moody, memory: MemoryTracker
) -> None:
    moody.error = forbidding(run.id)
    for value in (1, 77, 2):
        journaled.write_points(run.id, [point(value)])
    until(lambda: moody.calls.count("write_points"))
    moody.error = refusing_77
    with pytest.raises(UserErrorException, match=r"1 of the records .*'m'.*No 77 here"):
        journaled.update_run(run.id, RunChange(status="Completed"))
    assert values(memory, run) == [1, 2]


# --- what the tracker cannot take, although it answers --------------------------------------------


failing_at_77 = at_77(Unavailable, "HTTP 500")
"""As a server that answers 500 to one record, again and again, and takes the others."""


def test_a_record_that_fails_again_and_again_holds_up_its_run_only(
    journaled: Journaled, run: RunRecord, moody: Moody, memory: MemoryTracker
) -> None:
    other = start_run(journaled)
    moody.error = failing_at_77
    for value in (1, 2, 77, 3):
        journaled.write_points(run.id, [point(value)])
    journaled.write_points(other.id, [point(4)])
    journaled.update_run(other.id, RunChange(status="Completed"))
    assert values(memory, other) == [4]
    assert values(memory, run) == [1, 2]
    with pytest.raises(ServiceException, match="HTTP 500"):
        journaled.flush(run.id, seconds=0.1)
    moody.error = lambda name, *_: None
    journaled.flush(run.id)
    assert values(memory, run) == [1, 2, 77, 3]


def test_what_is_held_goes_on_behind_what_has_passed(
    journaled: Journaled, run: RunRecord, moody: Moody, memory: MemoryTracker
) -> None:
    """Also where no two calls in a row pass."""
    moody.error = failing_at_77
    journaled.write_points(run.id, [point(77)])
    with pytest.raises(ServiceException, match="HTTP 500"):
        journaled.flush(run.id, seconds=0.1)
    for value in range(6):
        journaled.write_points(run.id, [point(value)])
        journaled.update_run(run.id, RunChange(tags={f"key {value}": "text"}))
    writes = itertools.count()

    def fail_each_second(name: str, *_: object) -> BaseException | None:
        if name in ("write_points", "update_run") and next(writes) % 2:
            return Unavailable("HTTP 500")
        return None

    moody.error = fail_each_second
    journaled.flush(run.id, seconds=MAX_WAIT_S)
    assert values(memory, run) == [77, *range(6)]


def test_what_a_dead_process_left_is_not_behind_a_record_that_fails(
    journaled: Journaled, run: RunRecord, moody: Moody, memory: MemoryTracker
) -> None:
    other = start_run(journaled)
    moody.error = away
    for value in (1, 77, 2):
        journaled.write_points(run.id, [point(value)])
    journaled.write_points(other.id, [point(4)])
    folder = journaled.journal.sender().folder.path.parent
    die(journaled)
    moody.error = failing_at_77
    with pytest.raises(Unavailable, match="HTTP 500"):
        recover(folder, lambda: moody)
    assert (values(memory, run), values(memory, other)) == ([1], [4])
    moody.error = lambda name, *_: None
    recover(folder, lambda: moody)
    assert values(memory, run) == [1, 77, 2]


# --- what is too large at once --------------------------------------------------------------------


def taking(most: int) -> Callable[..., BaseException | None]:
    """A tracker that takes only so many characters of values at once."""

    def error(name: str, *arguments: object) -> BaseException | None:
        if name == "write_points":
            size = sum(len(str(each.value)) for each in arguments[1])  # type: ignore[attr-defined]
            return TooLarge("It is too large.") if size > most else None
        return None

    return error


def test_what_is_too_large_at_once_goes_in_smaller_pieces(
    journaled: Journaled, run: RunRecord, moody: Moody, memory: MemoryTracker
) -> None:
    moody.error = taking(1000)
    for value in range(3000):
        journaled.write_points(run.id, [point(f"{value:010}")])
    journaled.flush(run.id)
    assert values(memory, run) == [f"{value:010}" for value in range(3000)]
    # The accepted size is known now: the second time, only tries of a larger one are refused. Calls
    # of the first time count for the first try.
    before = len(moody.calls)
    moody.error = lambda *call: (
        refused.append(call) if (error := taking(1000)(*call)) else None,
        error,
    )[1]
    refused: list[object] = []
    for value in range(1000):
        journaled.write_points(run.id, [point(f"{value:010}", "n")])
    journaled.flush(run.id)
    count = len(moody.calls) - before
    assert len(refused) <= 1 + count // TRIED_AGAIN_AFTER
    assert 10 <= count < 60


def test_pieces_grow_again_when_the_tracker_takes_more(
    journaled: Journaled, run: RunRecord, moody: Moody
) -> None:
    """A proxy's limit of a minute does not make the calls of a long run small for ever."""
    sizes: list[int] = []

    def error(name: str, *arguments: object) -> BaseException | None:
        if name == "write_points":
            sizes.append(len(arguments[1]))  # type: ignore[arg-type]
        return taking(most)(name, *arguments)

    most, moody.error = 100, error
    for value in range(100):
        journaled.write_points(run.id, [point(f"{value:010}")])
    journaled.flush(run.id)
    assert sizes[-1] <= 10
    moody.error = away  # so that all that is written next is sent at once
    for value in range(2000):
        journaled.write_points(run.id, [point(f"{value:010}", "n")])
    sizes.clear()  # before the sender may try again
    most, moody.error = 10**6, error
    journaled.flush(run.id)
    # How the sender has divided what waited decides the sizes. They double after 16 calls, so they
    # are at least 4 times as large after 16 * 11 + 16 * 22 records.
    assert max(sizes) >= 40
    assert sum(sizes) == 2000, "nothing was refused, and nothing sent twice"


def test_one_record_that_is_too_large_is_refused_and_the_others_go_on(
    journaled: Journaled, run: RunRecord, moody: Moody, memory: MemoryTracker
) -> None:
    moody.error = taking(100_000)
    for value in range(500):
        journaled.write_points(run.id, [point(value)])
    journaled.write_points(run.id, [point("x" * 200_000, "essay")])
    for value in range(500, 1000):
        journaled.write_points(run.id, [point(value)])
    with pytest.raises(UserErrorException, match=r"1 of the records .*'essay'.* was refused"):
        journaled.update_run(run.id, RunChange(status="Completed"))
    assert values(memory, run) == list(range(1000))
    assert values(memory, run, "essay") == []
    assert memory.get_run(run.id).status == "Completed"
    assert moody.calls.count("write_points") < 20
    journaled.flush(run.id)  # the error is raised only once


def test_one_of_several_files_is_refused_and_the_others_are_stored(
    journaled: Journaled, run: RunRecord, moody: Moody, memory: MemoryTracker, tmp_path: Path
) -> None:
    moody.error = lambda name, *arguments: (
        TooLarge("It is too large.") if name == "put_files" and "c" in arguments[1] else None
    )
    for name in "abcde":
        (tmp_path / name).write_text(name)
    journaled.put_files(run.id, {name: tmp_path / name for name in "abcde"}, replace=True)
    with pytest.raises(UserErrorException, match="file 'c'"):
        journaled.flush(run.id)
    assert memory.list_files(run.id) == ["a", "b", "d", "e"]
