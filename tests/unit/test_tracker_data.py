"""Values from a tracker are parsed against a type with limits. Reading them never raises."""

from __future__ import annotations

import ast
import json
import logging
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from amlflow import times, tracker_data, tracker_notes
from amlflow.jobs.job import new_name
from amlflow.spec import RunRecord, Status
from helpers.sources import nodes_of, python_files, text_of


def run(**system: Any) -> RunRecord:
    return RunRecord(
        id=uuid.uuid4().hex,
        experiment_id="1",
        status=Status.RUNNING,
        created=datetime(2026, 1, 1, tzinfo=timezone.utc),
        system=system,
    )


class TestJob:
    def test_is_read_as_it_was_noted(self) -> None:
        name, proof = new_name(), "0f" * 32
        job = tracker_notes.parse_job(
            run(job=json.dumps({"name": name, "host": "here", "proof": proof}))
        )
        assert job == tracker_notes.JobNote(name, "here", proof)

    def test_needs_no_proof(self) -> None:
        job = tracker_notes.parse_job(run(job=json.dumps({"name": new_name(), "host": "here"})))
        assert job is not None
        assert job.proof is None

    @pytest.mark.parametrize(
        "name", ["", ".", "..", "/etc", "../..", "a" * 31, "A" * 32, "a" * 32 + "\n", "a" * 33, 12]
    )
    def test_has_a_name_of_the_form_that_amlflow_makes(self, name: Any) -> None:
        assert tracker_notes.parse_job(run(job=json.dumps({"name": name, "host": "here"}))) is None

    @pytest.mark.parametrize("other", [{"host": None}, {"host": "x" * 300}, {"proof": "ab"}])
    def test_has_a_host_and_a_proof(self, other: dict[str, Any]) -> None:
        note = {"name": new_name(), "host": "here", **other}
        assert tracker_notes.parse_job(run(job=json.dumps(note))) is None


class TestWhatDoesNotParse:
    def test_is_named_once_for_each_run_and_key(self, caplog: pytest.LogCaptureFixture) -> None:
        damaged, other = run(job="\x1b[31mno JSON"), run(job="{")
        for record in (damaged, other, damaged, other):
            assert tracker_notes.parse_job(record) is None
        first, second = caplog.records
        assert (first.name, first.levelno) == ("amlflow", logging.WARNING)
        assert damaged.id in first.getMessage()
        assert "'job'" in first.getMessage()
        assert r"'\x1b[31mno JSON'" in first.getMessage()
        assert other.id in second.getMessage()

    def test_is_shortened(self, caplog: pytest.LogCaptureFixture) -> None:
        tracker_notes.parse_job(run(job="x" * 1_000_000))
        assert len(caplog.records[0].getMessage()) < 500

    def test_is_absent_where_it_is_none(self, caplog: pytest.LogCaptureFixture) -> None:
        assert tracker_notes.parse_job(run(job=None)) is None
        assert not caplog.records


class TestJson:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "nonsense",
            "NaN",
            '{"a": Infinity}',
            "1e999",
            "9" * 5000,
            "9" * 21,
            "[" * 100_000,
            "[" * 40 + "]" * 40,
            '{"a":' * 40 + "1" + "}" * 40,
            '"' + "x" * 70_000 + '"',
        ],
    )
    def test_is_strict_and_limited(self, text: str) -> None:
        with pytest.raises(tracker_data.Malformed):
            tracker_data.to_json(text)

    def test_may_have_as_many_lists_as_it_likes_beside_each_other(self) -> None:
        assert tracker_data.to_json(json.dumps([[n] for n in range(1000)]))[999] == [999]

    def test_holds_texts_that_can_be_encoded(self) -> None:
        found = tracker_data.to_json(r'{"\ud800": ["\udc80", "\ud83d\ude00"]}')
        assert found == {"\\ud800": ["\\udc80", "😀"]}


ERROR = {"error": {"code": "UserError", "message": "no"}}
AT = "2026-01-02T03:04:05+00:00"


class TestNotes:
    """Each note is what was written, or absent."""

    @pytest.mark.parametrize(
        ("key", "text", "value"),
        [
            ("end", json.dumps({"status": "Canceled", "error": None}),
             tracker_notes.EndRequest("Canceled", None)),
            ("end", json.dumps({"status": "Failed", "error": ERROR}),
             tracker_notes.EndRequest("Failed", ERROR)),
            ("error", json.dumps(ERROR), ERROR),
            ("heartbeat", AT, datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)),
            ("heartbeat_seconds", "0.5", 0.5),
            ("silent", "{}", tracker_notes.Silence()),
            ("warnings", '["a", "b"]', ["a", "b"]),
            ("definition", '{"script": "a.py"}', {"script": "a.py"}),
            ("target", "gpu", "gpu"),
            ("parent", "my-run_1.a", "my-run_1.a"),
            ("statuses_status", "CancelRequested", "CancelRequested"),
        ],
    )  # fmt: skip
    def test_is_read(self, key: str, text: str, value: Any) -> None:
        assert tracker_notes.NOTES[key](run(**{key: text})) == value

    @pytest.mark.parametrize(
        ("key", "text"),
        [
            ("end", '{"status": "Running", "error": null}'),
            ("end", '{"status": ["Canceled"]}'),
            ("end", '{"status": "Failed", "error": {"error": {}}}'),
            ("error", '{"error": {"message": 3}}'),
            ("error", '{"error": null}'),
            ("error", "[]"),
            ("heartbeat", "2026-01-02T03:04:05"),
            ("heartbeat", "yesterday"),
            ("heartbeat", "0001-01-01T00:00:00+14:00"),
            ("heartbeat_seconds", "nan"),
            ("heartbeat_seconds", "inf"),
            ("heartbeat_seconds", "-1"),
            ("heartbeat_seconds", "1e9"),
            ("silent", '{"heartbeat": 3, "since": 4}'),
            ("silent", '{"heartbeat": "2026-01-02T03:04:05+00:00"}'),
            ("warnings", "[1]"),
            ("warnings", json.dumps(["w"] * 101)),
            ("definition", "[]"),
            ("target", ""),
            ("target", "x" * 300),
            ("parent", "../a"),
            ("root", "a b"),
            ("statuses_status", "Dancing"),
        ],
    )
    def test_is_absent_where_it_is_something_else(self, key: str, text: str) -> None:
        assert tracker_notes.NOTES[key](run(**{key: text})) is None


