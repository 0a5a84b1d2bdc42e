"""Lists of runs, experiments and models have v1's form, and can be tables and data frames."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from amlflow.core import console, html, listing
from amlflow.core.experiment import Experiment
from amlflow.core.workspace import Workspace
from azureml.core import Model, Run
from blocks import block
from helpers.memory_workspace import tracker, workspace

__all__ = ["tracker", "workspace"]


@pytest.fixture
def experiment(workspace: Workspace) -> Experiment:
    """An experiment with three runs."""
    experiment = Experiment(workspace, "listed")
    for number in range(3):
        run = experiment.start_logging(snapshot_directory=None, display_name=f"<run {number}>")
        run.tag("number", str(number))
        run.complete()
    return experiment


def rows(table: Any) -> int:
    """The rows of a notebook's table, without its head."""
    return str(table._repr_html_()).count("<tr>") - 1


def test_runs_are_an_iterator_as_in_v1_and_a_table(experiment: Experiment) -> None:
    runs = experiment.get_runs()
    assert isinstance(runs, Iterator)
    assert rows(runs) == 3
    assert rows(runs) == 3, "showing it takes nothing"
    assert next(runs).display_name == "<run 2>"
    assert rows(runs) == 2
    assert [run.tags["number"] for run in runs] == ["1", "0"]
    assert list(runs) == []
    assert runs._repr_html_() == "<p>Nothing.</p>"
    assert "&lt;run 2&gt;" in experiment.get_runs()._repr_html_()
    assert len(list(zip(experiment.get_runs(), range(2), strict=False))) == 2


def test_only_so_many_are_shown_and_read(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_SHOWN", 2)
    runs = Run.list(experiment)
    assert "Only the first 2 are shown" in runs._repr_html_()
    assert rows(runs) == 2
    assert len(list(runs)) == 3
    assert "Only the first 2 are shown" in experiment.query("[]")._repr_html_()


def test_runs_as_a_data_frame(experiment: Experiment) -> None:
    frame = experiment.get_runs(tags={"number": "1"}).to_pandas()
    assert frame["tags.number"].tolist() == ["1"]
    assert frame["status"].tolist() == ["Completed"]
    assert isinstance(frame["created_utc"].dtype, pd.DatetimeTZDtype)
    queried = experiment.query("sort_by([?tags.number != '1'], &tags.number)").to_pandas()
    assert queried["name"].tolist() == ["<run 0>", "<run 2>"]
    assert experiment.get_runs(tags={"number": "9"}).to_pandas().empty


def test_a_query_s_other_answers(experiment: Experiment) -> None:
    numbers = experiment.query("[].tags.number")
    assert numbers == ["2", "1", "0"]
    assert json.dumps(numbers) == '["2", "1", "0"]'
    assert numbers.to_pandas()["value"].tolist() == ["2", "1", "0"]
    objects = experiment.query("[].{n: tags.number, created: created_utc}")
    assert objects.to_pandas().columns.tolist() == ["n", "created"]
    assert rows(objects) == 3
    assert experiment.query("length(@)") == 3
    assert copy.copy(numbers) == numbers


def test_children_experiments_and_models(experiment: Experiment, workspace: Workspace) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    run.child_run("inner").complete()
    assert rows(run.get_children()) == 1
    assert run.get_children().to_pandas()["parent_run_id"].tolist() == [run.id]
    experiments = Experiment.list(workspace)
    assert isinstance(experiments, list)
    assert rows(experiments) == len(experiments)
    assert "listed" in experiments.to_pandas()["name"].tolist()
    Path("m.txt").write_text("m")
    Model.register(workspace, "m.txt", "m", tags={"stage": "<b>"})
    models: Any = Model.list(workspace)
    assert isinstance(models, list)
    assert "stage: &lt;b&gt;" in models._repr_html_()
    assert models.to_pandas()["tags.stage"].tolist() == ["<b>"]


@pytest.mark.parametrize(
    ("uri", "is_told"), [("sqlite:///mlflow.db", True), ("http://server:5000", False)]
)
def test_a_page_that_nobody_may_serve_yet(uri: str, is_told: bool) -> None:
    link = html.page_link("http://127.0.0.1:5000/#/experiments/1", uri)
    assert ("amlflow ui" in link) == is_told
    assert html.page_link("trackio:project", uri) == "Link to MLflow&#x27;s page"


def test_completion_offers_no_internal_constants(experiment: Experiment) -> None:
    [run, *_] = experiment.get_runs()
    for value in (run, experiment, experiment.workspace):
        names = dir(value)
        assert {"tags", "name"} <= set(names)
        assert not [name for name in names if name.isupper()]
    assert run.DELIM == "#"


def test_the_documented_example(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = Experiment(workspace, "train")
    for name, stage in (("first", "raw"), ("second", "clean")):
        with experiment.start_logging(snapshot_directory=None, display_name=name) as run:
            run.tag("stage", stage)
    exec(block("runs-to-pandas"), {})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[-5:] == [
        ["name", "status", "tags.stage"],
        ["0", "first", "Completed", "raw"],
        ["name", "stage"],
        ["0", "second", "clean"],
        ["1", "first", "raw"],
    ]


def test_a_notebook_prints_a_warning_that_no_handler_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "is_notebook", lambda: True)
    silent = logging.getLogger("no-handler-above")
    silent.propagate = False
    monkeypatch.setattr(console, "logger", silent)
    console.warn("No config.json")
    assert capsys.readouterr() == ("No config.json\n", "")


def test_a_listing_is_a_generator_as_in_v1(experiment: Experiment) -> None:
    runs = experiment.get_runs()
    assert isinstance(runs, Generator)
    assert rows(runs) == 3
    runs.close()
    assert list(runs) == []
    with pytest.raises(KeyError):
        experiment.get_runs().throw(KeyError("mine"))
