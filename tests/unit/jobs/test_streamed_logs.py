"""The headings of the logs that `wait_for_completion` writes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from amlflow.core.runs import waiting
from amlflow.core.runs.waiting import RunWaiting, StreamedLog
from amlflow.jobs.job import BUILD_LOG
from amlflow.spec import LAUNCHED, FileNotInRun, Status


class Reader:
    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def new(self, last: bool) -> Iterator[str]:
        return iter(self.texts)


def printed(build_log: list[str], log: list[str]) -> str:
    readers: list[Any] = [Reader(*build_log), Reader(*log)]
    first = StreamedLog("build.txt", readers[0], is_optional=True)
    output = io.StringIO()
    first.write(output, last=True)
    StreamedLog("log.txt", readers[1], after=first).write(output, last=True)
    return output.getvalue()


LOG = "Streaming log.txt\n=================\n\nhello\n"


@pytest.mark.parametrize(
    ("build_log", "expected"),
    [
        (["made\n"], f"Streaming build.txt\n===================\n\nmade\n\n{LOG}"),
        ([""], LOG),
        ([], LOG),
    ],
)
def test_a_blank_line_is_before_the_second_heading(build_log: list[str], expected: str) -> None:
    assert printed(build_log, ["hello\n"]) == expected


@pytest.mark.parametrize("status", [Status.PREPARING, Status.CANCEL_REQUESTED, Status.FINALIZING])
def test_the_log_of_a_build_that_fails_is_written_when_the_tracker_has_it(
    monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    files: dict[str, str] = {}

    def get_file(run_id: str, name: str, path: Path) -> None:
        if name not in files:
            raise FileNotInRun(run_id, name)
        path.write_text(files[name])

    def ask() -> str:
        if statuses[0] == Status.FAILED:
            files[BUILD_LOG] = "no such package\n"
        return statuses.pop(0)

    statuses = [str(status), str(Status.FAILED)]
    monkeypatch.setattr(waiting, "parse_environment", lambda _: SimpleNamespace(is_made=True))
    monkeypatch.setattr("amlflow.jobs.log_reader.find_job", lambda *_: None)
    record = SimpleNamespace(id="1", system={LAUNCHED: "yes"})
    tracker = SimpleNamespace(uri="memory://", get_file=get_file)
    run: Any = SimpleNamespace(_tracker=tracker, _record=record)
    output = io.StringIO()
    RunWaiting._stream(run, output, ask)
    assert "no such package" in output.getvalue()
