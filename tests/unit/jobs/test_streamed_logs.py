"""The headings of the logs that `wait_for_completion` writes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from amlflow.core.runs.waiting import StreamedLog


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
