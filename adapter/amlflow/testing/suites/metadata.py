"""Tags, properties and state of runs."""

from __future__ import annotations

import functools

import pytest

from amlflow.spec import (
    ExperimentRecord,
    PropertyConflict,
    Refused,
    RunChange,
    RunRecord,
    Status,
    Tracker,
)
from amlflow.testing.suites.base import (
    AWKWARD,
    MILLISECOND,
    SuiteBase,
    awkward_values,
    check_claims,
    claim,
    later,
    race,
)


class MetadataTests(SuiteBase):
    """What a tracker keeps of a run."""

    def test_awkward_keys(self, tracker: Tracker, run: RunRecord) -> None:
        """Keys are any text: tags and properties come back under their keys."""
        tags: dict[str, str | None] = {key: f"tag {place}" for place, key in enumerate(AWKWARD)}
        properties = {key: f"property {place}" for place, key in enumerate(AWKWARD)}
        tracker.update_run(run.id, RunChange(tags=tags, properties=properties))
        found = tracker.get_run(run.id)
        assert found.tags == tags
        assert found.properties == properties

    def test_awkward_values(self, tracker: Tracker, run: RunRecord) -> None:
        """Values are any text: the empty one and long ones too, and None beside ""."""
        values = {f"key{place}": value for place, value in enumerate(awkward_values())}
        tracker.update_run(run.id, RunChange(tags={**values, "none": None}, properties=values))
        found = tracker.get_run(run.id)
        assert found.tags == {**values, "none": None}
        assert found.properties == values

    def test_too_long_is_refused_not_cut_off(self, tracker: Tracker, run: RunRecord) -> None:
        """What a tracker cannot keep exactly it refuses. It never cuts anything off."""
        for size in (6_001, 8_001, 10_000, 100_000):
            for change in (
                RunChange(tags={"fine": "x", "key": "v" * size}),
                RunChange(properties={"fine": "x", f"key{size}": "v" * size}),
                RunChange(description="v" * size),
                RunChange(tags={"fine": "x", "k" * size: "v"}),
                RunChange(properties={"fine": "x", "k" * size: "v"}),
            ):
                before = tracker.get_run(run.id)
                try:
                    tracker.update_run(run.id, change)
                except Refused:
                    assert tracker.get_run(run.id) == before
                    continue
                found = tracker.get_run(run.id)
                for key, value in change.tags.items():
                    assert found.tags[key] == value
                for key, value in change.properties.items():
                    assert found.properties[key] == value
                assert change.description in (None, found.description)

    def test_tags_change_and_go(self, tracker: Tracker, run: RunRecord) -> None:
        """update_run: tags set and removed; what is left out stays."""
        tracker.update_run(run.id, RunChange(tags={"a": "1", "b": "2", "c": None}))
        tracker.update_run(run.id, RunChange(tags={"a": "new"}, tags_removed=["b", "never"]))
        assert tracker.get_run(run.id).tags == {"a": "new", "c": None}

    def test_many_tags_at_once(self, tracker: Tracker, run: RunRecord) -> None:
        """update_run: as many tags as there are."""
        tags: dict[str, str | None] = {f"tag{place}": str(place) for place in range(250)}
        tracker.update_run(run.id, RunChange(tags=tags))
        assert tracker.get_run(run.id).tags == tags

    def test_properties_are_written_once(self, tracker: Tracker, run: RunRecord) -> None:
        """update_run: a key with another value makes the whole change a PropertyConflict."""
        tracker.update_run(run.id, RunChange(properties={"author": "me", "year": "2026"}))
        tracker.update_run(run.id, RunChange(properties={"author": "me"}))
        before = tracker.get_run(run.id)
        with pytest.raises(PropertyConflict) as caught:
            tracker.update_run(
                run.id,
                RunChange(
                    properties={"author": "you", "another": "x"},
                    tags={"tag": "x"},
                    system={"note": "x"},
                    status=Status.COMPLETED,
                    description="x",
                ),
            )
        assert (caught.value.key, caught.value.kept, caught.value.refused) == (
            "author",
            "me",
            "you",
        )
        assert tracker.get_run(run.id) == before

    def test_one_of_many_threads_writes_a_property(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """update_run: in any race one value stays, and nothing of a loser's change is applied."""
        for run in [self.made(tracker, experiment) for _ in range(3)]:
            outcomes = race(16, functools.partial(claim, tracker, run.id))
            check_claims(tracker.get_run(run.id), outcomes)

    def test_the_same_property_by_many_threads(self, tracker: Tracker, run: RunRecord) -> None:
        """update_run: the same value again is accepted, in any race."""
        change = RunChange(properties={"same": "value", "too": "x"})
        assert race(16, lambda me: tracker.update_run(run.id, change)) == [None] * 16
        assert tracker.get_run(run.id).properties == {"same": "value", "too": "x"}

    @pytest.mark.parametrize(
        "status",
        [value for key, value in vars(Status).items() if key.isupper()],
    )
    def test_every_status(self, tracker: Tracker, run: RunRecord, status: str) -> None:
        """update_run: every status of v1 comes back; a final one sets the end."""
        tracker.update_run(run.id, RunChange(status=status))
        found = tracker.get_run(run.id)
        assert found.status == status
        if status in (Status.COMPLETED, Status.FAILED, Status.CANCELED):
            assert found.ended is not None
            assert found.ended >= found.created
        else:
            assert found.ended is None

    def test_from_one_status_to_the_next(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """update_run: a run goes through its statuses, and starts when it is said to."""
        run = self.made(tracker, experiment, status=Status.NOT_STARTED)
        assert run.status == Status.NOT_STARTED
        assert run.started is None
        assert tracker.get_run(run.id).started is None
        started, ended = later(1), later(5)
        for status in (Status.QUEUED, Status.PREPARING):
            tracker.update_run(run.id, RunChange(status=status))
            assert tracker.get_run(run.id).status == status
        tracker.update_run(run.id, RunChange(status=Status.RUNNING, started=started))
        tracker.update_run(run.id, RunChange(status=Status.FINALIZING))
        assert tracker.get_run(run.id).status == Status.FINALIZING
        tracker.update_run(run.id, RunChange(status=Status.FAILED, ended=ended))
        found = tracker.get_run(run.id)
        assert found.status == Status.FAILED
        assert found.started is not None
        assert found.ended is not None
        assert abs(found.started - started) <= MILLISECOND
        assert abs(found.ended - ended) <= MILLISECOND

    def test_names_and_descriptions(self, tracker: Tracker, run: RunRecord) -> None:
        """update_run: name, description and system notes change; what is left out stays."""
        tracker.update_run(run.id, RunChange(name="größer 😀", description="# Title\n- item"))
        tracker.update_run(run.id, RunChange(system={"a": "1"}))
        tracker.update_run(run.id, RunChange(system={"b": "2"}))
        found = tracker.get_run(run.id)
        assert found.name == "größer 😀"
        assert found.description == "# Title\n- item"
        assert found.system == {"a": "1", "b": "2"}
