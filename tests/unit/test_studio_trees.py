"""All runs as a tree: children, groups, and changes to many runs at once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from amlflow.exceptions import UserErrorException
from amlflow.plain_json import to_json
from amlflow.spec import TICK, Point, RunDraft, RunQuery, RunRecord, Status
from amlflow.testing.memory import MemoryTracker
from amlflow_page import all_runs, bulk_changes, group_rows
from amlflow_page.access import Everybody, Forbidden
from amlflow_page.bulk_changes import MAX_TAGGED, change_tags, open_below, open_matching
from amlflow_page.filters import Group, WrongRequest
from amlflow_page.groups import MAX_GROUPS, groups

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Store:
    """A tracker in memory with two experiments."""

    def __init__(self) -> None:
        self.tracker = MemoryTracker("memory:")
        self.experiments = {
            name: self.tracker.ensure_experiment(name).id for name in ("first", "second")
        }
        self._seconds = 0

    def run(
        self,
        name: str,
        parent: RunRecord | None = None,
        experiment: str = "first",
        loss: float | None = None,
        **draft: Any,
    ) -> RunRecord:
        self._seconds += 1
        nested = {} if parent is None else {"parent_id": parent.id, "root_id": parent.root_id}
        created = START + timedelta(seconds=self._seconds)
        [record] = self.tracker.create_runs(
            [
                RunDraft(
                    experiment_id=self.experiments[experiment],
                    **{"name": name, "created": created, **nested, **draft},
                )
            ]
        )
        if loss is not None:
            point = Point(name="loss", value=loss, order=0, time=START + TICK, writer="a")
            self.tracker.write_points(record.id, [point])
        return record


class Readers(Everybody):
    """Who may change what is in some experiments only."""

    def __init__(self, *experiment_ids: str) -> None:
        self._writable = experiment_ids
        self.tracker: MemoryTracker | None = None

    def user(self) -> str:
        return "reader"

    def may_change_in(self, experiment_id: str) -> bool:
        return experiment_id in self._writable

    def may_change(self, run_id: str) -> bool:
        assert self.tracker is not None
        return self.tracker.get_run(run_id).experiment_id in self._writable


@pytest.fixture
def store() -> Store:
    return Store()


def ask(store: Store, access: Any = None, **request: Any) -> dict[str, Any]:
    """What the page gets, as JSON."""
    answer = all_runs.rows(store.tracker, access or Everybody(), request)
    found: dict[str, Any] = json.loads(to_json(answer))
    return found


def names(rows: Iterable[dict[str, Any]]) -> list[str]:
    return [row["name"] for row in rows]


# --- children -----------------------------------------------------------------------------------


def test_a_row_of_a_tree_counts_its_children_by_status(store: Store) -> None:
    parent, other = store.run("parent"), store.run("other")
    for status in (Status.COMPLETED, Status.COMPLETED, Status.FAILED):
        child = store.run("child", parent, status=status)
    store.run("grandchild", child)
    store.run("elsewhere", parent, experiment="second", status=Status.QUEUED)
    [last, first] = ask(store, tree=True)["rows"]
    assert (first["id"], last["id"]) == (parent.id, other.id)
    assert first["children"] == {"Completed": 2, "Failed": 1, "Queued": 1}
    assert last["children"] == {}
    assert "children" not in ask(store)["rows"][0]


def test_children_are_counted_alike_where_the_tracker_reads_no_columns(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = store.run("parent")
    store.run("child", parent)
    monkeypatch.setattr(MemoryTracker, "field_values", lambda self, query, fields: None)
    assert ask(store, tree=True)["rows"][0]["children"] == {"Running": 1}


def test_a_child_whose_clock_is_behind_is_counted(store: Store) -> None:
    parent = store.run("parent")
    store.run("child", parent, created=parent.created - timedelta(hours=1))
    assert ask(store, tree=True)["rows"][0]["children"] == {"Running": 1}


def test_children_are_read_page_by_page_when_their_parent_is_opened(store: Store) -> None:
    parent = store.run("parent")
    for number in range(3):
        child = store.run(f"child {number}", parent)
    store.run("grandchild", child)
    first = ask(store, parent=parent.id, tree=True, sort="name", size=2)
    assert names(first["rows"]) == ["child 0", "child 1"]
    last = ask(store, parent=parent.id, tree=True, sort="name", size=2, cursor=first["cursor"])
    assert names(last["rows"]) == ["child 2"]
    assert last["rows"][0]["children"] == {"Running": 1}


def test_children_that_a_user_may_not_read_are_not_counted(store: Store) -> None:
    class First(Everybody):
        def readable(self, experiment_ids: Iterable[str]) -> set[str]:
            return {store.experiments["first"]}

    parent = store.run("parent")
    store.run("hidden", parent, experiment="second")
    assert ask(store, First(), tree=True)["rows"][0]["children"] == {}
    assert ask(store, First(), parent=parent.id)["rows"] == []


def test_rows_say_in_which_experiments_the_user_may_change_runs(store: Store) -> None:
    store.run("a")
    store.run("b", experiment="second")
    assert ask(store)["writable"] == sorted(store.experiments.values())
    first = store.experiments["first"]
    assert ask(store, Readers(first))["writable"] == [first]


# --- groups -------------------------------------------------------------------------------------


def grouped(store: Store, **request: Any) -> list[tuple[Any, int]]:
    answer = groups(store.tracker, Everybody(), request)["groups"]
    return [(group["value"] if group["has"] else "(none)", group["count"]) for group in answer]


@pytest.fixture
def mixed(store: Store) -> Store:
    store.run("a", tags={"stage": "prod"}, loss=1.0, status=Status.COMPLETED)
    store.run("birch", tags={"stage": "prod"}, loss=3.0, status=Status.FAILED)
    store.run("c", tags={"stage": None}, loss=float("nan"), properties={"author": "me"})
    parent = store.run("d", experiment="second", system={"target": "gpu"})
    store.run("e", parent, tags={"stage": "prod"})
    return store


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("tag:stage", [("prod", 2), (None, 1), ("(none)", 1)]),
        ("status", [("Running", 2), ("Completed", 1), ("Failed", 1)]),
        ("experiment", [("first", 3), ("second", 1)]),
        ("target", [("sdk", 3), ("gpu", 1)]),
        ("property:author", [("(none)", 3), ("me", 1)]),
        ("param:none", [("(none)", 4)]),
    ],
)
def test_runs_are_grouped_by_a_column(
    mixed: Store, column: str, expected: list[tuple[Any, int]]
) -> None:
    assert sorted(grouped(mixed, group=column), key=str) == sorted(expected, key=str)
    answer = groups(mixed.tracker, Everybody(), {"group": column})
    for group in answer["groups"]:
        rows = ask(mixed, in_group={"column": column, **group})["rows"]
        assert len(rows) == group["count"]
    assert sum(group["count"] for group in answer["groups"]) == answer["runs"] == 4


@pytest.mark.parametrize(
    "column", ["tag:stage", "property:author", "status", "submitter", "target"]
)
@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"statuses": ["Failed", "Running"]},
        {"children": True},
        {"in_group": {"column": "tag:stage", "value": "prod"}},
        {"in_group": {"column": "status", "value": "Failed"}},
        {"in_group": {"column": "experiment", "value": "second"}},
        {"query": "[?metrics.loss > `2`]"},
        {"query": "[?tags.stage=='prod' && contains(name, 'b')]", "statuses": ["Failed"]},
    ],
)
def test_columns_alone_give_the_same_groups_as_whole_runs(
    mixed: Store, column: str, filters: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = {"group": column, "columns": ["metric:loss", "metric_max:loss"], **filters}
    quick = groups(mixed.tracker, Everybody(), request)
    assert quick["groups"]
    monkeypatch.setattr(MemoryTracker, "field_values", lambda *_: None)
    assert groups(mixed.tracker, Everybody(), request) == quick


def test_groups_do_not_read_whole_runs(mixed: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_rows, "find_all", lambda *_: pytest.fail("runs are read"))
    for column in ("tag:stage", "param:lr", "status", "experiment", "submitter", "target"):
        assert grouped(mixed, group=column, statuses=["Failed"])
        assert grouped(mixed, group=column, query="[?metrics.loss > `2`]")
    assert grouped(mixed, group="tag:stage", query="[?tags.stage=='a' && tags.stage=='b']") == []


def test_a_target_that_is_not_a_name_counts_as_absent(mixed: Store) -> None:
    mixed.run("f", experiment="second", system={"target": "x" * 1000})
    assert sorted(grouped(mixed, group="target")) == [("gpu", 1), ("sdk", 4)]


def test_runs_are_grouped_by_who_submitted_them(mixed: Store) -> None:
    [run, *_] = mixed.tracker.find_runs(RunQuery())
    assert grouped(mixed, group="submitter") == [(run.user or "(none)", 4)]
    some = {"group": "tag:stage", "submitters": [run.user or ""]}
    assert sum(count for _, count in grouped(mixed, **some)) == 4
    assert grouped(mixed, group="tag:stage", submitters=["nobody"]) == []


def test_a_group_sums_up_the_metrics_that_are_columns(mixed: Store) -> None:
    request = {"group": "tag:stage", "columns": ["metric:loss", "metric_max:none", "status"]}
    prod, *others = groups(mixed.tracker, Everybody(), request)["groups"]
    assert prod["statuses"] == {"Failed": 1, "Completed": 1}
    assert prod["numbers"] == {"metric:loss": {"count": 2, "min": 1.0, "mean": 2.0, "max": 3.0}}
    assert [group["numbers"] for group in others] == [{}, {}]


def test_groups_are_of_the_runs_that_the_filters_choose(mixed: Store) -> None:
    assert grouped(mixed, group="tag:stage", statuses=["Failed"]) == [("prod", 1)]
    assert grouped(mixed, group="tag:stage", targets=["gpu"]) == [("(none)", 1)]
    assert grouped(mixed, group="tag:stage", text="FIRST birch") == [("prod", 1)]
    assert grouped(mixed, group="tag:stage", query="[?metrics.loss > `2`]") == [("prod", 1)]
    assert grouped(mixed, group="tag:stage", children=True)[0] == ("prod", 3)
    with pytest.raises(WrongRequest, match="chooses runs"):
        grouped(mixed, group="status", query="[].name")


def test_the_runs_of_a_group_are_grouped_again(store: Store) -> None:
    for stage, lr in (("prod", "1"), ("prod", "2"), ("prod", "2"), ("test", "2")):
        store.run(f"{stage} {lr}", tags={"stage": stage, "lr": lr})
    prod = {"column": "tag:stage", "value": "prod"}
    assert grouped(store, group="tag:lr", in_group=[prod]) == [("2", 2), ("1", 1)]
    both = [prod, {"column": "tag:lr", "value": "2"}]
    page = all_runs.rows(store.tracker, Everybody(), {"in_group": both})
    assert [row["name"] for row in page["rows"]] == ["prod 2", "prod 2"]


def test_groups_are_sorted_by_size_by_their_value_or_by_a_metric(store: Store) -> None:
    for number, loss in ((10, 3.0), (10, 5.0), (9, 1.0), (100, None)):
        store.run("run", tags={"n": str(number)}, loss=loss)
    store.run("run")
    request = {"group": "tag:n", "columns": ["metric:loss"]}
    assert grouped(store, **request) == [("10", 2), ("(none)", 1), ("9", 1), ("100", 1)]
    by_value = [("9", 1), ("10", 2), ("100", 1), ("(none)", 1)]
    assert grouped(store, **request, sort="tag:n") == by_value
    assert grouped(store, **request, sort="-tag:n") == [*by_value[2::-1], by_value[3]]
    assert grouped(store, **request, sort="metric:loss")[:2] == [("9", 1), ("10", 2)]
    assert grouped(store, **request, sort="-metric:loss")[:2] == [("10", 2), ("9", 1)]


def test_only_so_many_groups_are_sent(store: Store) -> None:
    for number in range(MAX_GROUPS + 2):
        store.run("run", tags={"n": str(number)})
    answer = groups(store.tracker, Everybody(), {"group": "tag:n"})
    assert len(answer["groups"]) == MAX_GROUPS
    assert answer["left_out"] == {"groups": 2, "runs": 2}


@pytest.mark.parametrize("column", ["", "name", "tag", "tag:", "metric:loss", "created"])
def test_a_column_that_nobody_can_group_by(store: Store, column: str) -> None:
    with pytest.raises(WrongRequest, match="not a column to group by"):
        groups(store.tracker, Everybody(), {"group": column})


@pytest.mark.parametrize(
    "group",
    ["status", {"column": "name"}, {"column": "status", "value": 3}, [{"column": "status"}] * 3],
)
def test_a_group_that_is_not_one(group: Any) -> None:
    with pytest.raises(WrongRequest):
        Group.from_request({"in_group": group})


# --- tags ---------------------------------------------------------------------------------------


def test_tags_of_many_runs_are_set_and_removed(store: Store) -> None:
    runs = [store.run("run", tags={"old": "1", "stays": "2"}) for _ in range(3)]
    run_ids = [run.id for run in runs]
    request = {"run_ids": [*run_ids, "gone"], "set": {"stage": "prod", "bare": None}}
    outcomes = change_tags(store.tracker, Everybody(), {**request, "remove": ["old", "none"]})
    assert [outcome["error"] for outcome in outcomes[:3]] == [None] * 3
    assert outcomes[3]["error"] == "Run 'gone' does not exist, or has been deleted."
    for run_id in run_ids:
        tags = store.tracker.get_run(run_id).tags
        assert dict(tags) == {"stays": "2", "stage": "prod", "bare": None}


def test_tags_change_only_where_the_user_may_write(store: Store) -> None:
    mine, theirs = store.run("mine"), store.run("theirs", experiment="second")
    access = Readers(store.experiments["first"])
    access.tracker = store.tracker
    request = {"run_ids": [mine.id, theirs.id], "set": {"stage": "prod"}}
    first, second = change_tags(store.tracker, access, request)
    assert (first["error"], first["forbidden"], second["forbidden"]) == (None, False, True)
    assert "'reader' may not change" in second["error"]
    assert dict(store.tracker.get_run(theirs.id).tags) == {}
    with pytest.raises(Forbidden, match="may not change"):
        change_tags(store.tracker, access, {**request, "run_ids": [theirs.id]})


@pytest.mark.parametrize(
    "request_body",
    [
        {"run_ids": [], "set": {"a": "b"}},
        {"run_ids": ["a"]},
        {"run_ids": ["a"], "set": ["a"]},
        {"run_ids": ["a"], "set": {"": "b"}},
        {"run_ids": ["a"], "set": [], "remove": ["a"]},
        {"run_ids": ["a"], "set": {"a": "b"}, "remove": 0},
        {"run_ids": ["a"], "remove": [3]},
        {"run_ids": ["a"], "remove": {"a": 1}, "set": {str(n): "" for n in range(101)}},
        {"run_ids": ["a"] * (MAX_TAGGED + 1), "set": {"a": "b"}},
    ],
)
def test_a_request_for_tags_has_limits(store: Store, request_body: Any) -> None:
    with pytest.raises(UserErrorException):
        change_tags(store.tracker, Everybody(), request_body)


# --- what a cancel is about ---------------------------------------------------------------------


@pytest.fixture
def tree(store: Store) -> dict[str, RunRecord]:
    root = store.run("root", status=Status.COMPLETED)
    branch = store.run("branch", root, status=Status.RUNNING)
    runs = {"root": root, "branch": branch, "leaf": store.run("leaf", branch)}
    runs["ended"] = store.run("ended", branch, status=Status.FAILED)
    runs["other"] = store.run("other", experiment="second")
    return runs


def test_a_tree_is_cancelled_down_to_its_leaves(store: Store, tree: dict[str, RunRecord]) -> None:
    answer = open_below(store.tracker, Everybody(), {"run_ids": [tree["root"].id, tree["leaf"].id]})
    assert set(answer["runs"]) == {tree["branch"].id, tree["leaf"].id}
    assert (answer["more"], answer["forbidden"]) == (False, 0)


def test_all_that_the_filters_choose_is_cancelled(store: Store, tree: dict[str, RunRecord]) -> None:
    def chosen(**request: Any) -> set[str]:
        return set(open_matching(store.tracker, Everybody(), request)["runs"])

    assert chosen() == {tree["other"].id}
    assert chosen(children=True) == {tree["branch"].id, tree["leaf"].id, tree["other"].id}
    assert chosen(children=True, query="[?name == 'leaf']") == {tree["leaf"].id}
    assert chosen(parent=tree["branch"].id) == {tree["leaf"].id}
    assert chosen(children=True, text="bra") == {tree["branch"].id}
    with pytest.raises(WrongRequest, match="chooses runs"):
        chosen(query="[].name")


def test_a_cancel_is_of_what_the_user_may_change(
    store: Store, tree: dict[str, RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    access = Readers(store.experiments["second"])
    answer = open_matching(store.tracker, access, {"children": True})
    assert answer == {"runs": [tree["other"].id], "more": False, "forbidden": 2}
    monkeypatch.setattr(bulk_changes, "MAX_CANCELED", 2)
    answer = open_matching(store.tracker, Everybody(), {"children": True})
    assert (len(answer["runs"]), answer["more"]) == (2, True)


def test_amlflows_own_experiments_are_not_listed(store: Store) -> None:
    own = store.tracker.ensure_experiment("amlflow.views").id
    store.tracker.create_runs([RunDraft(experiment_id=own, name="a view", created=START)])
    store.run("a run")
    assert names(ask(store)["rows"]) == ["a run"]
