"""``run list`` with words, children and an order; commands on several runs."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from amlflow.core.experiment import Experiment
from amlflow.exceptions import UserErrorException


@pytest.fixture
def runs(experiment: Experiment) -> Experiment:
    for name, loss in (("oak", 3.0), ("elm", None), ("ash", 1.0)):
        run = experiment.start_logging(snapshot_directory=None, display_name=name)
        if loss is not None:
            run.log("loss", loss)
        run.complete()
    run.child_run(name="twig")
    return experiment


def names(cli: Any, *arguments: str) -> list[str]:
    return [run["name"] for run in cli("run", "list", *arguments).json]


def test_runs_are_listed_in_the_order_of_a_column(cli: Any, runs: Experiment) -> None:
    assert names(cli, "--order-by", "name") == ["ash", "elm", "oak"]
    assert names(cli, "--order-by", "name desc", "--last", "2") == ["oak", "elm"]
    assert names(cli, "--order-by", "metric:loss") == ["ash", "oak", "elm"]
    assert names(cli, "[]", "--order-by", "metric:loss desc") == ["oak", "ash", "elm"]
    assert names(cli, "[?metrics.loss]", "--order-by", "metric:loss") == ["ash", "oak"]
    [first, _] = cli("run", "list", "[?metrics.loss]", "--order-by", "name").json
    assert first["metrics"] == {"loss": 1.0}


def test_only_so_many_are_listed_without_a_query(cli: Any, experiment: Experiment) -> None:
    for number in range(12):
        experiment.start_logging(snapshot_directory=None, display_name=f"run-{number:02}")
    done = cli("run", "list", "--order-by", "name")
    assert [run["name"] for run in done.json] == [f"run-{number:02}" for number in range(10)]
    assert "there are more" in done.err


def test_words_and_children(cli: Any, runs: Experiment) -> None:
    assert names(cli, "--text", "OA") == ["oak"]
    assert names(cli, "--text", "explore elm") == ["elm"]
    assert names(cli, "--include-children") == ["twig", "ash", "elm", "oak"]
    assert cli("run", "list", "length(@)", "--text", "oak").json == 1
    assert names(cli, "--text", "a", "--last", "1", "--order-by", "name") == ["ash"]


def test_all_experiments_in_an_attached_folder(cli: Any, runs: Experiment) -> None:
    Experiment(runs.workspace, "another").start_logging(
        snapshot_directory=None, display_name="birch"
    )
    assert cli("folder", "attach", "-e", "explore").code == 0
    assert names(cli, "--order-by", "name") == ["ash", "elm", "oak"]
    assert names(cli, "--order-by", "name", "--all-experiments") == ["ash", "birch", "elm", "oak"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--order-by", "loss"], "not a column to sort by"),
        (["[].name", "--order-by", "name"], "does not only choose runs"),
        (["[]", "--order-by", "name", "--last", "1"], "cannot be used with both"),
        (["--all-experiments", "-e", "explore"], "Use either --all-experiments"),
    ],
)
def test_what_does_not_go_together_is_refused(
    cli: Any, runs: Experiment, arguments: list[str], message: str
) -> None:
    done = cli("run", "list", *arguments)
    assert (done.code != 0, message in done.err) == (True, True)


def test_the_sdk_has_words_and_an_order_too(runs: Experiment) -> None:
    ordered = runs.query("[]", include_children=True, text="explore", order_by="name desc")
    assert [run.name for run in ordered] == ["twig", "oak", "elm", "ash"]
    assert [run.name for run in runs.query("[?name]", text="OAK")] == ["oak"]
    assert runs.workspace.query("[].name", text="elm") == ["elm"]
    with pytest.raises(UserErrorException, match="does not only choose runs"):
        runs.query("length(@)", order_by="name")


def test_several_runs_are_tagged_at_once(cli: Any, experiment: Experiment) -> None:
    first, second = (experiment.start_logging(snapshot_directory=None) for _ in range(2))
    done = cli("run", "update", "-r", first.id, second.id, "--add-tag", "stage=prod").json
    assert [run["tags"] for run in done] == [{"stage": "prod"}] * 2
    assert second.get_tags() == {"stage": "prod"}
    one = cli("run", "update", "-r", first.id, "--add-tag", "stage=dev").json
    assert one["tags"] == {"stage": "dev"}


def test_runs_are_cancelled_with_all_below_them(cli: Any, experiment: Experiment) -> None:
    root = experiment.start_logging(snapshot_directory=None)
    branch = root.child_run()
    leaf, ended = branch.child_run(), branch.child_run()
    ended.complete()
    root.complete()
    done = cli("run", "cancel", "-r", root.id, "--with-children").json
    assert {outcome["run_id"] for outcome in done} == {branch.id, leaf.id}
    assert [run.get_status() for run in (branch, leaf)] == ["Canceled"] * 2
    assert (root.get_status(), ended.get_status()) == ("Completed", "Completed")


def test_of_several_runs_those_are_cancelled_that_go_on(cli: Any, experiment: Experiment) -> None:
    running, ended = (experiment.start_logging(snapshot_directory=None) for _ in range(2))
    ended.complete()
    done = cli("run", "cancel", "-r", ended.id, running.id)
    assert (done.code, running.get_status()) == (1, "Canceled")
    assert "1 of 2 runs were not cancelled" in done.err


KEYS = [
    (
        "[?metrics.lss < `1`]",
        "The newest 4 runs do not have the metric 'lss'; did you mean 'loss'?",
    ),
    ("[?metrics_min.LOSS]", "the metric 'LOSS'; did you mean 'loss'?"),
    ("[?tags.stge=='prod']", "the tag 'stge'; did you mean 'stage'?"),
    ("[?contains(keys(tags), 'stge')]", "the tag 'stge'; did you mean 'stage'?"),
    ("[?tags.STGE]", "the tag 'STGE'; did you mean 'stage'?"),
    ("[?params.loss]", "the param 'loss'; did you mean the metric 'loss'?"),
    ('[].properties."nothing like it"', "the property 'nothing like it'."),
    ("length([?tags.stge])", "the tag 'stge'"),
]


@pytest.mark.parametrize(("query", "doubt"), KEYS)
def test_a_query_that_finds_nothing_names_keys_that_runs_lack(
    cli: Any, runs: Experiment, query: str, doubt: str, caplog: pytest.LogCaptureFixture
) -> None:
    runs.start_logging(snapshot_directory=None).tag("stage", "prod")
    expected = doubt.replace("4 runs", "5 runs")
    assert expected in cli("run", "list", query).err
    with caplog.at_level(logging.WARNING, "amlflow"):
        assert not runs.query(query)
    assert expected in caplog.text


@pytest.mark.parametrize(
    "query", ["[?tags.stge || metrics.loss]", "[?metrics.loss > `9`]", "[?name=='none']", "[?tags]"]
)
def test_other_queries_have_no_such_doubt(cli: Any, runs: Experiment, query: str) -> None:
    assert "do not have" not in cli("run", "list", query).err


def test_an_empty_list_in_an_order_has_the_doubt_too(cli: Any, runs: Experiment) -> None:
    assert "'loss'?" in cli("run", "list", "[?metrics.lss]", "--order-by", "name").err
