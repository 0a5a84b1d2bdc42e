"""Search."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from amlflow.spec import (
    Condition,
    ExperimentRecord,
    Op,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)
from amlflow.testing.suites.base import AWKWARD, MILLISECOND, START, SuiteBase, current, later


class SearchTests(SuiteBase):
    """How a tracker finds runs."""

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
            conditions.append(Condition("tags", Op.EQ, value, key="key"))
            conditions.append(Condition("tags", Op.STARTS_WITH, value, key="key"))
            conditions.append(Condition("properties", Op.EQ, value, key="key"))
            conditions.append(Condition("properties", Op.CONTAINS, value, key="key"))
            conditions.append(Condition("tags", Op.HAS, key=f"key {value}"[:80]))
        for op in (Op.EQ, Op.NE, Op.STARTS_WITH, Op.CONTAINS):
            conditions.append(Condition("description", op, "it's"))
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
        found = list(tracker.find_runs(query))
        wanted = [each.id for each in records if all(c.holds(each) for c in conditions)]
        ids = [each.id for each in found if all(c.holds(each) for c in conditions)]
        assert sorted(ids) == sorted(wanted), conditions
        assert found == sorted(found, key=lambda each: each.created, reverse=True), conditions

    def test_search_is_paged(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """find_runs: newest first, all of them, whatever the tracker's page."""
        now = current()
        drafts = [self.draft(experiment, created=now + n * MILLISECOND) for n in range(1100)]
        made = [each.id for each in tracker.create_runs(drafts)]
        found = [each.id for each in tracker.find_runs(RunQuery(experiment_ids=[experiment.id]))]
        assert found == made[::-1]
        few = tracker.find_runs(RunQuery(experiment_ids=[experiment.id], limit=3))
        assert [each.id for each in itertools.islice(few, 10)] == made[::-1][:10]

    def test_search_while_runs_start(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """find_runs: runs that start meanwhile shift nothing: none twice, none left out."""
        now = current()
        made = tracker.create_runs(
            [self.draft(experiment, created=now + n * MILLISECOND) for n in range(9)]
        )
        found = []
        for record in tracker.find_runs(RunQuery(experiment_ids=[experiment.id], limit=3)):
            found.append(record.id)
            self.made(tracker, experiment, created=later(60))
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
