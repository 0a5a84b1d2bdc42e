"""A log that takes long to store is continued in parts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amlflow.jobs import log_reader
from amlflow.jobs.agent import report
from amlflow.jobs.job import LOG, Job, JobFolder, Target
from amlflow.jobs.log_reader import LogReader
from amlflow.jobs.queue import Queue
from helpers.submitted_jobs import new_experiment

NEVER = 10**9


class Sending:
    """An agent's report of a run whose log is written by the test."""

    def __init__(self, run: Any) -> None:
        self.run = run
        target = Target(name="local", kind="local")
        job = Job(
            name="job", run_id=run.id, tracking_uri=run._tracker.uri, target=target, command=["x"],
            is_script=True, environ={}, environment={}, agent_python=sys.executable,
        )  # fmt: skip
        self.folder = JobFolder(job.name)
        self.folder.make()
        self.folder.work.mkdir()
        self.report = report.Report(self.folder, job, Queue(target))

    def send(self, content: bytes) -> None:
        with self.folder.log.open("ab") as log:
            log.write(content)
        self.report._send_logs()

    def reader(self) -> LogReader:
        """One on another machine."""
        return LogReader(self.run._tracker, self.run._record)


@pytest.fixture
def sending(store: str, jobs: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Sending]:
    # The whole file is sent and fetched only once, as if that had taken long.
    monkeypatch.setattr(report, "SHARE", NEVER)
    monkeypatch.setattr(log_reader, "SHARE", NEVER)
    monkeypatch.setattr(log_reader, "MIN_INTERVAL_S", 0.0)
    return Sending(new_experiment().start_logging(snapshot_directory=None))


def test_it_is_followed(sending: Sending, tmp_path: Path) -> None:
    early = sending.reader()
    assert "".join(early.new(False)) == ""
    early._next = 0.0
    sending.send(b"first\n")
    assert "".join(early.new(False)) == "first\n"
    sending.send("größ".encode()[:3])  # half a letter
    assert "".join(early.new(False)) == "gr"
    sending.send("größ".encode()[3:] + b"er\n")
    sending.send(b"more\n")
    assert "".join(early.new(False)) == "ößer\nmore\n"
    assert "".join(early.new(False)) == ""
    assert "".join(sending.reader().so_far()) == "first\ngrößer\nmore\n"
    tracker, run_id = sending.run._tracker, sending.run.id
    tracker.get_file(run_id, LOG, tmp_path / "whole")
    assert (tmp_path / "whole").read_text() == "first\n", "the whole file was sent again"
    assert tracker.list_files(run_id) == [LOG], "parts are amlflow's own"
    sending.report._send_files()
    assert "".join(early.new(last=True)) == ""
    assert "".join(sending.reader().new(last=True)) == "first\ngrößer\nmore\n"


def test_parts_and_wholes_overlap(sending: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        sending.send(b"line %d\n" % number)
    late = sending.reader()
    sending.report._next_log = 0.0  # the whole log is sent again, and the reader reads it first
    sending.send(b"line 5\n")
    text = "".join(late.new(False))
    sending.send(b"line 6\n")
    text += "".join(late.new(False))
    assert text == "".join(f"line {number}\n" for number in range(7))


def test_what_lies_between_is_awaited(sending: Sending) -> None:
    sending.send(b"first\n")
    reader = sending.reader()
    assert "".join(reader.new(False)) == "first\n"
    with sending.folder.log.open("ab") as log:
        log.write(b"unsent\n")
    sending.report._sent_bytes += len(b"unsent\n")
    sending.send(b"third\n")
    assert "".join(reader.new(False)) == ""
    sending.report._next_log = reader._next = 0.0
    sending.send(b"fourth\n")
    assert "".join(reader.new(False)) == "unsent\nthird\nfourth\n"


def test_a_part_has_a_limit(sending: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MAX_PART", 3)
    sending.send(b"a")
    reader = sending.reader()
    for content in (b"bcdefgh", b"", b""):
        sending.send(content)
    assert "".join(reader.so_far()) == "abcdefgh"
