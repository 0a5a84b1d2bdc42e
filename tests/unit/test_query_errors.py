"""The message for a wrong query: it speaks of runs, and contains nothing from any run."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone

import pytest
from amlflow.query.ask import ask
from amlflow.query.expression import Expression, QueryError, QueryFailed
from amlflow.query.pages import is_filter, read_page
from amlflow.query.search import Scope
from amlflow.spec import RunChange, RunDraft, Status
from amlflow.testing.memory import MemoryTracker

SECRET = "what-a-run-holds"


@pytest.mark.parametrize(
    ("query", "sentence", "corrected"),
    [
        # keys
        ("[?tags.k8s-service=='a']", 'tags."k8s-service"', "[?tags.\"k8s-service\"=='a']"),
        ("[?properties.a/b=='a']", 'properties."a/b"', "[?properties.\"a/b\"=='a']"),
        ("[?params.a:b=='a']", 'params."a:b"', "[?params.\"a:b\"=='a']"),
        ("[?tags.a b == 'a']", 'tags."a b"', "[?tags.\"a b\" == 'a']"),
        ("[?tags.50percent]", 'tags."50percent"', '[?tags."50percent"]'),
        ("[?tags.größe=='a']", 'tags."größe"', "[?tags.\"größe\"=='a']"),
        ("[?tags.a-1=='a']", 'tags."a-1"', "[?tags.\"a-1\"=='a']"),
        ("[?tags.a.b-c=='a']", 'tags."a.b-c"', "[?tags.\"a.b-c\"=='a']"),
        ("[?starts_with(tags.a-b, 'x')]", 'tags."a-b"', "[?starts_with(tags.\"a-b\", 'x')]"),
        ("[].{a: tags.a-b, b: name}", 'tags."a-b"', '[].{a: tags."a-b", b: name}'),
        ("sort_by(@, &tags.a-b)", 'tags."a-b"', 'sort_by(@, &tags."a-b")'),
        ("[?k8s-service=='a']", 'tags."k8s-service"', None),
        # what a shell takes away
        ("[?tags.q==fantastic run]", "'fantastic run'", "[?tags.q=='fantastic run']"),
        ("[?properties.a==azureml-user]", "'azureml-user'", "[?properties.a=='azureml-user']"),
        ("[?run_number > 1]", "`1`", "[?run_number > `1`]"),
        ("[?run_number == -1.5 && tags.a]", "`-1.5`", "[?run_number == `-1.5` && tags.a]"),
        ("[?run_number > ]", "backticks", "[?run_number > `10`]"),
        ("[?run_number > && tags.a]", "backticks", "[?run_number > `10`&& tags.a]"),
        (r"[?\!tags.a]", "backslash", "[?!tags.a]"),
        ("'[?tags.a=='b']'", "cmd.exe", "[?tags.a=='b']"),
        # other languages' words
        ("[?tags.a='b']", "==", "[?tags.a=='b']"),
        ("[?tags.a=='b' and tags.c]", "&&", "[?tags.a=='b' && tags.c]"),
        ("[?tags.a=='b' or tags.c]", "||", "[?tags.a=='b' || tags.c]"),
        ("[?tags.a=='b' & tags.c]", "&&", "[?tags.a=='b' && tags.c]"),
    ],
)
def test_a_query_that_does_not_parse(query: str, sentence: str, corrected: str | None) -> None:
    with pytest.raises(QueryError) as caught:
        Expression(query)
    first, *_ = caught.value.message.splitlines()
    assert sentence in first
    assert caught.value.corrected == corrected
    if corrected is not None:
        Expression(corrected)


@pytest.fixture(scope="module")
def scope() -> Scope:
    tracker = MemoryTracker()
    experiment = tracker.ensure_experiment("first")
    start = datetime(2024, 1, 1, tzinfo=timezone.utc)
    for place in range(4):
        [run] = tracker.create_runs(
            [
                RunDraft(
                    experiment_id=experiment.id,
                    name=f"run {place}",
                    created=start + timedelta(hours=place),
                    description=SECRET if place % 2 else None,
                    tags={"n": str(place), "secret": SECRET, **({"even": "yes"} if place else {})},
                    properties={"author": SECRET},
                )
            ]
        )
        if place % 2:
            tracker.update_run(run.id, RunChange(status=Status.COMPLETED))
    return Scope(tracker, {experiment.id: experiment.name})


@pytest.mark.parametrize(
    ("query", "pieces"),
    [
        ("[?tags.n > `1`]", ["tags.n is a text, as all tags are", "to_number(tags.n) > `1`"]),
        ("[?`1` <= tags.n]", ["`1` <= to_number(tags.n)"]),
        ('[?properties."author" < `2`]', ["as all properties are", "to_number(properties.author)"]),
        ("[?run_number > '1']", ["run_number is a number", "backticks"]),
        ("[?created_utc > `2024`]", ["created_utc is a text", "'2024-01-31'"]),
        ("[?name > run_number]", ["name is a text", "run_number a number"]),
        ("sort_by(@, &end_time_utc)", ["until the run ends", "[?end_time_utc]"]),
        ("sort_by(@, &end_time_utc)[0].name", ["end_time_utc, which is null", "[?end_time_utc]"]),
        ("max_by(@, &description).name", ["description, which is null", "[?description]"]),
        ("sort_by([?tags.n], &tags.even)", ["lacks it", "[?tags.n] | [?tags.even]"]),
        ("sort_by(@, &tags)", ["tags is an object"]),
        ("sort_by(@, &end_tme_utc)", ["'end_tme_utc'", "did you mean end_time_utc?"]),
        ("min_by(@, &to_number(tags.even))", ["to_number(tags.even), which is null"]),
        ("[?starts_with(tags.even, 'y')]", ["tags.even is null", "[?tags.even && starts_with("]),
        ("[?starts_with(stauts, 'C')]", ["'stauts'", "did you mean status?"]),
        ("[?abs(tags.n) == `1`]", ["as all tags are", "abs(to_number(tags.n))"]),
        ("sum([].tags.n)", ["[].tags.n gives texts", "[].to_number(tags.n)"]),
        ("avg([?tags.n].tags.n)", ["avg()", "[?tags.n].to_number(tags.n)"]),
        ("[?contains(@, 'x')]", ["@ is a run", "name"]),
        ("length([0].run_number)", ["[0].run_number is a number"]),
        ("[?lenght(name) > `3`]", ["lenght()", "did you mean length()?"]),
        ("[?tags.a(b)=='x']", ["function a() does not exist"]),
        ("[?starts_with(name)]", ["takes 2 arguments, and 1 are given"]),
        ("join(', ', [].tags)", ["in which there is an object"]),
        ("[::0]", ["slice step"]),
        ("sort([].[name])", ["in which there is a list"]),
        ("merge([0], [0].name)", ["merge() is given values that do not go together"]),
    ],
)
def test_a_query_that_fails(scope: Scope, query: str, pieces: list[str]) -> None:
    expression = Expression(query)
    with pytest.raises(QueryFailed) as caught:
        ask(expression, scope).as_json()
    message = caught.value.message
    for piece in pieces:
        assert piece in message
    assert SECRET not in message
    assert "run_id" not in message
    assert "\n" not in message
    assert len(message) < 600
    if is_filter(expression):  # as the page reads
        with pytest.raises(QueryFailed) as on_page:
            read_page(scope, expression, lambda _: True, 50)
        assert on_page.value.message == message


@pytest.mark.parametrize(
    "query", ["[?to_number(tags.n) > `1`]", "sort_by([?end_time_utc], &end_time_utc)",
              "[?tags.even && starts_with(tags.even, 'y')]", "sum([].to_number(tags.n))"],
)  # fmt: skip
def test_what_the_sentences_advise_works(scope: Scope, query: str) -> None:
    assert ask(Expression(query), scope).as_json()


@pytest.mark.parametrize(
    ("query", "pieces"),
    [
        ("[?stauts=='Completed']", ["'stauts'", "did you mean status?"]),
        ("[].end_time", ["'end_time'", "did you mean end_time_utc?"]),
        ("[?tags.a.b=='x']", ["tags.a is a text", 'tags."a.b"']),
        ('[?tags.quality=="fantastic run"]', ["'fantastic run'", "single quotes"]),
        ("[?tags.quality==fantastic]", ["written in single quotes: 'fantastic'"]),
        ("'[?tags.quality]'", ["cmd.exe"]),
        ("[?!tags.a]", ["(!tags).a", "!(tags.a)"]),
        ("status", ["the list of runs for 'status'", "[].status"]),
        ("sort_by(@, &created_utc)[-1].{id: runid}", ["'runid'", "did you mean run_id?"]),
    ],
)
def test_what_can_only_be_a_mistake_is_said(
    scope: Scope, query: str, pieces: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "amlflow")
    ask(Expression(query), scope)
    [message] = [each.message for each in caplog.records if each.name == "amlflow"]
    for piece in pieces:
        assert piece in message


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (
            "[?tags.n == `5`]",
            "tags.n is a text, as all tags are, so it never equals `5`, which is a number; write "
            "tags.n == '5'.",
        ),
        (
            '[?properties."a-b" != `0.5`]',
            'properties."a-b" is a text, as all properties are, so it never equals `0.5`, which is '
            "a number; write properties.\"a-b\" == '0.5'.",
        ),
        (
            "[?`1` == params.depth && name=='a'].run_id",
            "params.depth is a text, as all params are, so it never equals `1`, which is a number; "
            "write params.depth == '1'.",
        ),
        (
            "length([?tags.best == `true`])",
            "tags.best is a text, as all tags are, so it never equals `true`, which is a truth "
            "value; write tags.best == 'True'.",
        ),
        (
            "[?metrics.loss == '0.5']",
            "metrics.loss is a number, as all metrics are, so it never equals '0.5', which is a "
            "text; write metrics.loss == `0.5`.",
        ),
        (
            "[?metrics_max.loss == 'low']",
            "metrics_max.loss is a number, as all metrics are, so it never equals 'low', which "
            "is a text.",
        ),
        (
            "[?run_number == '7']",
            "run_number is a number, so it never equals '7', which is a text; write run_number == "
            "`7`.",
        ),
        (
            "[?name == `7`]",
            "name is a text, so it never equals `7`, which is a number; write name == '7'.",
        ),
    ],
)
def test_texts_that_are_compared_with_numbers_are_named(query: str, sentence: str) -> None:
    """They are valid, and jmespath finds nothing without a word."""
    assert Expression(query).doubts == [sentence]


@pytest.mark.parametrize(
    "query",
    [
        "[?tags.n == '5' && metrics.loss == `0.5` && run_number == `1` && hidden == `false`]",
        "[?tags.n == `null` || error == `null` || warnings == `[]`]",
        "[?to_number(tags.n) == `5` || length(tags.n) == `5`]",
        "[?status=='Completed'].{id: run_id, error: error.error.message}",
        "[].{a: tags.a, b: name} | [?a].c",
        "[?tags.keys(@)[?starts_with(@, 'a')]]",
        'sort_by(@, &run_number)[:3].tags."a.b"',
        "[0].*.x",
        "map(&length(tags), @)",
    ],
)
def test_nothing_is_said_of_what_may_be_meant(query: str) -> None:
    assert Expression(query).doubts == []
