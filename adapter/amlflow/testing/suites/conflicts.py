"""Tests that a call that is refused because of one item changes nothing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from amlflow.exceptions import AzureMLException
from amlflow.spec import (
    ExperimentChange,
    ExperimentNotFound,
    ExperimentRecord,
    FileInRun,
    PropertyConflict,
    Refused,
    RunChange,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)
from amlflow.testing.suites.base import ALIKE, SuiteBase, race, refuses
from amlflow.testing.suites.cleaning import new_name


def arrangements(bad: Any, good: Sequence[Any]) -> list[list[Any]]:
    """Return lists of items with the bad item alone, first, in the middle and last."""
    half = len(good) // 2
    return [[bad], [bad, *good], [*good[:half], bad, *good[half:]], [*good, bad]]


class ConflictTests(SuiteBase):
    """Tests that nothing is left of a refused call."""

    def test_a_conflict_of_properties_anywhere(self, tracker: Tracker, run: RunRecord) -> None:
        """
        RunChange: Properties can be added but not changed: if a key already has another value, even
            if another process adds it at the same time, the whole change is a PropertyConflict.
        PropertyConflict: Nothing of the refused change was applied.
        """
        tracker.update_run(run.id, RunChange(properties={"m": "kept", "other": "x"}))
        before = tracker.get_run(run.id)
        good = [("a", "1"), ("z", "2"), ("B", "3"), ("ä", "4")]
        for items in [
            *arrangements(("m", "new"), good),
            [("a", "1"), ("m", "new"), ("other", "x")],
            [("other", "y"), ("a", "1"), ("m", "kept")],
            list(itertools.chain((("m", "new"),), ((f"key {n}", "x") for n in range(60)))),
            list(itertools.chain(((f"key {n}", "x") for n in range(60)), (("m", "new"),))),
        ]:
            change = RunChange(
                properties=dict(items), tags={"t": "x"}, status=Status.FAILED, name="new"
            )
            # RunChange: Properties can be added
            with pytest.raises(PropertyConflict) as caught:
                tracker.update_run(run.id, change)
            assert caught.value.kept == before.properties[caught.value.key]
            assert caught.value.refused == dict(items)[caught.value.key]
            # PropertyConflict: Nothing of the refused change
            assert tracker.get_run(run.id) == before, items

    def test_values_that_are_alike_conflict(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """PropertyConflict: The property already has another value."""
        values = [*ALIKE, " alike", "alike\n", "ALIKE", "1", "1.0", "01", "true", "True", "x", ""]
        values += ["alike\u200b", "\u200b"]
        properties = {f"key {n}": value for n, value in enumerate(values)}
        run = self.create_run(tracker, experiment, properties=properties)
        for n in range(len(values)):
            changed = values[(n + 1) % len(values)]
            with pytest.raises(PropertyConflict) as caught:
                tracker.update_run(run.id, RunChange(properties={f"key {n}": changed}))
            assert (caught.value.kept, caught.value.refused) == (values[n], changed)
        tracker.update_run(run.id, RunChange(properties=properties))
        assert tracker.get_run(run.id).properties == properties

    def test_a_refused_draft_anywhere(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        create_runs: If the experiment already has a requested id, even if another process creates
            it at the same time, the call is Refused and no run is created.
        page: A method does everything that its docstring says, or raises one of the contract's
            errors and changes nothing.
        """
        self.create_run(tracker, experiment, run_id="taken")
        good = [self.draft(experiment), self.draft(experiment, run_id="free")]
        query = RunQuery(experiment_ids=[experiment.id])
        before = list(tracker.find_runs(query))
        cases: list[tuple[Any, type[AzureMLException]]] = [
            (self.draft(experiment, run_id="taken"), Refused),
            (self.draft(experiment, run_id="free"), Refused),
            (self.draft(experiment, experiment_id="99999999"), ExperimentNotFound),
        ]
        for bad, error in cases:
            for drafts in arrangements(bad, good):
                if bad.run_id == "free" and len(drafts) == 1:
                    continue
                # page: A method does everything
                with pytest.raises(error):
                    tracker.create_runs(drafts)
                runs = list(tracker.find_runs(query))
                if error is Refused:
                    # create_runs: If the experiment already
                    assert runs == before
                # page: A method does everything
                assert runs == before
        # create_runs: If the experiment already
        assert [run.alias for run in tracker.create_runs(good)] == [None, "free"]

    def test_drafts_of_several_experiments(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        create_runs: Create runs, in this order, as fast as the tracker can create many.
        RunDraft: A run to be created.
        RunRecord: root_id is the run's own id if it has no parent, and None if another client
            nested the run without naming a root.
        """
        other = tracker.ensure_experiment(new_name())
        parent = self.create_run(tracker, experiment)
        family = {"parent_id": parent.id, "root_id": parent.id}
        owners = [experiment, other, experiment, other]
        drafts = [self.draft(owner, run_id="same") for owner in owners[:2]]
        drafts += [self.draft(owner, **family) for owner in owners[2:]]
        runs = tracker.create_runs(drafts)
        for record, read_record, owner in zip(
            runs, [tracker.get_run(run.id) for run in runs], owners, strict=True
        ):
            # create_runs: Create runs, in this order
            assert record.experiment_id == read_record.experiment_id == owner.id
            # RunDraft: A run to be created.
            assert record.alias == read_record.alias
            assert record.parent_id == read_record.parent_id
            # RunRecord: root_id is
            assert record.root_id == read_record.root_id
        # RunDraft: A run to be created.
        assert [(run.parent_id, run.root_id) for run in runs[2:]] == [(parent.id, parent.id)] * 2
        # create_runs: Create runs, in this order
        assert [run.alias for run in runs] == ["same", "same", None, None]

    def test_a_file_that_is_there_anywhere(
        self, tracker: Tracker, run: RunRecord, tmp_path: Path
    ) -> None:
        """
        put_files: With replace, a file of the same name is replaced; otherwise the call raises
            FileInRun and stores no file.
        page: A method does everything that its docstring says, or raises one of the contract's
            errors and changes nothing.
        """
        old, new, back = tmp_path / "old", tmp_path / "new", tmp_path / "back"
        old.write_text("old")
        new.write_text("new")
        tracker.put_files(run.id, {"dir/m": old, "dir/other": old})
        good = ["a", "dir/z", "z/z", "dir/m2"]
        # put_files: With replace
        for names in arrangements("dir/m", good):
            with pytest.raises(FileInRun) as caught:
                tracker.put_files(run.id, dict.fromkeys(names, new))
            assert (caught.value.name, caught.value.run_id) == ("dir/m", run.id)
            assert tracker.list_files(run.id) == ["dir/m", "dir/other"]
        # page: A method does everything
        # If a local file is missing, which is the caller's mistake, nothing is stored either.
        for names in arrangements("missing", good):
            paths = {name: tmp_path / name if name == "missing" else new for name in names}
            with pytest.raises((OSError, AzureMLException)):
                tracker.put_files(run.id, paths)
            assert tracker.list_files(run.id) == ["dir/m", "dir/other"]
        # put_files: With replace
        tracker.put_files(run.id, {"dir/m": new, "dir/new": new}, replace=True)
        assert tracker.list_files(run.id) == ["dir/m", "dir/new", "dir/other"]
        for name, content in (("dir/m", "new"), ("dir/new", "new"), ("dir/other", "old")):
            tracker.get_file(run.id, name, back)
            assert back.read_text() == content

    def test_one_new_file_by_many_threads(
        self, tracker: Tracker, run: RunRecord, tmp_path: Path
    ) -> None:
        """
        put_files: With replace, a file of the same name is replaced; otherwise the call raises
            FileInRun and stores no file.
        Tracker: Its methods can be called from several threads.
        """
        paths = [tmp_path / f"local{me}" for me in range(8)]
        for me, path in enumerate(paths):
            path.write_text(f"content {me}")
        for attempt in range(2):
            name = f"one{attempt}"
            outcomes = race(8, lambda me, name=name: tracker.put_files(run.id, {name: paths[me]}))  # type: ignore[misc]
            # put_files: With replace
            winners = [me for me, outcome in enumerate(outcomes) if outcome is None]
            assert len(winners) == 1, f"threads {winners} all stored the file"
            assert all(outcome is None or isinstance(outcome, FileInRun) for outcome in outcomes)
            # Tracker: Its methods can be called
            tracker.get_file(run.id, name, tmp_path / "back")
            assert (tmp_path / "back").read_text() == f"content {winners[0]}"

    def test_names_of_other_experiments(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        update_experiment: Raises ExperimentNotFound, and Refused if another experiment has the
            name.
        delete_experiment: Delete an experiment and free its name; Refused if it has runs.
        ExperimentChange: A change to an experiment; what is not given stays as it is.
        """
        archived = tracker.ensure_experiment(new_name())
        change = ExperimentChange(tags={"a": "1", "b": None}, archived=True)
        tracker.update_experiment(archived.id, change)
        before = tracker.get_experiment(experiment.id)
        rename = ExperimentChange(name=archived.name, tags={"t": "x"}, archived=True)
        # update_experiment: Raises ExperimentNotFound, and Refused
        assert refuses(tracker.update_experiment, experiment.id, rename)
        assert tracker.get_experiment(experiment.id) == before
        # ExperimentChange: A change to an experiment
        own = ExperimentChange(name=experiment.name, tags={"t": "x"})
        tracker.update_experiment(experiment.id, own)  # an experiment may keep its own name
        assert tracker.get_experiment(experiment.id).tags == {"t": "x"}
        tracker.update_experiment(experiment.id, ExperimentChange(tags={"t": None}))
        assert tracker.get_experiment(experiment.id).tags == {"t": None}
        record = tracker.get_experiment(archived.id)
        assert (record.name, record.tags) == (archived.name, {"a": "1", "b": None})
        # delete_experiment: Delete an experiment
        for status in (Status.COMPLETED, Status.NOT_STARTED):
            owner = tracker.ensure_experiment(new_name())
            self.create_run(tracker, owner, status=status)
            for is_archived in (False, True):
                tracker.update_experiment(owner.id, ExperimentChange(archived=is_archived))
                assert refuses(tracker.delete_experiment, owner.id)
            [run] = tracker.find_runs(RunQuery(experiment_ids=[owner.id]))
            assert run.status == status
        tracker.delete_experiment(archived.id)
        again = tracker.ensure_experiment(archived.name)
        assert (again.tags, again.archived) == ({}, None)
        assert again.id != archived.id
