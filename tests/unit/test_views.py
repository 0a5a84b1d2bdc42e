"""Saved views: versions, changes by two people at once, and runs changed since a visit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from amlflow.spec import RunChange, RunDraft, RunNotFound, Status
from amlflow.testing.memory import MemoryTracker
from amlflow_page import all_runs
from amlflow_page.access import Everybody, Forbidden
from amlflow_page.filters import WrongRequest
from amlflow_page.view_content import MAX_NOTES, MAX_VERSIONS, to_properties
from amlflow_page.views import ViewChanged, Views

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Person(Everybody):
    """One who may change views of their own, and those that are open."""

    def __init__(self, name: str) -> None:
        self.name = name

    def user(self) -> str | None:
        return self.name

    def may_change_in(self, experiment_id: str) -> bool:
        return False

    def readable(self, experiment_ids: Iterable[str]) -> set[str]:
        return set(experiment_ids)


@pytest.fixture
def tracker() -> MemoryTracker:
    return MemoryTracker("memory:")


@pytest.fixture
def ada(tracker: MemoryTracker) -> Views:
    return Views(tracker, Person("ada"))


@pytest.fixture
def ben(tracker: MemoryTracker) -> Views:
    return Views(tracker, Person("ben"))


@pytest.fixture
def view(ada: Views) -> dict[str, Any]:
    return ada.create({"name": "best", "definition": {"text": "oak"}, "notes": "# Why"})


def test_each_save_is_a_version_that_says_who_saved_it(
    view: dict[str, Any], ada: Views, ben: Views
):
    ben.save(view["id"], 1, {"notes": "# Because"})
    ada.save(view["id"], 2, {"name": "the best"})
    history = ada.history(view["id"])
    assert [(entry["version"], entry["name"], entry["by"]) for entry in history] == [
        (3, "the best", "ada"),
        (2, "best", "ben"),
        (1, "best", "ada"),
    ]
    first = ben.get(view["id"], 1)
    assert (first["notes"], first["version"], first["newest"]) == ("# Why", 1, 3)
    assert ada.get(view["id"])["notes"] == "# Because"
    with pytest.raises(RunNotFound):
        ada.get(view["id"], 4)


def test_an_older_version_is_brought_back_as_a_new_one(view: dict[str, Any], ada: Views):
    ada.save(view["id"], 1, {"definition": {"text": "elm"}, "notes": ""})
    older = ada.get(view["id"], 1)
    parts = {part: older[part] for part in ("name", "definition", "notes")}
    ada.save(view["id"], 2, parts)
    assert [entry["version"] for entry in ada.history(view["id"])] == [3, 2, 1]
    assert ada.get(view["id"])["definition"] == {"text": "oak"}
    assert ada.get(view["id"])["notes"] == "# Why"


def test_a_page_of_an_older_release_keeps_the_fields_that_it_does_not_know(ada: Views):
    definition = {"text": "oak", "newer": ["a"], "dense": True}
    view = ada.create({"name": "a", "definition": definition})
    ada.save(view["id"], 1, {"definition": {"text": "elm", "dense": False}})
    assert ada.get(view["id"])["definition"] == {"text": "elm", "newer": ["a"], "dense": False}


def test_two_people_change_different_parts_and_both_are_kept(
    view: dict[str, Any], ada: Views, ben: Views
):
    ada.save(view["id"], 1, {"definition": {"text": "elm"}})
    # The page sends all parts. A part with the value that was opened is not a change.
    saved = ben.save(view["id"], 1, {**view, "notes": "ben's"})
    assert (saved["definition"], saved["notes"], saved["version"]) == ({"text": "elm"}, "ben's", 3)


def test_of_two_who_change_the_same_part_the_second_is_told(
    view: dict[str, Any], ada: Views, ben: Views
):
    ada.save(view["id"], 1, {"notes": "ada's"})
    with pytest.raises(ViewChanged, match="ada has changed the view 'best' meanwhile") as failure:
        ben.save(view["id"], 1, {"notes": "ben's"})
    assert failure.value.current["notes"] == "ada's"
    # Ben has opened her version now, so his becomes the next version. Hers is kept.
    assert ben.save(view["id"], 2, {"notes": "ben's"})["version"] == 3
    assert ben.get(view["id"], 2)["notes"] == "ada's"


def test_a_save_that_somebody_is_faster_than_is_made_again_on_top_of_theirs(
    view: dict[str, Any], tracker: MemoryTracker, ada: Views, ben: Views, monkeypatch: Any
):
    update = tracker.update_run

    def update_later(run_id: str, change: RunChange) -> Any:
        monkeypatch.undo()
        ada.save(run_id, 1, {"name": "ada's"})
        return update(run_id, change)

    monkeypatch.setattr(tracker, "update_run", update_later)
    saved = ben.save(view["id"], 1, {"notes": "ben's"})
    assert (saved["name"], saved["notes"], saved["version"]) == ("ada's", "ben's", 3)


@pytest.mark.parametrize("notes", ["", "x" * MAX_NOTES, 'ü\n\t\x00"{}\u202e' * 1000])
def test_notes_come_back_as_they_were_written(ada: Views, notes: str):
    view = ada.create({"name": "a", "definition": {}, "notes": notes})
    assert ada.get(view["id"])["notes"] == notes


@pytest.mark.parametrize("notes", ["x" * (MAX_NOTES + 1), "\x01" * MAX_NOTES, 7, None])
def test_notes_have_their_limit(ada: Views, view: dict[str, Any], notes: Any):
    with pytest.raises(WrongRequest, match="notes"):
        ada.save(view["id"], 1, {"notes": notes})


def test_a_version_that_nobody_could_have_saved_is_ignored(
    view: dict[str, Any], tracker: MemoryTracker, ada: Views
):
    foreign = {"version-999999999": "{}", f"version-{MAX_VERSIONS}0": "{}", "version-x": "{}"}
    tracker.update_run(view["id"], RunChange(properties=foreign))
    assert ada.save(view["id"], 1, {"notes": "two"})["version"] == 2
    last = to_properties(MAX_VERSIONS, ada.get(view["id"]))
    tracker.update_run(view["id"], RunChange(properties=last))
    with pytest.raises(WrongRequest, match="Save yours as a new view"):
        ada.save(view["id"], MAX_VERSIONS, {"notes": "more"})


@pytest.mark.parametrize(
    "foreign",
    [
        {"version-2": "{}"},
        {"version-2": "no JSON", "version-3": "[]", "version-7": '{"name": 1}'},
        {f"version-{MAX_VERSIONS}": "{}"},
        to_properties(
            MAX_VERSIONS, {"name": "foreign", "definition": {}, "by": None, "owner": "ada"}
        ),
    ],
    ids=lambda foreign: ", ".join(foreign),
)
def test_a_foreign_version_does_not_keep_a_view_from_being_listed_or_deleted(
    view: dict[str, Any], tracker: MemoryTracker, ada: Views, foreign: dict[str, str]
):
    tracker.update_run(view["id"], RunChange(properties=foreign))
    [listed] = ada.read_all()
    ada.delete(view["id"], listed["version"])
    assert ada.read_all() == []
    with pytest.raises(RunNotFound):
        ada.get(view["id"])


def test_a_view_with_a_foreign_version_is_saved(
    view: dict[str, Any], tracker: MemoryTracker, ada: Views
):
    tracker.update_run(view["id"], RunChange(properties={"version-2": "{}", "version-4": "?"}))
    assert ada.save(view["id"], 1, {"notes": "two"})["notes"] == "two"
    assert ada.save(view["id"], 5, {"notes": "three"})["notes"] == "three"
    assert [entry["version"] for entry in ada.history(view["id"])] == [6, 5, 1]


@pytest.mark.parametrize("act", ["save", "delete"])
def test_a_view_that_another_person_deletes_meanwhile_is_not_found(
    view: dict[str, Any], tracker: MemoryTracker, ada: Views, monkeypatch: pytest.MonkeyPatch,
    act: str,
):  # fmt: skip
    write = tracker.update_run

    def be_second(run_id: str, change: RunChange) -> None:
        monkeypatch.setattr(tracker, "update_run", write)
        ada.delete(view["id"], 1)
        write(run_id, change)

    monkeypatch.setattr(tracker, "update_run", be_second)
    calls = {
        "save": lambda: ada.save(view["id"], 1, {"notes": "two"}),
        "delete": lambda: ada.delete(view["id"], 1),
    }
    with pytest.raises(RunNotFound):
        calls[act]()


def test_the_list_leaves_notes_out_and_a_deleted_view_has_no_versions(
    view: dict[str, Any], ada: Views, ben: Views
):
    assert [(entry["name"], "notes" in entry) for entry in ben.read_all()] == [("best", False)]
    with pytest.raises(Forbidden):
        ben.delete(view["id"], 1)
    ada.delete(view["id"], 1)
    for act in (ada.get, ada.history):
        with pytest.raises(RunNotFound):
            act(view["id"])


def test_a_view_that_is_not_open_is_its_owners(ada: Views, ben: Views):
    closed = ada.create({"name": "mine", "definition": {}, "open": False})
    with pytest.raises(Forbidden, match="may not change the view 'mine' of 'ada'"):
        ben.save(closed["id"], 1, {"notes": "ben's"})


# --- what has changed ---------------------------------------------------------------------------


@pytest.fixture
def since(tracker: MemoryTracker) -> str:
    """A time before which three of five runs were made, and one had ended."""
    experiment = tracker.ensure_experiment("first")

    def add(name: str, created: int, status: str | None = None, ended: int = 0) -> None:
        begin = START + timedelta(hours=created)
        [run] = tracker.create_runs(
            [RunDraft(experiment_id=experiment.id, name=name, created=begin)]
        )
        if status is not None:
            end = START + timedelta(hours=ended)
            tracker.update_run(run.id, RunChange(status=status, ended=end))

    add("old", 0, Status.COMPLETED, 1)
    add("ended", 1, Status.COMPLETED, 6)
    add("failed", 2, Status.FAILED, 7)
    add("new", 8)
    add("new and failed", 9, Status.FAILED, 10)
    return (START + timedelta(hours=5)).isoformat()


def test_changes_are_counted_by_kind(tracker: MemoryTracker, since: str):
    found = all_runs.changes(tracker, Everybody(), {"since": since})
    assert found["counts"] == {"new": 2, "failed": 2, "ended": 1}
    later = all_runs.changes(tracker, Everybody(), {"since": found["now"]})
    assert later["counts"] == {"new": 0, "failed": 0, "ended": 0}
    chosen = {"since": since, "query": "[?name=='new']"}
    assert all_runs.changes(tracker, Everybody(), chosen)["counts"]["new"] == 1
    assert all_runs.changes(tracker, Everybody(), {})["counts"] is None


@pytest.mark.parametrize(
    ("kind", "names"),
    [("new", {"new", "new and failed"}), ("failed", {"failed", "new and failed"}),
     ("ended", {"ended"})],
)  # fmt: skip
def test_the_runs_of_a_kind_are_a_list(
    tracker: MemoryTracker, since: str, kind: str, names: set[str]
):
    found = all_runs.rows(tracker, Everybody(), {"changed": {"kind": kind, "since": since}})
    assert {row["name"] for row in found["rows"]} == names


@pytest.mark.parametrize(
    "changed", ["new", {"kind": "old", "since": START.isoformat()}, {"kind": "new", "since": "5"}]
)
def test_another_change_is_refused(tracker: MemoryTracker, changed: Any):
    with pytest.raises(WrongRequest, match="'changed'"):
        all_runs.rows(tracker, Everybody(), {"changed": changed})
