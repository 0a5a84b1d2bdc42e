"""The contract as tests: a plugin inherits :class:`TrackerSuite` and gives it a tracker.

    class TestMine(TrackerSuite):
        @pytest.fixture
        def tracker(self):
            return MyTracker("mine://…")

The tracker may hold other experiments already. Each test's docstring is the sentence of
``amlflow.spec`` that does not hold when it fails. ``opener`` gives the tracker to other processes: a
picklable function without arguments; leave it out and the tests across processes are skipped by name.
"""

from __future__ import annotations

import itertools
import multiprocessing
import string
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from amlflow.exceptions import AzureMLException
from amlflow.spec import (
    TICK,
    Condition,
    ExperimentChange,
    ExperimentNotFound,
    ExperimentRecord,
    Feature,
    FileInRun,
    FileNotInRun,
    Kind,
    Op,
    Point,
    PropertyConflict,
    Refused,
    RunChange,
    RunDraft,
    RunNotFound,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
MILLISECOND = timedelta(milliseconds=1)

AWKWARD = [
    "plain",
    "with space",
    " leading and trailing ",
    string.punctuation,
    "it's",
    'say "no"',
    "back\\slash",
    "100%",
    "under_score",
    "a/b",
    "a//b",
    "/a",
    "a/",
    ".",
    "..",
    "../up",
    ":u41:",
    ":u",
    "::",
    "größer",
    "日本語",
    "עברית",
    "😀 emoji",
    "e\u0301 combining",
    "line\nbreak",
    "tab\there",
    "mlflow.runName",
    "amlflow.root",
    "property.x",
    "--comment",
    "a AND b = 'c'",
    "NULL",
]


def awkward_values() -> list[str]:
    """Texts that a tracker must give back as they are, the empty one and a long one too."""
    return [*AWKWARD, "", "\u200b", "\u200b\u200b", "long " * 1000]


class TrackerSuite:
    """What every tracker must do. A subclass gives the fixture ``tracker``."""

    @pytest.fixture
    def tracker(self) -> Tracker:
        raise NotImplementedError("a subclass of TrackerSuite gives the fixture `tracker`")

    @pytest.fixture
    def opener(self) -> Callable[[], Tracker] | None:
        """A function for other processes that opens the same tracker."""
        return None

    @pytest.fixture
    def experiment(self, tracker: Tracker) -> ExperimentRecord:
        return tracker.ensure_experiment(f"suite-{uuid.uuid4().hex}")

    @pytest.fixture
    def run(self, tracker: Tracker, experiment: ExperimentRecord) -> RunRecord:
        return self.made(tracker, experiment)

    def made(self, tracker: Tracker, experiment: ExperimentRecord, **values: Any) -> RunRecord:
        [record] = tracker.create_runs([self.draft(experiment, **values)])
        return record

    def draft(self, experiment: ExperimentRecord, **values: Any) -> RunDraft:
        return RunDraft(**{"experiment_id": experiment.id, "created": _now(), **values})

    # --- experiments ---

    def test_ensure_experiment_makes_it_once(self, tracker: Tracker) -> None:
        """ensure_experiment: the experiment of this name, made where there is none."""
        name = f"suite-{uuid.uuid4().hex}"
        made = tracker.ensure_experiment(name)
        assert made.name == name
        assert made.archived is None
        assert tracker.ensure_experiment(name).id == made.id

    def test_ensure_experiment_by_many_at_once(self, tracker: Tracker) -> None:
        """ensure_experiment: other processes work at the same time, and one name is one experiment."""
        name = f"suite-{uuid.uuid4().hex}"
        with ThreadPoolExecutor(8) as pool:
            ids = {each.id for each in pool.map(tracker.ensure_experiment, [name] * 8)}
        assert len(ids) == 1

    def test_get_experiment(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """get_experiment: the experiment of this id. Raises ExperimentNotFound."""
        assert tracker.get_experiment(experiment.id).name == experiment.name
        with pytest.raises(ExperimentNotFound):
            tracker.get_experiment("99999999")

    def test_list_experiments(self, tracker: Tracker) -> None:
        """list_experiments: all experiments, archived ones too, newest first."""
        made = [tracker.ensure_experiment(f"suite-{uuid.uuid4().hex}") for _ in range(3)]
        tracker.update_experiment(made[1].id, ExperimentChange(archived=True))
        wanted = [each.id for each in reversed(made)]
        assert [each.id for each in tracker.list_experiments() if each.id in wanted] == wanted

    def test_experiment_tags(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """update_experiment: tags are set and removed; None, empty and awkward texts come back."""
        tags: dict[str, str | None] = {key: key for key in AWKWARD}
        tags.update({"none": None, "empty": "", "gone": "x"})
        tracker.update_experiment(experiment.id, ExperimentChange(tags=tags))
        tracker.update_experiment(experiment.id, ExperimentChange(tags_removed=["gone", "never"]))
        del tags["gone"]
        assert tracker.get_experiment(experiment.id).tags == tags

    def test_archive_and_reactivate(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """update_experiment: archived says when; ensure_experiment gives archived ones as they are."""
        run = self.made(tracker, experiment)
        tracker.update_experiment(experiment.id, ExperimentChange(archived=True))
        archived = tracker.ensure_experiment(experiment.name)
        assert archived.id == experiment.id
        assert archived.archived is not None
        assert archived.archived.tzinfo is not None
        tracker.update_experiment(experiment.id, ExperimentChange(archived=False))
        assert tracker.get_experiment(experiment.id).archived is None
        assert tracker.get_run(run.id).id == run.id

    def test_archived_experiments_are_not_searched_by_default(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """RunQuery: None means all experiments, and archived ones are out of the way."""
        run = self.made(tracker, experiment, tags={"mark": experiment.name})
        mine = Condition("tags", Op.EQ, experiment.name, key="mark")
        found = [each.id for each in tracker.find_runs(RunQuery(conditions=[mine]))]
        assert run.id in found
        tracker.update_experiment(experiment.id, ExperimentChange(archived=True))
        found = [each.id for each in tracker.find_runs(RunQuery(conditions=[mine]))]
        assert run.id not in found

    def test_rename_experiment(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """update_experiment: a name is changed, and the id stays."""
        name = f"{experiment.name}-renamed"
        tracker.update_experiment(experiment.id, ExperimentChange(name=name))
        assert tracker.ensure_experiment(name).id == experiment.id

    def test_delete_experiment(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """delete_experiment: Refused where it has runs; else its name is free."""
        run = self.made(tracker, experiment)
        with pytest.raises(Refused):
            tracker.delete_experiment(experiment.id)
        assert tracker.get_run(run.id).experiment_id == experiment.id
        empty = tracker.ensure_experiment(f"suite-{uuid.uuid4().hex}")
        tracker.delete_experiment(empty.id)
        again = tracker.ensure_experiment(empty.name)
        assert again.id != empty.id
        assert again.archived is None

    # --- making runs ---

    def test_a_draft_comes_back(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """create_runs: the record has what the draft says."""
        created = _now()
        record = self.made(
            tracker,
            experiment,
            name="a name",
            type="azureml.scriptrun",
            created=created,
            description="*what* it is",
            tags={"key": "value", "bare": None, "empty": ""},
            properties={"author": "me", "empty": ""},
            system={"target": "local", "definition": '{"a": [1, 2]}'},
        )
        for found in (record, tracker.get_run(record.id)):
            assert found.experiment_id == experiment.id
            assert found.alias is None
            assert found.parent_id is None
            assert found.root_id == found.id
            assert found.name == "a name"
            assert found.type == "azureml.scriptrun"
            assert found.status == Status.RUNNING
            assert abs(found.created - created) <= MILLISECOND
            assert found.started == found.created
            assert found.ended is None
            assert found.description == "*what* it is"
            assert found.tags == {"key": "value", "bare": None, "empty": ""}
            assert found.properties == {"author": "me", "empty": ""}
            assert found.system == {"target": "local", "definition": '{"a": [1, 2]}'}

    def test_many_at_once_keep_their_order(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """create_runs: make runs, in this order."""
        now = _now()
        drafts = [
            self.draft(experiment, tags={"place": str(place)}, created=now + place * MILLISECOND)
            for place in range(20)
        ]
        made = tracker.create_runs(drafts)
        assert [each.tags["place"] for each in made] == [str(place) for place in range(20)]
        found = list(tracker.find_runs(RunQuery(experiment_ids=[experiment.id])))
        assert [each.id for each in found] == [each.id for each in reversed(made)]

    def test_no_drafts(self, tracker: Tracker) -> None:
        """create_runs: none are none."""
        assert tracker.create_runs([]) == []

    def test_an_asked_for_id(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """create_runs: an asked-for id is the alias, and get_run takes it as well as the id."""
        record = self.made(tracker, experiment, run_id="my-run_1.a")
        assert record.alias == "my-run_1.a"
        assert tracker.get_run("my-run_1.a", experiment.id).id == record.id
        assert tracker.get_run(record.id, experiment.id).alias == "my-run_1.a"

    def test_an_asked_for_id_is_unique(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """create_runs: an asked-for id that the experiment has already is Refused; no run is made."""
        self.made(tracker, experiment, run_id="taken")
        with pytest.raises(Refused, match="taken"):
            tracker.create_runs([self.draft(experiment), self.draft(experiment, run_id="taken")])
        assert len(list(tracker.find_runs(RunQuery(experiment_ids=[experiment.id])))) == 1
        other = tracker.ensure_experiment(f"suite-{uuid.uuid4().hex}")
        assert self.made(tracker, other, run_id="taken").alias == "taken"

    @pytest.mark.parametrize("run_id", ["missing", "0" * 32, "it's", '"', "😀"])
    def test_unknown_ids(self, tracker: Tracker, experiment: ExperimentRecord, run_id: str) -> None:
        """get_run: raises RunNotFound."""
        with pytest.raises(RunNotFound) as caught:
            tracker.get_run(run_id)
        assert caught.value.run_id == run_id
        with pytest.raises(RunNotFound):
            tracker.get_run(run_id, experiment.id)

    def test_a_run_of_another_experiment(
        self, tracker: Tracker, experiment: ExperimentRecord, run: RunRecord
    ) -> None:
        """get_run: the run in this experiment, or in any."""
        other = tracker.ensure_experiment(f"suite-{uuid.uuid4().hex}")
        with pytest.raises(RunNotFound):
            tracker.get_run(run.id, other.id)

    def test_calls_on_unknown_runs(self, tracker: Tracker, tmp_path: Path) -> None:
        """update_run and the others: raise RunNotFound and do nothing."""
        path = tmp_path / "file"
        path.write_text("x")
        missing = uuid.uuid4().hex
        calls: list[Callable[[], object]] = [
            lambda: tracker.update_run(missing, RunChange(tags={"a": "b"})),
            lambda: tracker.update_run(missing, RunChange(properties={"a": "b"})),
            lambda: tracker.update_run(missing, RunChange(status=Status.COMPLETED)),
            lambda: tracker.write_points(missing, [_point("a", 1.0)]),
            lambda: tracker.read_points(missing),
            lambda: tracker.put_files(missing, {"a": path}),
            lambda: tracker.list_files(missing),
        ]
        for call in calls:
            with pytest.raises(RunNotFound):
                call()

    def test_numbers(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """run_number: the run's place in its experiment by creation, from 1, children included."""
        first = self.made(tracker, experiment)
        child = self.made(
            tracker, experiment, parent_id=first.id, root_id=first.id, created=_later(1)
        )
        third = self.made(tracker, experiment, created=_later(2))
        assert tracker.run_number(third) == 3
        assert tracker.run_number(first) == 1
        assert tracker.run_number(child) == 2
        fourth = self.made(tracker, experiment, created=_later(3))
        assert tracker.run_number(fourth) == 4
        assert tracker.run_number(tracker.get_run(third.id)) == 3

    # --- tags, properties, state ---

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
        for _ in range(3):
            run = self.made(tracker, experiment)
            outcomes = _race(16, lambda me: _claim(tracker, run.id, me))
            _check_claims(tracker.get_run(run.id), outcomes)

    def test_the_same_property_by_many_threads(self, tracker: Tracker, run: RunRecord) -> None:
        """update_run: the same value again is accepted, in any race."""
        change = RunChange(properties={"same": "value", "too": "x"})
        assert _race(16, lambda me: tracker.update_run(run.id, change)) == [None] * 16
        assert tracker.get_run(run.id).properties == {"same": "value", "too": "x"}

    def test_one_of_many_processes_writes_a_property(
        self, tracker: Tracker, run: RunRecord, opener: Callable[[], Tracker] | None
    ) -> None:
        """update_run: other processes work on the same runs, and one value stays."""
        outcomes = _in_processes(opener, _claim_in_process, run.id)
        _check_claims(tracker.get_run(run.id), outcomes)

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
        started, ended = _later(1), _later(5)
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

    # --- search ---

    def test_search(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """find_runs: never too few; with `Feature.SEARCH`, none too many for keys and values."""
        values = [*AWKWARD, "", "x" * 3000]
        drafts = [
            self.draft(
                experiment,
                created=START + place * MILLISECOND,
                tags={"key": value, f"key {value}"[:80]: "there"},
                properties={"key": value},
                description=value or None,
                name=f"run {place}",
            )
            for place, value in enumerate(values)
        ]
        drafts.append(self.draft(experiment, tags={"key": None, "other": "x"}, created=START))
        made = tracker.create_runs(drafts)
        records = [tracker.get_run(each.id) for each in made]
        conditions = [
            Condition("tags", Op.HAS, key="key"),
            Condition("tags", Op.LACKS, key="other"),
            Condition("tags", Op.EQ, None, key="key"),
            Condition("properties", Op.HAS, key="key"),
            Condition("properties", Op.LACKS, key="key"),
            Condition("created", Op.GE, START + 5 * MILLISECOND),
            Condition("created", Op.LE, START + 5 * MILLISECOND),
            Condition("status", Op.EQ, Status.RUNNING),
            Condition("status", Op.NE, Status.COMPLETED),
            Condition("name", Op.EQ, "run 3"),
            Condition("id", Op.EQ, made[2].id),
            Condition("parent_id", Op.LACKS),
        ]
        for value in values:
            for op in (Op.EQ, Op.NE, Op.STARTS_WITH, Op.CONTAINS):
                conditions.append(Condition("tags", op, value, key="key"))
                conditions.append(Condition("properties", op, value, key="key"))
                conditions.append(Condition("description", op, value))
            conditions.append(Condition("tags", Op.HAS, key=f"key {value}"[:80]))
        for condition in conditions:
            self.check_search(tracker, experiment, [condition], records)
        both = [
            Condition("tags", Op.EQ, "plain", key="key"),
            Condition("properties", Op.STARTS_WITH, "pl", key="key"),
            Condition("status", Op.EQ, Status.RUNNING),
        ]
        self.check_search(tracker, experiment, both, records)

    def check_search(
        self,
        tracker: Tracker,
        experiment: ExperimentRecord,
        conditions: Sequence[Condition],
        records: Sequence[RunRecord],
    ) -> None:
        query = RunQuery(experiment_ids=[experiment.id], conditions=conditions)
        found = list(tracker.find_runs(query))
        wanted = [each.id for each in records if all(c.holds(each) for c in conditions)]
        ids = [each.id for each in found if all(c.holds(each) for c in conditions)]
        assert sorted(ids) == sorted(wanted), conditions
        assert found == sorted(found, key=lambda each: each.created, reverse=True), conditions

    def test_search_is_paged(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """find_runs: newest first, all of them, whatever the tracker's page."""
        now = _now()
        drafts = [self.draft(experiment, created=now + n * MILLISECOND) for n in range(1100)]
        made = [each.id for each in tracker.create_runs(drafts)]
        found = [each.id for each in tracker.find_runs(RunQuery(experiment_ids=[experiment.id]))]
        assert found == made[::-1]
        few = tracker.find_runs(RunQuery(experiment_ids=[experiment.id], limit=3))
        assert [each.id for each in itertools.islice(few, 10)] == made[::-1][:10]

    def test_search_while_runs_start(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """find_runs: runs that start meanwhile shift nothing: none twice, none left out."""
        now = _now()
        made = tracker.create_runs(
            [self.draft(experiment, created=now + n * MILLISECOND) for n in range(9)]
        )
        found = []
        for record in tracker.find_runs(RunQuery(experiment_ids=[experiment.id], limit=3)):
            found.append(record.id)
            self.made(tracker, experiment, created=_later(60))
        assert [each for each in found if each in {run.id for run in made}] == [
            each.id for each in reversed(made)
        ]
        assert len(set(found)) == len(found)

    def test_search_by_family(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """find_runs: children know their parent and root."""
        root = self.made(tracker, experiment)
        child = self.made(tracker, experiment, parent_id=root.id, root_id=root.id)
        grandchild = self.made(tracker, experiment, parent_id=child.id, root_id=root.id)
        stranger = self.made(tracker, experiment)
        records = [tracker.get_run(each.id) for each in (root, child, grandchild, stranger)]
        assert [each.parent_id for each in records] == [None, root.id, child.id, None]
        assert [each.root_id for each in records] == [root.id, root.id, root.id, stranger.id]
        for condition in (
            Condition("parent_id", Op.EQ, root.id),
            Condition("parent_id", Op.EQ, child.id),
            Condition("root_id", Op.EQ, root.id),
            Condition("parent_id", Op.HAS),
            Condition("parent_id", Op.LACKS),
        ):
            self.check_search(tracker, experiment, [condition], records)

    def test_search_of_nothing(self, tracker: Tracker) -> None:
        """find_runs: those of the experiments; of none there are none."""
        assert list(tracker.find_runs(RunQuery(experiment_ids=[]))) == []

    # --- metrics ---

    def test_points_come_back(self, tracker: Tracker, run: RunRecord) -> None:
        """read_points: values come back with their types, by time and position."""
        values: list[Any] = [
            1.5, 0.1 + 0.2, -2.0, 3, -4, 2**60, 2**53 + 1, True, False, "text", "", None,
            float("inf"), float("-inf"), 1e308, 5e-324, 0.0, -0.0, "größer 😀", 10**400,
        ]  # fmt: skip
        points = [_point("m", value, order=place) for place, value in enumerate(values)]
        for point in points:
            tracker.write_points(run.id, [point])
        found = [each.value for each in tracker.read_points(run.id)]
        assert [(repr(each), type(each)) for each in found] == [
            (repr(each), type(each)) for each in values
        ]

    def test_nan_comes_back(self, tracker: Tracker, run: RunRecord) -> None:
        """read_points: nan too."""
        tracker.write_points(run.id, [_point("m", float("nan"))])
        [found] = tracker.read_points(run.id)
        assert found.value != found.value

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            (Kind.LIST, [1, 2.5, "x", None, True, float("inf")]),
            (Kind.LIST, []),
            (Kind.LIST, list(range(3000))),
            (Kind.ROW, {"a": 1, "b": 2.5, "größe 😀": "x", "none": None}),
            (Kind.TABLE, {"a": [1, 2, 3], "b": ["x", None, 2.5], "": [True, False, True]}),
            (Kind.TABLE, {"empty": []}),
            (Kind.TABLE, {"long": [value / 7 for value in range(3000)]}),
            (Kind.IMAGE, "plot_1.png"),
            (Kind.CONFUSION_MATRIX, "matrix.json"),
            (Kind.SCALAR, "long text " * 2000),
        ],
        ids=lambda value: value.name if isinstance(value, Kind) else "value",
    )
    def test_kinds_come_back(
        self, tracker: Tracker, run: RunRecord, kind: Kind, value: Any
    ) -> None:
        """Point: every kind keeps its value's shape and types, short or long."""
        tracker.write_points(run.id, [_point("m", value, kind=kind)])
        tracker.write_points(run.id, [_point("m", 1.0, order=1)])
        first, second = tracker.read_points(run.id)
        assert first.kind is kind
        assert repr(first.value) == repr(value)
        assert second.value == 1.0

    def test_awkward_metric_names(self, tracker: Tracker, run: RunRecord) -> None:
        """Names are any text: points come back under theirs, and by name alone."""
        points = [_point(name, float(place)) for place, name in enumerate(AWKWARD)]
        tracker.write_points(run.id, points)
        assert {each.name: each.value for each in tracker.read_points(run.id)} == {
            name: float(place) for place, name in enumerate(AWKWARD)
        }
        for place, name in enumerate(AWKWARD[:8]):
            assert [each.value for each in tracker.read_points(run.id, [name])] == [float(place)]
        assert tracker.read_points(run.id, ["never"]) == []

    def test_points_of_one_name_alone(self, tracker: Tracker, run: RunRecord) -> None:
        """read_points: those of some names, whatever their kind and however they are stored."""
        tracker.write_points(run.id, [_point("r", {"x": 1, "y": 2.0}, kind=Kind.ROW)])
        tracker.write_points(run.id, [_point("r.x", 5.0), _point("l", [1.0, 2.0], kind=Kind.LIST)])
        assert [each.value for each in tracker.read_points(run.id, ["r.x"])] == [5.0]
        assert [each.value for each in tracker.read_points(run.id, ["r"])] == [{"x": 1, "y": 2.0}]
        assert [each.value for each in tracker.read_points(run.id, ["l"])] == [[1.0, 2.0]]
        assert len(tracker.read_points(run.id)) == 3

    def test_steps(self, tracker: Tracker, run: RunRecord) -> None:
        """Point: position is the step, or else the order."""
        points = [_point("s", float(n), order=n, step=n * 10) for n in range(5)]
        points += [_point("u", float(n), order=n) for n in range(5)]
        points += [_point("same", 1.0, order=n, step=7, time=START + n * TICK) for n in range(5)]
        points += [_point("negative", 1.0, step=-3)]
        tracker.write_points(run.id, points)
        found = tracker.read_points(run.id)
        assert [each.position for each in found if each.name == "s"] == [0, 10, 20, 30, 40]
        assert [each.position for each in found if each.name == "u"] == [0, 1, 2, 3, 4]
        assert [each.position for each in found if each.name == "same"] == [7] * 5
        assert [each.position for each in found if each.name == "negative"] == [-3]
        assert {each.time for each in found if each.name == "same"} == {
            START + n * TICK for n in range(5)
        }

    def test_many_points_at_once(self, tracker: Tracker, run: RunRecord) -> None:
        """write_points: as many as there are, in the order of the calls."""
        points = [_point("m", float(n), order=n, time=START) for n in range(2500)]
        tracker.write_points(run.id, points)
        assert [each.value for each in tracker.read_points(run.id)] == [
            float(n) for n in range(2500)
        ]

    def test_sent_twice_is_stored_once(self, tracker: Tracker, run: RunRecord) -> None:
        """Point: a tracker stores an identity once, however often it is sent."""
        points = [
            _point("m", 1.0, order=0),
            _point("m", 1.0, order=1),
            _point("m", "text", order=2),
            _point("i", 3, order=0),
            _point("l", [1.0, 1.0], order=0, kind=Kind.LIST),
            _point("r", {"a": 1}, order=0, kind=Kind.ROW),
        ]
        tracker.write_points(run.id, points)
        tracker.write_points(run.id, points)
        tracker.write_points(run.id, points[2:4])
        assert [each.value for each in tracker.read_points(run.id, ["m"])] == [1.0, 1.0, "text"]
        assert len(tracker.read_points(run.id)) == len(points)

    def test_sent_twice_by_another_process(
        self, tracker: Tracker, run: RunRecord, opener: Callable[[], Tracker] | None
    ) -> None:
        """Point: also when another process sends again what a writer that died had sent."""
        if opener is None:
            pytest.skip("no opener: the tracker lives in one process")
        points = [
            *(_point("m", value, order=n) for n, value in enumerate([1.0, 2, "x", None, True])),
            _point("l", [1.0, 1.0], order=0, kind=Kind.LIST),
        ]
        tracker.write_points(run.id, points)
        opener().write_points(run.id, [*points, _point("m", 3, order=5)])
        assert [each.value for each in tracker.read_points(run.id, ["m"])] == [
            1.0, 2, "x", None, True, 3,
        ]  # fmt: skip
        assert len(tracker.read_points(run.id, ["l"])) == 1

    def test_two_writers_at_the_same_moment(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """Point: the writer is part of the identity, so two processes do not overwrite each other."""
        for owner in (None, "w0", "other"):
            run = self.made(tracker, experiment, writer=owner)
            for writer in ("w0", "w1", "w2"):
                for value in (1.0, 1, "same", None):
                    points = [
                        _point("m", value, writer=writer, order=n, time=START + n * TICK)
                        for n in range(3)
                    ]
                    tracker.write_points(run.id, [points[0]])
                    tracker.write_points(run.id, points)
                    break
            found = tracker.read_points(run.id)
            assert [each.value for each in found] == [1.0] * 9

    def test_many_threads_of_many_writers(self, tracker: Tracker, run: RunRecord) -> None:
        """write_points: safe to use from several threads."""

        def log(me: int) -> None:
            for n in range(5):
                points = [
                    _point("m", float(n), writer=f"w{me}", order=n),
                    _point("text", f"{me}", writer=f"w{me}", order=n),
                ]
                tracker.write_points(run.id, points)

        assert _race(8, log) == [None] * 8
        assert len(tracker.read_points(run.id, ["m"])) == 40
        assert sorted(each.value for each in tracker.read_points(run.id, ["text"])) == sorted(
            str(me) for me in range(8) for _ in range(5)
        )

    def test_many_processes_log_one_metric(
        self, tracker: Tracker, run: RunRecord, opener: Callable[[], Tracker] | None
    ) -> None:
        """write_points: other processes work on the same runs, and nothing is overwritten."""
        outcomes = _in_processes(opener, _log_in_process, run.id)
        assert outcomes == [None] * len(outcomes)
        found = tracker.read_points(run.id, ["m"])
        assert len(found) == 20 * len(outcomes)
        for me in range(len(outcomes)):
            mine = [each.value for each in found if each.writer == f"process{me}"]
            if mine:  # a tracker need not say who wrote a point
                assert mine == [float(n) for n in range(20)]

    # --- files ---

    def test_files_come_back(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """put_files, list_files, get_file: names with /, contents as they were."""
        contents = {
            "a.txt": b"a",
            "outputs/model.bin": bytes(range(256)) * 100,
            "outputs/deep/er/größe 1.txt": "größer".encode(),
            "logs/empty": b"",
        }
        files = {}
        for place, (name, content) in enumerate(contents.items()):
            files[name] = tmp_path / f"local{place}"
            files[name].write_bytes(content)
        tracker.put_files(run.id, files)
        assert tracker.list_files(run.id) == sorted(contents)
        assert tracker.list_files(run.id, "outputs/") == [
            "outputs/deep/er/größe 1.txt",
            "outputs/model.bin",
        ]
        assert tracker.list_files(run.id, "outputs/mod") == ["outputs/model.bin"]
        assert tracker.list_files(run.id, "never/") == []
        for name, content in contents.items():
            tracker.get_file(run.id, name, tmp_path / "back")
            assert (tmp_path / "back").read_bytes() == content

    def test_files_are_not_overwritten(
        self, tracker: Tracker, run: RunRecord, tmp_path: Path
    ) -> None:
        """put_files: FileInRun unless replace; then nothing of the call is stored."""
        old, new = tmp_path / "old", tmp_path / "new"
        old.write_text("old")
        new.write_text("new")
        tracker.put_files(run.id, {"dir/name": old})
        with pytest.raises(FileInRun):
            tracker.put_files(run.id, {"dir/name": new, "dir/other": new})
        assert tracker.list_files(run.id) == ["dir/name"]
        tracker.get_file(run.id, "dir/name", tmp_path / "back")
        assert (tmp_path / "back").read_text() == "old"
        tracker.put_files(run.id, {"dir/name": new}, replace=True)
        tracker.get_file(run.id, "dir/name", tmp_path / "back")
        assert (tmp_path / "back").read_text() == "new"

    def test_missing_files(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """get_file: raises FileNotInRun; a folder is no file."""
        path = tmp_path / "file"
        path.write_text("x")
        tracker.put_files(run.id, {"folder/file": path})
        for name in ("never", "folder", "folder/never", "never/file"):
            with pytest.raises(FileNotInRun):
                tracker.get_file(run.id, name, tmp_path / "back")
        assert not (tmp_path / "back").exists()

    def test_a_large_file(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """put_files: large files too."""
        path = tmp_path / "large"
        path.write_bytes(uuid.uuid4().bytes * (1 << 21))
        tracker.put_files(run.id, {"large": path})
        tracker.get_file(run.id, "large", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == path.read_bytes()

    def test_own_files_are_left_out(self, tracker: Tracker, run: RunRecord) -> None:
        """list_files: amlflow's own are left out, however much was logged."""
        tracker.write_points(run.id, [_point("m", "x" * 20_000), _point("n", 1.0)])
        assert tracker.list_files(run.id) == []

    def test_snapshots(self, tracker: Tracker, tmp_path: Path) -> None:
        """has_snapshot, put_snapshot, get_snapshot: an archive under its digest; Refused if none."""
        digest = uuid.uuid4().hex * 2
        archive = tmp_path / "archive.zip"
        archive.write_bytes(b"PK" + bytes(1000))
        assert not tracker.has_snapshot(digest)
        with pytest.raises(Refused):
            tracker.get_snapshot(digest, tmp_path / "back.zip")
        tracker.put_snapshot(digest, archive)
        assert tracker.has_snapshot(digest)
        tracker.get_snapshot(digest, tmp_path / "back.zip")
        assert (tmp_path / "back.zip").read_bytes() == archive.read_bytes()

    def test_snapshots_are_out_of_sight(self, tracker: Tracker, tmp_path: Path) -> None:
        """list_experiments, find_runs: what keeps snapshots is no experiment of a user's."""
        archive = tmp_path / "archive.zip"
        archive.write_bytes(b"PK")
        before = {each.id for each in tracker.list_experiments()}
        tracker.put_snapshot(uuid.uuid4().hex * 2, archive)
        assert {each.id for each in tracker.list_experiments()} <= before

    # --- models and links ---

    def test_models(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """register_model: the run's file or folder is the next version of a model."""
        if Feature.MODELS not in tracker.features:
            pytest.skip("the tracker claims no model registry")
        path = tmp_path / "model.bin"
        path.write_bytes(b"model")
        tracker.put_files(run.id, {"outputs/model.bin": path})
        name = f"model-{uuid.uuid4().hex}"
        first = tracker.register_model(run.id, "outputs/model.bin", name, tags={"a": "b"})
        second = tracker.register_model(run.id, "outputs", name, description="all of it")
        assert (first.name, first.version, first.run_id) == (name, 1, run.id)
        assert first.tags == {"a": "b"}
        assert (second.version, second.description) == (2, "all of it")

    def test_links(self, tracker: Tracker, experiment: ExperimentRecord, run: RunRecord) -> None:
        """run_link, experiment_link: the addresses of their pages."""
        assert run.id in tracker.run_link(run)
        assert experiment.id in tracker.experiment_link(experiment.id)


# --- helpers ---


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _later(seconds: float) -> datetime:
    return _now() + timedelta(seconds=seconds)


def _point(
    name: str,
    value: Any,
    *,
    kind: Kind = Kind.SCALAR,
    order: int = 0,
    step: int | None = None,
    time: datetime | None = None,
    writer: str = "writer",
) -> Point:
    return Point(
        name=name,
        value=value,
        kind=kind,
        step=step,
        order=order,
        time=START + order * TICK if time is None else time,
        writer=writer,
    )


def _race(threads: int, act: Callable[[int], object]) -> list[object]:
    """What each thread's act returned or raised; all begin at the same moment."""
    barrier = threading.Barrier(threads)

    def enter(me: int) -> object:
        barrier.wait()
        try:
            return act(me)
        except AzureMLException as error:
            return error

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(enter, range(threads)))


def _claim(tracker: Tracker, run_id: str, me: int) -> int:
    change = RunChange(
        properties={"owner": f"value {me}", f"own {me}": "x"}, tags={f"tag {me}": "x"}
    )
    tracker.update_run(run_id, change)
    return me


def _check_claims(run: RunRecord, outcomes: Sequence[Any]) -> None:
    winners = [each for each in outcomes if isinstance(each, int)]
    losers = [each for each in outcomes if not isinstance(each, int)]
    assert len(winners) == 1, outcomes
    assert run.properties == {"owner": f"value {winners[0]}", f"own {winners[0]}": "x"}
    assert run.tags == {f"tag {winners[0]}": "x"}
    for loser in losers:
        key, kept, refused = (
            (loser.key, loser.kept, loser.refused) if isinstance(loser, PropertyConflict) else loser
        )
        assert (key, kept) == ("owner", f"value {winners[0]}")
        assert refused != kept


PROCESSES = 4


def _in_processes(
    opener: Callable[[], Tracker] | None, work: Callable[..., Any], run_id: str
) -> list[Any]:
    if opener is None:
        pytest.skip("no opener: the tracker lives in one process")
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        barrier = manager.Barrier(PROCESSES)
        with context.Pool(PROCESSES) as pool:
            arguments = [(opener, run_id, me, barrier) for me in range(PROCESSES)]
            return pool.starmap(work, arguments)


def _claim_in_process(
    opener: Callable[[], Tracker], run_id: str, me: int, barrier: Any
) -> int | tuple[str, str, str]:
    tracker = opener()
    barrier.wait()
    try:
        return _claim(tracker, run_id, me)
    except PropertyConflict as error:
        return error.key, error.kept, error.refused


def _log_in_process(opener: Callable[[], Tracker], run_id: str, me: int, barrier: Any) -> None:
    tracker = opener()
    barrier.wait()
    for n in range(20):
        # All at the same time and step, with the same value: only the writer tells them apart.
        point = _point("m", float(n), writer=f"process{me}", order=n)
        tracker.write_points(run_id, [point])


def awkward_pairs() -> Iterator[tuple[str, str]]:
    """Every awkward key with every awkward value."""
    return itertools.product(AWKWARD, awkward_values())
