"""Tests of tags, properties and the state of runs."""

from __future__ import annotations

import functools
import time
from datetime import datetime

import pytest

from amlflow.spec import (
    FINAL,
    UNSTARTED,
    ExperimentRecord,
    PropertyConflict,
    Refused,
    RunChange,
    RunRecord,
    Status,
    Tracker,
    transition,
)
from amlflow.testing.suites.base import (
    ALIKE,
    AWKWARD,
    FEW,
    LONG,
    MILLISECOND,
    UTC,
    SuiteBase,
    awkward_values,
    check_claims,
    claim,
    later,
    race,
    refuses,
)

TIMEOUT_S = 60
"""How long something may take on a busy machine that usually takes one or two seconds."""


class MetadataTests(SuiteBase):
    """Tests of what a tracker keeps of a run."""

    def test_awkward_keys(self, tracker: Tracker, run: RunRecord) -> None:
        """
        page: Keys, names and values can be any text, also an empty one; a tracker raises Refused
            for a text that it cannot store exactly.
        """
        keys = [*AWKWARD, *ALIKE]
        tags: dict[str, str | None] = {key: f"tag {index}" for index, key in enumerate(keys)}
        properties = {key: f"property {index}" for index, key in enumerate(keys)}
        tracker.update_run(run.id, RunChange(tags=tags, properties=properties))
        record = tracker.get_run(run.id)
        assert record.tags == tags
        assert record.properties == properties
        if not refuses(tracker.update_run, run.id, RunChange(tags={"": "no key"})):
            assert tracker.get_run(run.id).tags == {**tags, "": "no key"}

    def test_awkward_values(self, tracker: Tracker, run: RunRecord) -> None:
        """
        page: Keys, names and values can be any text, also an empty one; a tracker raises Refused
            for a text that it cannot store exactly.
        """
        values = {f"key{index}": value for index, value in enumerate(awkward_values())}
        tracker.update_run(run.id, RunChange(tags={**values, "none": None}, properties=values))
        record = tracker.get_run(run.id)
        assert record.tags == {**values, "none": None}
        assert record.properties == values

    def test_too_long_is_refused_not_cut_off(self, tracker: Tracker, run: RunRecord) -> None:
        """
        page: It never shortens a text.
        Refused: The tracker does not accept this value; sending it again does not help.
        page: A method does everything that its docstring says, or raises one of the contract's
            errors and changes nothing.
        """
        for size in (6_001, 8_001, 10_000, 100_000):
            for change in (
                RunChange(tags={f"fine {size}": "x", "key": "v" * size}),
                RunChange(properties={f"fine {size}": "x", f"key{size}": "v" * size}),
                RunChange(description="v" * size),
                RunChange(tags={f"good {size}": "x", "k" * size: "v"}),
                RunChange(properties={f"good {size}": "x", "k" * size: "v"}),
            ):
                before = tracker.get_run(run.id)
                # Refused: The tracker does not accept
                try:
                    tracker.update_run(run.id, change)
                except Refused:
                    # Refused: The tracker does not accept
                    assert refuses(tracker.update_run, run.id, change)
                    # page: A method does everything
                    assert tracker.get_run(run.id) == before
                    continue
                # page: It never shortens a text.
                record = tracker.get_run(run.id)
                for key, value in change.tags.items():
                    assert record.tags[key] == value
                for key, value in change.properties.items():
                    assert record.properties[key] == value
                assert change.description in (None, record.description)

    def test_many_threads_change_one_run(self, tracker: Tracker, run: RunRecord) -> None:
        """
        Tracker: Its methods can be called from several threads.
        RunChange: A change to a run; what is not given stays as it is.
        """

        def change(me: int) -> None:
            for n in range(3):
                tracker.update_run(
                    run.id, RunChange(tags={f"tag {me} {n}": "x"}, system={f"note{me}": str(n)})
                )

        # Tracker: Its methods can be called
        assert race(16, change) == [None] * 16
        record = tracker.get_run(run.id)
        # RunChange: A change to a run
        assert record.tags == {f"tag {me} {n}": "x" for me in range(16) for n in range(3)}
        assert record.system == {f"note{me}": "2" for me in range(16)}

    def test_who_sees_the_status_sees_the_rest(self, tracker: Tracker, run: RunRecord) -> None:
        """
        update_run: Apply a change: properties first, status last.
        RunChange: status is applied last, so that a reader who sees it also sees the rest.
        """
        tags: dict[str, str | None] = {f"tag {n}": "x" for n in range(120)}
        change = RunChange(
            status=Status.COMPLETED, tags=tags, properties={"p": "x"}, description="done"
        )

        def act(me: int) -> object:
            if me == 0:
                tracker.update_run(run.id, change)
                return None
            deadline = time.monotonic() + TIMEOUT_S
            while time.monotonic() < deadline:
                record = tracker.get_run(run.id)
                if record.status == Status.COMPLETED:
                    return record
                # A server may read a run's parts one after the other: so the properties are in
                # this answer, or they were stored before the tags were read.
                if record.tags and not record.properties:
                    # update_run: Apply a change
                    assert tracker.get_run(run.id).properties
            return None

        # RunChange: status is applied last
        _, record = race(2, act)
        assert isinstance(record, RunRecord)
        assert (record.tags, record.properties, record.description) == (tags, {"p": "x"}, "done")

    @pytest.mark.parametrize("final", sorted(FINAL))
    def test_a_run_that_has_ended(self, tracker: Tracker, run: RunRecord, final: str) -> None:
        """
        transition: A final status is replaced only by another one, or by Running, which starts the
            run again.
        transition: Any other status that comes later is ignored, and the rest of the change is
            applied.
        transition: A run has an end time only while its status is final.
        FINAL: The statuses that end a run; see transition.
        RunChange: A change to a run; what is not given stays as it is.
        """
        # FINAL: The statuses that end a run
        tracker.update_run(run.id, RunChange(status=final))
        for late in (Status.CANCEL_REQUESTED, Status.FINALIZING, Status.QUEUED):
            tracker.update_run(run.id, RunChange(status=late, tags={"late": late}))
            record = tracker.get_run(run.id)
            # transition: Any other status that comes later
            assert (record.status, record.tags) == (final, {"late": late})
            # transition: A run has an end time only
            assert record.ended is not None
        for another in sorted(FINAL - {final}):
            # transition: A final status is replaced
            tracker.update_run(run.id, RunChange(status=another, system={"error": another}))
            record = tracker.get_run(run.id)
            assert (record.status, record.system["error"]) == (another, another)
            # transition: A run has an end time only
            assert record.ended is not None
        # transition: A final status is replaced
        tracker.update_run(run.id, RunChange(status=Status.RUNNING))
        record = tracker.get_run(run.id)
        assert record.status == Status.RUNNING
        # transition: A run has an end time only
        assert record.ended is None
        # RunChange: A change to a run
        assert record.started == run.started
        # transition: A final status is replaced
        tracker.update_run(run.id, RunChange(status=Status.FAILED))
        assert tracker.get_run(run.id).status == Status.FAILED

    def test_tags_change_and_go(self, tracker: Tracker, run: RunRecord) -> None:
        """
        RunChange: A change to a run; what is not given stays as it is.
        RunChange: A tag that is both set and removed is removed.
        """
        tracker.update_run(run.id, RunChange(tags={"a": "1", "b": "2", "c": None}))
        # RunChange: A change to a run
        removed = ["b", "never", "both"]
        tracker.update_run(run.id, RunChange(tags={"a": "new", "both": "x"}, tags_removed=removed))
        tags = tracker.get_run(run.id).tags
        # RunChange: A tag that is both set and removed
        assert "both" not in tags
        # RunChange: A change to a run
        assert tags == {"a": "new", "c": None}
        tracker.update_run(run.id, RunChange(tags={"a": None, "c": "now", "d": ""}))
        tracker.update_run(run.id, RunChange(tags={"e": "x"}, tags_removed=["d"]))
        assert tracker.get_run(run.id).tags == {"a": None, "c": "now", "e": "x"}

    def test_many_tags_at_once(self, tracker: Tracker, run: RunRecord) -> None:
        """update_run: Apply a change: properties first, status last."""
        tags: dict[str, str | None] = {f"tag{index}": str(index) for index in range(250)}
        tracker.update_run(run.id, RunChange(tags=tags))
        assert tracker.get_run(run.id).tags == tags

    def test_properties_are_written_once(self, tracker: Tracker, run: RunRecord) -> None:
        """
        RunChange: Properties can be added but not changed: if a key already has another value, even
            if another process adds it at the same time, the whole change is a PropertyConflict.
        update_run: Raises RunNotFound, PropertyConflict, Refused.
        PropertyConflict: Nothing of the refused change was applied.
        PropertyConflict: The property already has another value.
        """
        # RunChange: Properties can be added
        tracker.update_run(run.id, RunChange(properties={"author": "me", "year": "2026"}))
        tracker.update_run(run.id, RunChange(properties={"author": "me"}))
        before = tracker.get_run(run.id)
        assert before.properties == {"author": "me", "year": "2026"}
        # update_run: Raises RunNotFound
        with pytest.raises(PropertyConflict) as caught:
            tracker.update_run(
                run.id,
                RunChange(
                    properties={"author": "you", "another": "x", "zebra": "x"},
                    tags={"tag": "x"},
                    system={"note": "x"},
                    status=Status.COMPLETED,
                    description="x",
                ),
            )
        # PropertyConflict: The property already has another value.
        assert (caught.value.key, caught.value.kept, caught.value.refused) == (
            "author",
            "me",
            "you",
        )
        # PropertyConflict: Nothing of the refused change
        assert tracker.get_run(run.id) == before

    def test_properties_of_a_draft_are_written_once(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """PropertyConflict: The property already has another value."""
        run = self.create_run(tracker, experiment, properties={"author": "me", "empty": ""})
        for change in ({"author": "you"}, {"empty": "x"}):
            with pytest.raises(PropertyConflict):
                tracker.update_run(run.id, RunChange(properties=change))
        assert tracker.get_run(run.id).properties == {"author": "me", "empty": ""}

    def test_one_of_many_threads_writes_a_property(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        RunChange: Properties can be added but not changed: if a key already has another value, even
            if another process adds it at the same time, the whole change is a PropertyConflict.
        Tracker: Its methods can be called from several threads.
        """
        for run in [self.create_run(tracker, experiment) for _ in range(3)]:
            # Tracker: Its methods can be called
            outcomes = race(16, functools.partial(claim, tracker, run.id))
            # RunChange: Properties can be added
            check_claims(tracker.get_run(run.id), outcomes)

    def test_the_same_property_by_many_threads(self, tracker: Tracker, run: RunRecord) -> None:
        """RunChange: Adding the same value again is accepted."""
        change = RunChange(properties={"same": "value", "too": "x"})
        assert race(16, lambda me: tracker.update_run(run.id, change)) == [None] * 16
        assert tracker.get_run(run.id).properties == {"same": "value", "too": "x"}

    @pytest.mark.parametrize(
        "status",
        [value for key, value in vars(Status).items() if key.isupper()],
    )
    def test_every_status(self, tracker: Tracker, run: RunRecord, status: str) -> None:
        """
        Status: The statuses of v1's runs.
        transition: A final status sets the end time to ended, or to now.
        transition: A run has an end time only while its status is final.
        """
        tracker.update_run(run.id, RunChange(status=status))
        record = tracker.get_run(run.id)
        # Status: The statuses of v1's runs.
        assert record.status == status
        if status in (Status.COMPLETED, Status.FAILED, Status.CANCELED):
            # transition: A final status sets the end time
            assert record.ended is not None
            assert record.ended >= record.created
        else:
            # transition: A run has an end time only
            assert record.ended is None

    def test_from_one_status_to_the_next(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        transition: The record of a run after a change, which Tracker.update_run stores.
        transition: A run has no start time while its status is one of UNSTARTED, and started is
            ignored.
        transition: Running sets the start time to started, or to now if the run has none.
        transition: Later started corrects the start time.
        UNSTARTED: The statuses of a run that has not begun; see transition.
        transition: A final status sets the end time to ended, or to now.
        transition: A run has an end time only while its status is final.
        page: Times are timezone-aware datetimes in UTC.
        """
        run = self.create_run(tracker, experiment, status=Status.NOT_STARTED)
        # UNSTARTED: The statuses of a run
        assert run.status == Status.NOT_STARTED
        # transition: A run has no start time
        assert run.started is None
        assert tracker.get_run(run.id).started is None
        started, ended = later(6), later(7)
        for change in (
            RunChange(status=Status.QUEUED),
            RunChange(status=Status.PREPARING),
            RunChange(started=later(1), ended=later(2)),
            RunChange(status=Status.RUNNING, started=later(3)),
            RunChange(ended=later(4)),
            RunChange(started=started),
            RunChange(status=Status.FINALIZING),
            RunChange(status=Status.FAILED, started=later(5), ended=ended),
            RunChange(started=started),
        ):
            # transition: The record of a run after a change
            run = transition(run, change)
            tracker.update_run(run.id, change)
            record = tracker.get_run(run.id)
            assert record.status == run.status
            if run.status in UNSTARTED:
                # transition: A run has no start time
                assert record.started is None, change
            elif change.status == Status.RUNNING:
                # transition: Running sets the start time
                assert is_same_time(record.started, run.started), change
            else:
                # transition: Later started corrects
                assert is_same_time(record.started, run.started), change
            if run.status in FINAL:
                # transition: A final status sets the end time
                assert is_same_time(record.ended, run.ended), change
            else:
                # transition: A run has an end time only
                assert record.ended is None, change
        # transition: The record of a run after a change
        assert (run.started, run.ended) == (started, ended)
        assert record.started is not None
        assert record.ended is not None
        # page: Times are timezone-aware
        assert record.started.utcoffset() == record.ended.utcoffset() == UTC

    def test_names_and_descriptions(self, tracker: Tracker, run: RunRecord) -> None:
        """
        RunChange: A change to a run; what is not given stays as it is.
        RunRecord: system is as in RunDraft.
        RunDraft: system holds amlflow's own notes, which are neither tags nor properties; a key is
            a short identifier.
        """
        # RunChange: A change to a run
        tracker.update_run(run.id, RunChange(name="größer 😀", description="# Title\n- item"))
        tracker.update_run(run.id, RunChange(system={"a": "1"}))
        tracker.update_run(run.id, RunChange(system={"b": "2"}))
        record = tracker.get_run(run.id)
        assert record.name == "größer 😀"
        assert record.description == "# Title\n- item"
        # RunDraft: system holds amlflow's own notes
        assert not {"a", "b"} & {*record.tags, *record.properties}
        # RunRecord: system is as in RunDraft.
        assert record.system == {"a": "1", "b": "2"}
        # RunChange: A change to a run
        for text in FEW:
            tracker.update_run(run.id, RunChange(name=text, description=text))
            record = tracker.get_run(run.id)
            assert (record.name, record.description) == (text, text)
        tracker.update_run(run.id, RunChange(description=""))
        assert not tracker.get_run(run.id).description
        if not refuses(tracker.update_run, run.id, RunChange(name="n" * LONG)):
            assert tracker.get_run(run.id).name == "n" * LONG


def is_same_time(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= MILLISECOND
