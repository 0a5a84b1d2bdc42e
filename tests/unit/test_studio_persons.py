"""The studio keeps for each user on the server: the default view, and the visits of views."""

from __future__ import annotations

from typing import Any

import pytest
from amlflow.exceptions import UserErrorException
from amlflow.spec import RunChange, RunNotFound, RunQuery
from amlflow.testing.memory import MemoryTracker
from amlflow_page import persons
from amlflow_page.access import Everybody
from amlflow_page.persons import Persons
from amlflow_page.views import Views

MONDAY, TUESDAY = "2026-01-05T09:00:00+00:00", "2026-01-06T09:00:00+00:00"


class User(Everybody):
    """A user who may read and change all."""

    def __init__(self, name: str | None) -> None:
        self._name = name

    def user(self) -> str | None:
        return self._name


class Server:
    def __init__(self) -> None:
        self.tracker = MemoryTracker("memory:")

    def views(self, user: str | None) -> Views:
        return Views(self.tracker, User(user))

    def person(self, user: str | None) -> Persons:
        return Persons(self.views(user))

    def view(self, name: str = "board") -> dict[str, Any]:
        return self.views("ada").create({"name": name, "definition": {}})


@pytest.fixture
def server() -> Server:
    return Server()


def test_a_person_without_a_past_has_no_default(server: Server) -> None:
    server.view()
    assert server.person("ada").read() == {"user": "ada", "default": None, "visits": {}}


def test_a_user_is_known_before_there_are_views(server: Server) -> None:
    assert server.person("ada").read() == {"user": "ada", "default": None, "visits": {}}


def test_each_person_has_a_default_view(server: Server) -> None:
    one, other = server.view("one"), server.view("other")
    server.person("ada").set_default({"id": one["id"]})
    server.person("ben").set_default({"id": other["id"]})
    assert server.person("ada").read()["default"] == one["id"]
    assert server.person("ben").read()["default"] == other["id"]
    server.person("ada").set_default({"id": None})
    assert server.person("ada").read()["default"] is None


def test_a_default_that_was_deleted_is_none(server: Server) -> None:
    view = server.view()
    server.person("ada").set_default({"id": view["id"]})
    server.views("ada").delete(view["id"], 1)
    assert server.person("ada").read()["default"] is None


def test_what_is_kept_of_persons_is_not_a_view(server: Server) -> None:
    view = server.view()
    server.person("ada").set_default({"id": view["id"]})
    assert [item["id"] for item in server.views("ada").read_all()] == [view["id"]]


def test_the_latest_visits_are_kept(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persons, "MAX_VISITS", 2)
    views = [server.view(str(number))["id"] for number in range(3)]
    for hour, view_id in enumerate(views):
        until = f"2026-01-05T1{hour}:00:00+00:00"
        server.person("ada").note_visit({"id": view_id, "from": MONDAY, "until": until})
    assert set(server.person("ada").read()["visits"]) == set(views[1:])
    server.person("ada").note_visit({"id": views[2], "from": MONDAY, "until": TUESDAY})
    assert server.person("ada").read()["visits"][views[2]] == {"from": MONDAY, "until": TUESDAY}
    assert len(server.person("ada").read()["visits"]) == 2
    assert server.person("ben").read()["visits"] == {}


@pytest.mark.parametrize(
    "times",
    [{}, {"from": MONDAY}, {"from": MONDAY, "until": "tomorrow"}, {"from": 1, "until": MONDAY}],
)
def test_a_visit_that_is_not_one_is_refused(server: Server, times: Any) -> None:
    view = server.view()
    with pytest.raises(UserErrorException, match="should be"):
        server.person("ada").note_visit({"id": view["id"], **times})


def test_only_views_are_kept(server: Server) -> None:
    server.view()
    for act in (server.person("ada").set_default, server.person("ada").note_visit):
        with pytest.raises(RunNotFound):
            act({"id": "another", "from": MONDAY, "until": MONDAY})
    with pytest.raises(UserErrorException, match="id of a view"):
        server.person("ada").note_visit({"from": MONDAY, "until": MONDAY})


def test_nothing_is_kept_of_somebody_without_a_name(server: Server) -> None:
    view = server.view()
    assert server.person(None).read() == {"user": None, "default": None, "visits": {}}
    with pytest.raises(UserErrorException, match="keeps nothing for you"):
        server.person(None).set_default({"id": view["id"]})


def test_what_others_have_written_there_is_not_trusted(server: Server) -> None:
    view = server.view()
    server.person("ada").set_default({"id": view["id"]})
    experiment_id = server.views("ada").find_experiment()
    records = server.tracker.find_runs(RunQuery(experiment_ids=[str(experiment_id)]))
    [person] = [record for record in records if "person" in record.tags]
    tags = {"visit-a": "{", "visit-b": '{"from": 1, "until": 2}', "default": "x" * 5000}
    server.tracker.update_run(person.id, RunChange(tags=tags))
    assert server.person("ada").read() == {"user": "ada", "default": None, "visits": {}}
