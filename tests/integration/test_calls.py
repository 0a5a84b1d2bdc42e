"""The number of calls to MLflow for each operation. Unlike times, it is exact."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.runs.starting import draft_run
from amlflow.core.scripts.script_run_config import ScriptRunConfig
from amlflow.core.workspace import Workspace
from amlflow.testing.suites.cleaning import new_name
from amlflow_mlflow.mlflow_store import MlflowStore
from amlflow_mlflow.rest.connection import Answer, Connection
from amlflow_mlflow.rest.server_store import ServerStore
from amlflow_mlflow.tracker import MlflowTracker
from helpers.flaky_proxy import PASS, start_proxy


class Counting:
    """MLflow's store, with its calls counted by name; as a server, it lets nobody send SQL."""

    dialect = None

    def __init__(self, store: Any) -> None:
        self._store = store
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if not callable(method) or name in ("at_once", "database", "open_artifacts"):
            return method  # MLflow is not asked

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls[name] += 1
            return method(*args, **kwargs)

        return counted


@pytest.fixture
def calls(store: str, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    counting = Counting(MlflowStore(store))
    monkeypatch.setattr("amlflow_mlflow.tracker.open_store", lambda uri: counting)
    return counting.calls


@pytest.fixture
def experiment(calls: Counter[str]) -> Experiment:
    experiment = Experiment(Workspace("s", "g", "w"), "counted")
    calls.clear()
    return experiment


def start(experiment: Experiment) -> Run:
    return experiment.start_logging(snapshot_directory=None, outputs=False)


def test_a_run_from_start_to_end(experiment: Experiment, calls: Counter[str]) -> None:
    run = start(experiment)
    run.log("loss", 1.0)
    run.complete()
    # get_run: somebody else may have ended the run meanwhile, and then it must stay ended.
    assert calls == {"create_run": 1, "log_batch": 1, "get_run": 1, "update_run_info": 1}


def test_each_run_of_a_submitted_list_is_one_call(
    experiment: Experiment, calls: Counter[str]
) -> None:
    properties = {"ContentSnapshotId": "0" * 64, "_azureml.ComputeTargetType": "slurm"}
    drafts = [draft_run(experiment, properties=properties, status="Queued") for _ in range(5)]
    experiment._tracker.create_runs(drafts)
    assert calls == {"create_run": 5}


def test_an_int_costs_no_more_than_a_float(experiment: Experiment, calls: Counter[str]) -> None:
    run = start(experiment)
    calls.clear()
    for value in (1, 2, 3):
        run.log("epoch", value)
        run.flush()
    assert calls == {"log_batch": 3}


def test_many_values_go_together(experiment: Experiment, calls: Counter[str]) -> None:
    run = start(experiment)
    calls.clear()
    for value in range(1900):
        run.log("loss", value / 7)
    run.flush()
    assert calls["log_batch"] <= 3


def test_the_first_point_in_another_process_makes_it_the_owner_at_once(
    experiment: Experiment, calls: Counter[str]
) -> None:
    [child] = start(experiment).create_children(1)
    calls.clear()
    child.log("loss", 1.0)
    child.flush()
    child.log("loss", 0.5)
    child.flush()
    assert calls == {"get_run": 1, "log_batch": 2}


def test_a_table_is_one_call_and_its_drawing_another(
    experiment: Experiment, calls: Counter[str]
) -> None:
    run = start(experiment)
    calls.clear()
    run.log_table("t", {"x": [1.0, 2.0], "y": ["a", "b"]})
    run.flush()
    assert calls == {"log_batch": 2}
    calls.clear()
    run.log("message", "nothing to draw")
    run.flush()
    assert calls == {"log_batch": 1}


def test_opening_a_run_and_reading_it(experiment: Experiment, calls: Counter[str]) -> None:
    run_id = start(experiment).id
    calls.clear()
    run = Run(experiment, run_id)
    run.tags, run.status, run.description  # noqa: B018
    assert calls == {"get_run": 1}


def test_the_metrics_of_a_database_are_read_in_one_look(
    experiment: Experiment, calls: Counter[str]
) -> None:
    run = start(experiment)
    for name in "abc":
        run.log(name, 1.0)
    run.log("text", "no history of this one")
    run.flush()
    calls.clear()
    assert len(run.get_metrics()) == 4
    assert calls == {"get_run": 1, "metric_rows": 1}
    calls.clear()
    run.get_metrics("a")
    assert calls == {"get_run": 1, "metric_rows": 1}


def test_a_server_is_asked_once_for_each_page_of_a_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(connection: Connection, method: str, path: str, content: Any) -> Any:
        asked.append(dict(content))
        if "page_token" in content:
            points = {"metrics": [{"key": "a", "value": "NaN", "timestamp": 6, "step": 2}]}
        else:
            first = {"key": "a", "value": 0.5, "timestamp": "5", "step": "-1"}
            points = {"metrics": [first], "next_page_token": "more"}
        return points, Answer(200, {}, b"")

    monkeypatch.setattr(Connection, "probe", lambda self: setattr(self, "version", "3.9.0"))
    monkeypatch.setattr(Connection, "call", answer)
    rows = ServerStore("http://127.0.0.1:1").metric_rows("r", ["a"])["a"]
    assert str([tuple(row) for row in rows]) == "[(5, -1, 0.5), (6, 2, nan)]"
    wanted = {"run_id": "r", "metric_key": "a", "max_results": 25_000}
    assert asked == [wanted, {**wanted, "page_token": "more"}]


def test_a_final_status_is_not_asked_for_again(experiment: Experiment, calls: Counter[str]) -> None:
    run = start(experiment)
    run.complete()
    calls.clear()
    assert run.get_status() == "Completed"
    assert calls == {}


def test_get_runs_is_one_search_and_reads_no_run_by_itself(
    experiment: Experiment, calls: Counter[str]
) -> None:
    for place in range(5):
        start(experiment).set_tags({"place": place, "same": "x"})
    calls.clear()
    found = list(experiment.get_runs(tags={"same": "x"}))
    assert [run.tags["place"] for run in found] == ["4", "3", "2", "1", "0"]
    assert calls == {"search_runs": 1}


def test_get_runs_reads_pages_only_as_they_are_asked_for(
    experiment: Experiment, calls: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amlflow_mlflow.run_pages.PAGE", 2)
    for _ in range(6):
        start(experiment)
    calls.clear()
    runs = experiment.get_runs()
    assert calls == {}
    next(runs)
    assert calls == {"search_runs": 1}
    assert len(list(runs)) == 5
    assert calls["search_runs"] <= 4


def test_descendants_cost_pages_and_not_runs(experiment: Experiment, calls: Counter[str]) -> None:
    root = start(experiment)
    for child in root.create_children(5):
        for grandchild in child.create_children(9):
            grandchild.create_children(10)
    start(experiment).create_children(10)  # another family
    calls.clear()
    found = list(root.get_children(recursive=True))
    assert len(found) == 5 + 45 + 450
    # Two searches below this root, since the first page has 100 runs, one for runs that other
    # clients nested, one for the children, whatever root they name, and one for other nested runs.
    # The third one finds nothing, so MLflow is asked whether the experiment is archived.
    assert calls == {"search_runs": 5, "get_experiment": 1}


def test_children_are_one_call_each_and_nothing_more(
    experiment: Experiment, calls: Counter[str]
) -> None:
    root = start(experiment)
    calls.clear()
    root.create_children(10)
    assert calls == {"create_run": 10}


def test_a_snapshot_that_is_stored_already_is_not_sent_again(
    experiment: Experiment, calls: Counter[str], folder: Any
) -> None:
    (folder / "train.py").write_text("print('training')")
    first = experiment.start_logging(outputs=False)
    calls.clear()
    second = experiment.start_logging(outputs=False)
    assert first.get_snapshot_id() == second.get_snapshot_id()
    del calls["search_experiments"]  # for paths of this machine
    assert calls == {"create_run": 1, "log_batch": 1}


def test_submitting_takes_no_more_calls_than_starting(
    experiment: Experiment, calls: Counter[str], folder: Any, jobs: Any
) -> None:
    (folder / "train.py").write_text("pass")
    config = ScriptRunConfig(source_directory=".", script="train.py")
    experiment.submit(config).wait_for_completion()
    (folder / "train.py").write_text("pass  # another snapshot")
    calls.clear()
    run = experiment.submit(config)
    del calls["search_experiments"]  # for paths of this machine
    assert calls == {"create_run": 1, "log_batch": 1}
    run.wait_for_completion()


def test_a_loop_of_submits_lists_the_experiments_of_a_server_once(
    calls: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = MlflowTracker("http://server")
    monkeypatch.setattr(tracker._store, "is_server", True, raising=False)
    for _ in range(3):
        tracker.own_paths()
    assert calls == {"search_experiments": 1}
    tracker.ensure_experiment("a new one")  # its files may be on this machine
    tracker.own_paths()
    assert calls["search_experiments"] == 2
    monkeypatch.setattr("amlflow_mlflow.own_paths.LOCATIONS_S", -1.0)  # some seconds later
    tracker.own_paths()
    assert calls["search_experiments"] == 3


def test_a_servers_version_is_asked_once_and_kept(
    server_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[str] = Counter()

    def count(path: str, _: object) -> str:
        asked[path.rpartition("/")[2]] += 1
        return PASS

    with start_proxy(server_uri) as (proxy, uri):
        proxy.rule = count
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        for name in (new_name(), new_name()):
            experiment = Experiment(Workspace("s", "g", "w"), name)
            for _ in range(2):
                run = start(experiment)
                run.log("loss: train", 1.0)
                run.tag("a:b", "c")
                run.complete()
            assert len(list(experiment.get_runs(tags={"a:b": "c"}))) == 2
            assert list(experiment.get_runs(tags={"a:b": "d"})) == []
            assert experiment.query("length(@)") == 2
    assert asked["version"] == 1
    assert asked["create"] >= 4
