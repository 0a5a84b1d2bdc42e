"""Tests of searches."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from amlflow.spec import (
    Condition,
    ExperimentRecord,
    Feature,
    Op,
    Order,
    RunChange,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)
from amlflow.testing.failures import BrokenSentence
from amlflow.testing.suites.base import FEW, MILLISECOND, START, SuiteBase, current, later
from amlflow.testing.suites.cleaning import new_name
from amlflow.testing.suites.places import assert_places


class SearchTests(SuiteBase):
    """Tests of how a tracker finds runs."""

    """A number of runs that the tracker reads in more than one page."""

    def test_search(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        find_runs: The runs that match a query, and no others, read from the tracker while you
            iterate.
        RunQuery: Which runs to find: those of the experiments that meet all conditions.
        Op: All operators but NE and LACKS are false if the field is absent.
        Condition: field is the name of an attribute; for tags, properties, params and a model's
            system, key is the key in it.
        Condition: value is a text, or a datetime for created, started and ended.
        """
        values = [
            "plain",
            "PLAIN",
            "100%",
            "under_score",
            "back\\slash",
            "a/b",
            ":u41:",
            *FEW,
            "",
            "x" * 3000,
        ]
        drafts = [
            self.draft(
                experiment,
                created=START + index * MILLISECOND,
                tags={"key": value, f"key {value}"[:80]: "there"},
                properties={"key": value},
                description=value or None,
                name=f"run {index}",
            )
            for index, value in enumerate(values)
        ]
        special_fields = {
            "run_id": "asked-for",
            "type": "azureml.scriptrun",
            "status": Status.COMPLETED,
        }
        tags = {"key": None, "other": "x"}
        drafts.append(self.draft(experiment, tags=tags, created=START, **special_fields))
        created = tracker.create_runs(drafts)
        records = [tracker.get_run(run.id) for run in created]
        conditions = [
            Condition("tags", Op.HAS, key="key"),
            Condition("tags", Op.LACKS, key="other"),
            Condition("tags", Op.EQ, None, key="key"),
            Condition("properties", Op.HAS, key="key"),
            Condition("properties", Op.LACKS, key="key"),
            Condition("params", Op.HAS, key="key"),
            Condition("params", Op.LACKS, key="key"),
            Condition("params", Op.EQ, "plain", key="key"),
            Condition("params", Op.NE, "plain", key="key"),
            Condition("created", Op.GE, START + 5 * MILLISECOND),
            Condition("created", Op.LE, START + 5 * MILLISECOND),
            Condition("status", Op.EQ, Status.RUNNING),
            Condition("status", Op.NE, Status.COMPLETED),
            Condition("name", Op.EQ, "run 3"),
            Condition("id", Op.EQ, created[2].id),
            Condition("parent_id", Op.LACKS),
            Condition("type", Op.EQ, "azureml.scriptrun"),
            Condition("type", Op.LACKS),
            Condition("alias", Op.EQ, "asked-for"),
            Condition("alias", Op.EQ, "ASKED-FOR"),
            Condition("experiment_id", Op.NE, experiment.id),
        ]
        for value in self.some(values):
            conditions.append(Condition("tags", Op.EQ, value, key="key"))
            conditions.append(Condition("tags", Op.STARTS_WITH, value, key="key"))
            conditions.append(Condition("properties", Op.EQ, value, key="key"))
            conditions.append(Condition("properties", Op.CONTAINS, value, key="key"))
            conditions.append(Condition("tags", Op.HAS, key=f"key {value}"[:80]))
        for op in (Op.EQ, Op.NE, Op.STARTS_WITH, Op.CONTAINS):
            conditions.append(Condition("description", op, "it's"))
            conditions.append(Condition("tags", op, "x", key="never"))
        for field in ("started", "ended"):
            conditions.append(Condition(field, Op.GE, START))
            conditions.append(Condition(field, Op.LE, START))
        conditions.append(Condition("properties", Op.NE, "plain", key="key"))
        conditions.append(Condition("tags", Op.NE, "plain", key="key"))
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
        results = list(tracker.find_runs(query))
        expected = sorted(
            (record for record in records if all(c.holds(record) for c in conditions)),
            key=lambda record: record.id,
        )
        expected.sort(key=lambda record: record.created, reverse=True)
        if [record.id for record in results] == [record.id for record in expected]:
            return
        beginning = "RunQuery: Which runs to find"
        if len(conditions) == 1:
            beginning = sentence_of(tracker, experiment, conditions[0], records)
        raise BrokenSentence(beginning, f"{conditions}: {results} were found, and not {expected}")

    def test_properties_are_not_params(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        RunRecord: params are the parameters that other clients of the tracker have logged to the
            run, under their own names; no property is among them.
        """
        run = self.create_run(tracker, experiment, properties={"key": "value"})
        tracker.update_run(run.id, RunChange(properties={"later": "value"}))
        records = [run, tracker.get_run(run.id)]
        records += tracker.find_runs(RunQuery(experiment_ids=[experiment.id]))
        assert [dict(record.params) for record in records] == [{}, {}, {}]

    def test_no_more_is_read_than_is_asked_for(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        RunQuery: fields is a hint that only these fields of the records will be read, or None:
            attributes, or one entry of a map as tags.KEY, including the fields of the conditions.
        RunQuery: All other fields of a record may then be missing, except its id, experiment and
            creation time.
        """
        drafts = [
            self.draft(
                experiment,
                name=f"run {index}",
                created=START + index * MILLISECOND,
                tags={"a: key": str(index), "none": None},
                properties={"a/key": str(index)},
                system={"target": "local", "other": "x"},
                description="text" if index else None,
                type="kind",
                status=Status.RUNNING if index else Status.QUEUED,
            )
            for index in range(4)
        ]
        runs = tracker.create_runs(drafts)
        tracker.update_run(runs[3].id, RunChange(status=Status.COMPLETED))
        nested = self.create_run(tracker, experiment, parent_id=runs[0].id, root_id=runs[0].id)
        runs_by_id = {run.id: tracker.get_run(run.id) for run in (*runs, nested)}
        always = ("id", "experiment_id", "created")
        plain = ["alias", "parent_id", "root_id", "name", "type", "status", "started", "ended"]
        plain += ["user", "description"]
        for field in [*plain, "tags", "properties", "system", "params"]:
            query = RunQuery(experiment_ids=[experiment.id], fields=frozenset({field}))
            records = list(tracker.find_runs(query))
            # RunQuery: fields is a hint
            assert len(records) == len(runs_by_id)
            for run in records:
                # RunQuery: fields is a hint
                assert getattr(run, field) == getattr(runs_by_id[run.id], field), field
                # RunQuery: All other fields
                for name in always:
                    assert getattr(run, name) == getattr(runs_by_id[run.id], name), name
        # RunQuery: fields is a hint
        keys = {"tags.a: key", "properties.a/key", "system.target", "tags.none", "tags.absent"}
        conditions = [Condition("tags", Op.HAS, key="none")]
        query = RunQuery(
            experiment_ids=[experiment.id], conditions=conditions, fields=frozenset(keys)
        )
        records = list(tracker.find_runs(query))
        assert [run.id for run in records] == [run.id for run in reversed(runs)]
        for run in records:
            for field, _, key in (name.partition(".") for name in keys):
                assert getattr(run, field).get(key) == getattr(runs_by_id[run.id], field).get(key)
                assert (key in getattr(run, field)) == (key in getattr(runs_by_id[run.id], field))

    def test_search_while_runs_start(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        find_runs: A run that is created meanwhile does not shift the others: none comes twice, and
            none is left out.
        """
        now = current()
        runs = tracker.create_runs(
            [self.draft(experiment, created=now + n * MILLISECOND) for n in range(9)]
        )
        run_ids = []
        for record in tracker.find_runs(RunQuery(experiment_ids=[experiment.id], limit=3)):
            run_ids.append(record.id)
            self.create_run(tracker, experiment, created=later(60))
        assert [run_id for run_id in run_ids if run_id in {run.id for run in runs}] == [
            run.id for run in reversed(runs)
        ]
        assert len(set(run_ids)) == len(run_ids)

    def test_search_in_an_order(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        RunQuery: With order, runs come in that order instead of newest first.
        Order: field is name, description, user or ended; or tags, properties or system with a key.
        Order: Runs without the field come last, also with descending; runs with equal values come
            newest first.
        """
        self.needs(tracker, Feature.ORDER)
        values = ["d", None, "b", "c", "b", None, "d"]
        drafts = [
            self.draft(
                experiment,
                created=START + index * MILLISECOND,
                name=value or "a",
                description=value,
                tags={"a: key": value} if value else {},
                properties={"a: key": value} if value else {},
                system={"target": value} if value else {},
            )
            for index, value in enumerate(values)
        ]
        run_ids = [record.id for record in tracker.create_runs(drafts)]
        for run_id, value in zip(run_ids, values, strict=True):
            if value:
                ended = START + "bcd".index(value) * timedelta(seconds=1)
                tracker.update_run(run_id, RunChange(status=Status.COMPLETED, ended=ended))
        up, down, lacking = [4, 2, 3, 6, 0], [6, 0, 3, 4, 2], [5, 1]
        newest_first = list(range(len(values)))[::-1]
        fields: list[tuple[str, str | None]] = [
            ("description", None),
            ("ended", None),
            ("tags", "a: key"),
        ]
        fields += [("properties", "a: key"), ("system", "target")]
        expected: dict[tuple[str, str | None], tuple[list[int], list[int]]] = {
            **dict.fromkeys(fields, (up + lacking, down + lacking)),
            ("name", None): (lacking + up, down + lacking),  # all runs have a name
            ("user", None): (newest_first, newest_first),  # all runs have the same user
        }
        for (field, key), orders in expected.items():
            for descending, places in zip((False, True), orders, strict=True):
                # All runs are read, even if a limit says that only some are needed.
                query = RunQuery(
                    experiment_ids=[experiment.id],
                    conditions=[Condition("status", Op.NE, Status.FAILED)],
                    limit=2 if descending else 0,
                    order=Order(field, key, descending),
                )
                # Order: field is name
                indexes = [run_ids.index(record.id) for record in tracker.find_runs(query)]
                if field != "user":
                    # RunQuery: With order
                    different = [n for n in places if n in (2, 3, 0)]
                    assert [n for n in indexes if n in different] == different, query.order
                # Order: Runs without the field
                assert indexes == places, query.order

    def test_search_from_a_place(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        RunQuery: The run at the place and all runs after it are returned.
        """
        self.needs(tracker, Feature.ORDER)
        values = ["b", None, "ä", "B", "b", "", "a'", None, "b"]
        drafts = [
            self.draft(
                experiment,
                # Three runs have the same time, and are ordered by their ids.
                created=START + index // 3 * MILLISECOND,
                name=value or "c",
                description=value or None,
                tags={} if value is None else {"a: key": value},
                properties={} if value is None else {"a: key": value},
                system={} if value is None else {"target": value},
            )
            for index, value in enumerate(values)
        ]
        for index, run in enumerate(tracker.create_runs(drafts)):
            if index % 2:
                ended = START + index // 4 * timedelta(seconds=1)
                tracker.update_run(run.id, RunChange(status=Status.COMPLETED, ended=ended))
        orders = [Order(field) for field in ("name", "description", "user", "ended")]
        orders += [Order("tags", "a: key"), Order("properties", "a: key")]
        for order in self.some([*orders, Order("system", "target"), Order("tags", "none")]):
            for descending in (False, True):
                assert_places(tracker, experiment, replace(order, descending=descending))

    def test_search_by_family(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        RunQuery: Which runs to find: those of the experiments that meet all conditions.
        RunRecord: root_id is the run's own id if it has no parent, and None if another client
            nested the run without naming a root.
        """
        root = self.create_run(tracker, experiment)
        child = self.create_run(tracker, experiment, parent_id=root.id, root_id=root.id)
        grandchild = self.create_run(tracker, experiment, parent_id=child.id, root_id=root.id)
        stranger = self.create_run(tracker, experiment)
        # RunRecord: root_id is
        records = [tracker.get_run(run.id) for run in (root, child, grandchild, stranger)]
        assert [record.parent_id for record in records] == [None, root.id, child.id, None]
        assert [record.root_id for record in records] == [root.id, root.id, root.id, stranger.id]
        # RunQuery: Which runs to find
        for condition in (
            Condition("parent_id", Op.EQ, root.id),
            Condition("parent_id", Op.EQ, child.id),
            Condition("root_id", Op.EQ, root.id),
            Condition("parent_id", Op.HAS),
            Condition("parent_id", Op.LACKS),
        ):
            self.check_search(tracker, experiment, [condition], records)

    def test_search_of_several_experiments(self, tracker: Tracker) -> None:
        """
        RunQuery: Which runs to find: those of the experiments that meet all conditions.
        RunQuery: limit is a hint that at most this many runs will be read; 0 means no hint.
        find_runs: They come by creation time, newest first; runs of the same time are ordered by
            id.
        """
        now = current()
        both = [tracker.ensure_experiment(new_name()) for _ in range(2)]
        runs = [
            self.create_run(tracker, both[n % 2], created=now - n * MILLISECOND, tags={"n": str(n)})
            for n in range(5)
        ]
        ids = [record.id for record in both]
        for experiment_ids in (ids, ids[::-1], [*ids, ids[0]]):
            for limit in (0, 1, 4, 5, 6):
                query = RunQuery(experiment_ids=experiment_ids, limit=limit)
                # RunQuery: Which runs to find
                run_ids = [run.id for run in tracker.find_runs(query)]
                if limit:
                    # RunQuery: limit is a hint
                    assert len(run_ids) == len(runs), query
                # RunQuery: Which runs to find
                assert sorted(run_ids) == sorted(run.id for run in runs), query
                # find_runs: They come by creation time
                assert run_ids == [run.id for run in runs], query
        # RunQuery: limit is a hint
        oldest = [Condition("tags", Op.EQ, "4", key="n")]
        [last] = tracker.find_runs(RunQuery(experiment_ids=ids, conditions=oldest, limit=1))
        assert last.id == runs[4].id

    def test_searches_do_not_disturb(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        Tracker: Its methods can be called from several threads.
        page: Other processes and machines change the same runs at the same time.
        """
        runs = tracker.create_runs([self.draft(experiment) for _ in range(5)])
        query = RunQuery(experiment_ids=[experiment.id], limit=2)
        # Tracker: Its methods can be called
        one, other = tracker.find_runs(query), tracker.find_runs(query)
        assert len([pair for pair in zip(one, other, strict=True) if pair[0] == pair[1]]) == len(
            runs
        )
        # page: Other processes and machines
        begun = tracker.find_runs(query)
        newest = next(iter(begun))
        # Others change runs while a search is being read, even if it is never read to its end.
        change = threading.Thread(
            target=tracker.update_run, args=(newest.id, RunChange(tags={"a": "b"})), daemon=True
        )
        change.start()
        change.join(self.patience)
        assert tracker.get_run(newest.id).tags == {"a": "b"}
        assert len(list(begun)) == len(runs) - 1

    def test_search_of_nothing(self, tracker: Tracker) -> None:
        """RunQuery: Which runs to find: those of the experiments that meet all conditions."""
        assert list(tracker.find_runs(RunQuery(experiment_ids=[]))) == []


def sentence_of(
    tracker: Tracker,
    experiment: ExperimentRecord,
    condition: Condition,
    records: Sequence[RunRecord],
) -> str:
    """Return the beginning of the sentence that is broken if a condition finds the wrong runs."""
    query = RunQuery(experiment_ids=[experiment.id], conditions=[condition])
    run_ids = {run.id for run in tracker.find_runs(query)}
    wrong = [run for run in records if (run.id in run_ids) != condition.holds(run)]
    has = Condition(condition.field, Op.HAS, key=condition.key)
    if wrong and not any(has.holds(run) for run in wrong):
        return "Op: All operators but NE and LACKS"
    return "find_runs: The runs that match"