class TestMoments:
    @pytest.mark.parametrize("count", [2**62, -(2**62), 253402300800000, 10**400])
    def test_is_the_nearest_that_python_has(self, count: int) -> None:
        moment = times.from_milliseconds(count)
        assert moment == (times.LATEST if count > 0 else times.EARLIEST)
        # Such a time can be shown in every zone, as a text of the same length.
        assert len(moment.isoformat()) == 25
        for zone in (timezone(timedelta(hours=14)), timezone(timedelta(hours=-14))):
            moment.astimezone(zone)

    def test_is_1970_where_there_is_no_number(self) -> None:
        assert times.from_milliseconds(None).year == 1970


class TestMetrics:
    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("scalar", 10**400), ("scalar", None), ("list", [1, "a", None]), ("row", {"a": 1}),
            ("table", {"a": [1], "b": [2]}), ("image", "plots/roc_1.png"),
        ],
    )  # fmt: skip
    def test_has_a_value_of_its_kind(self, kind: str, value: Any) -> None:
        assert tracker_data.to_kind(kind, value) == kind

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("dance", 1), (None, 1), ([], 1), ("scalar", []), ("list", 3), ("list", [[1]]),
            ("row", {"a": [1]}), ("table", {"a": 1}), ("table", {"a": [1], "b": []}),
            ("image", "../../etc/passwd"), ("image", "/etc/passwd"), ("image", 3), ("image", ""),
        ],
    )  # fmt: skip
    def test_is_malformed_with_another(self, kind: Any, value: Any) -> None:
        with pytest.raises(tracker_data.Malformed):
            tracker_data.to_kind(kind, value)


PARSING = {"loads", "fromisoformat", "raw_decode"}
OWN_FILES = {
    "tracker_data.py": "it is where all that is parsed",
    "user_files.py": "files of the user's project",
    "metric_values.py": "what the user's own code logs",
    "state.py": "what the same process has just made",
    "attached.py": "targets and datastores kept on this machine",
    "declared.py": "what amlflow has set for its script",
    "known_workspaces.py": "workspaces kept on this machine",
    "folder.py": "the journal on this machine",
    "record.py": "the journal on this machine",
    "payload.py": "what the submitter has given its own job",
    "recovery.py": "the journal on this machine",
    "data_notes.py": "what the agent on this machine has set for its script",
    "tables.py": "data that the user reads",
    "report.py": "what its own `amlflow sync` prints",
    "job.py": "a job's folder on this machine",
    "wire.py": "what amlflow itself sends between a script and its agent",
    "launcher.py": "the plan that the agent of this machine has written",
    "on_node.py": "the plan that a process on the same node has written",
    "supervise.py": "a job's folder on this machine",
    "installing.py": "what uv writes into an environment",
    "pythons.py": "what an interpreter of this machine says of itself",
    "kept.py": "environments kept on this machine",
    "arrays.py": "names of jobs kept on this machine",
    "curated.py": "a file of amlflow's own",
    "images.py": "what docker says",
    "in_images.py": "the label of an image on this machine's engine",
    "build.py": "what the process that starts it says",
    "conda.py": "what conda writes into an environment",
    "answers.py": "an answer of the server, not a text of a run",
    "client_address.py": "what the agent has written into the script's environment",
    "client_server_process.py": "what the process that starts it says",
    "values.py": "what a script and the process that makes its calls send",
    "surroundings.py": "a setting of the user's own",
    "dates.py": "a date of a definition of an environment, as a date or as a time and nothing else",
    "query_processes.py": "what the page's own query process says, which is JSON of this server",
    "query_worker.py": "a question of this server's, whose request was checked before",
}
"""Who else parses JSON or times, and why no tracker's data gets there."""


def sources() -> list[Path]:
    return [path for path in python_files() if "testing" not in path.parts]


@pytest.mark.xdist_group("sources")
def test_nobody_else_parses_what_a_tracker_gives() -> None:
    for path in sources():
        if path.name in OWN_FILES or not any(name in text_of(path) for name in PARSING):
            continue
        calls = {
            node.func.attr
            for node in nodes_of(path)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert not PARSING & calls, f"{path} parses on its own; see tracker_data"


@pytest.mark.xdist_group("sources")
def test_nobody_else_reads_the_text_of_a_note() -> None:
    """Notes are compared to what amlflow writes ("yes", a mark), and else read through Note."""
    compared = {"LAUNCHED", "MARK", "UPLOAD"}
    for path in sources():
        if path.name in ("tracker_data.py", "tracker_notes.py"):
            continue
        if ".system" not in text_of(path):
            continue
        for node in nodes_of(path):
            if isinstance(node, ast.Subscript):
                owner, key = node.value, node.slice
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr != "get" or not node.args:
                    continue
                owner, key = node.func.value, node.args[0]
            else:
                continue
            if isinstance(owner, ast.Attribute) and owner.attr == "system":
                where = f"{path.name}:{node.lineno}"
                assert isinstance(key, ast.Name), f"{where} reads a note as a text"
                assert key.id in compared, f"{where} reads a note as a text"
