"""What a tracker gives back is parsed against a type with limits, and never raises."""

from __future__ import annotations

import json
import logging
import uuid
from datetime import datetime, timezone
from typing import Any

import pytest
from amlflow import tracker_data
from amlflow.spec import RunRecord, Status
from amlflow.submit.job import new_name


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
        job = tracker_data.parse_job(
            run(job=json.dumps({"name": name, "host": "here", "proof": proof}))
        )
        assert job == tracker_data.JobNote(name, "here", proof)

    def test_needs_no_proof(self) -> None:
        job = tracker_data.parse_job(run(job=json.dumps({"name": new_name(), "host": "here"})))
        assert job is not None
        assert job.proof is None

    @pytest.mark.parametrize(
        "name", ["", ".", "..", "/etc", "../..", "a" * 31, "A" * 32, "a" * 32 + "\n", "a" * 33, 12]
    )
    def test_has_a_name_of_the_form_that_amlflow_makes(self, name: Any) -> None:
        assert tracker_data.parse_job(run(job=json.dumps({"name": name, "host": "here"}))) is None

    @pytest.mark.parametrize("other", [{"host": None}, {"host": "x" * 300}, {"proof": "ab"}])
    def test_has_a_host_and_a_proof(self, other: dict[str, Any]) -> None:
        note = {"name": new_name(), "host": "here", **other}
        assert tracker_data.parse_job(run(job=json.dumps(note))) is None


class TestWhatDoesNotParse:
    def test_is_named_once_for_each_run_and_key(self, caplog: pytest.LogCaptureFixture) -> None:
        damaged, other = run(job="\x1b[31mno JSON"), run(job="{")
        for record in (damaged, other, damaged, other):
            assert tracker_data.parse_job(record) is None
        first, second = caplog.records
        assert (first.name, first.levelno) == ("amlflow", logging.WARNING)
        assert damaged.id in first.getMessage()
        assert "'job'" in first.getMessage()
        assert r"'\x1b[31mno JSON'" in first.getMessage()
        assert other.id in second.getMessage()

    def test_is_shortened(self, caplog: pytest.LogCaptureFixture) -> None:
        tracker_data.parse_job(run(job="x" * 1_000_000))
        assert len(caplog.records[0].getMessage()) < 500

    def test_is_absent_where_it_is_none(self, caplog: pytest.LogCaptureFixture) -> None:
        assert tracker_data.parse_job(run(job=None)) is None
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
