"""Several threads and processes at the same runs: exactly one wins, and nothing is lost."""

from __future__ import annotations

import multiprocessing
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import mlflow
import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import AzureMLException, UserErrorException
from amlflow.spec import PropertyConflict, Refused, RunDraft
from amlflow_mlflow import creation, spelling
from helpers.forked_processes import in_processes

THREADS = 16
PROCESSES = 4


@pytest.fixture
def experiment(any_store: str, folder: Path) -> Experiment:
    return Experiment(Workspace.from_config(), f"races-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def run(experiment: Experiment) -> Run:
    return experiment.start_logging(snapshot_directory=None)


def at_once(count: int, call: Callable[[int], Any]) -> list[Any]:
    """What a call gave, or the error it raised, in each of several threads that start together."""
    start = threading.Barrier(count)
    outcomes: list[Any] = [None] * count

    def work(place: int) -> None:
        start.wait()
        try:
            outcomes[place] = call(place)
        except Exception as error:  # noqa: BLE001
            outcomes[place] = error

    threads = [threading.Thread(target=work, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


# properties


def check_conflicts(run: Run, outcomes: list[tuple[str, str | None]]) -> None:
    """(value, None or the error) of each writer of the property "winner"."""
    kept = run.get_properties()
    winners = [value for value, error in outcomes if error is None]
    assert winners == [kept["winner"]]
    for value, error in outcomes:
        if error is not None:
            for named in ("'winner'", repr(value), repr(kept["winner"])):
                assert named in error
    # Of each losing call, nothing: neither its other keys nor those before and after.
    others = {key for key in kept if key.startswith(("a-", "z-"))}
    assert others == {f"a-{winners[0]}", f"z-{winners[0]}"}


def test_one_of_many_threads_wins_a_property(run: Run) -> None:
    def write(place: int) -> tuple[str, str | None]:
        value = f"value {place}"
        try:
            run.add_properties({f"a-{value}": "", "winner": value, f"z-{value}": ""})
        except PropertyConflict as error:
            return value, error.message
        return value, None

    check_conflicts(run, at_once(THREADS, write))


def test_one_of_many_processes_wins_a_property(run: Run) -> None:
    code = (
        "run = Run.get(Workspace.from_config(), arguments[0])\n"
        "value = f'value {place}'\n"
        "ready()\n"
        "try:\n"
        "    run.add_properties({f'a-{value}': '', 'winner': value, f'z-{value}': ''})\n"
        "except AzureMLException as error:\n"
        "    give([value, error.message])\n"
        "else:\n"
        "    give([value, None])\n"
    )
    check_conflicts(run, [(value, error) for value, error in in_processes(code, PROCESSES, run.id)])


# A database file is written in one transaction, where no rival comes between.
@pytest.mark.parametrize("any_store", ["server", "postgres_server"], indirect=True)
def test_the_earliest_of_many_rivals_gets_the_id_they_ask_for(
    experiment: Experiment, any_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More rivals than one look at them shows, each made just after the run and gone soon.
    client = mlflow.MlflowClient(any_store)
    tracker = experiment.workspace._tracker.inner
    making = getattr(tracker, "mlflow", tracker)._creation
    create_run = making._store.create_run
    looked = threading.Event()

    def create_with_rivals(experiment_id: str, user: str, started: int, *rest: Any) -> Any:
        made = create_run(experiment_id, user, started, *rest)
        rivals = [
            client.create_run(experiment_id, started + 1 + place, {spelling.ALIAS: "wanted"})
            for place in range(12)
        ]

        def give_way() -> None:
            looked.wait()
            for rival in rivals:
                client.delete_tag(rival.info.run_id, spelling.ALIAS)

        threading.Thread(target=give_way).start()
        return made

    def search_runs(*arguments: Any, **options: Any) -> Any:
        found = search(*arguments, **options)
        if found:
            looked.set()
        return found

    search = making._store.search_runs
    monkeypatch.setattr(making._store, "create_run", create_with_rivals)
    monkeypatch.setattr(making._store, "search_runs", search_runs)
    assert experiment.start_logging(run_id="wanted", snapshot_directory=None).id == "wanted"


def test_who_looked_first_has_the_id_and_an_earlier_rival_is_told_at_once(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rival had its time before the other, and got to the store after it."""
    held = experiment.start_logging(run_id="wanted", snapshot_directory=None)
    tracker = experiment.workspace._tracker.inner
    tracker = getattr(tracker, "mlflow", tracker)

    def wait(seconds: float) -> None:
        raise AssertionError("it waits for a run that stays")

    monkeypatch.setattr(tracker._creation, "_is_taken", lambda *_: False)
    monkeypatch.setattr(creation.time, "sleep", wait)
    earlier = held._record.created - timedelta(seconds=1)
    draft = RunDraft(experiment_id=experiment.id, run_id="wanted", created=earlier)
    with pytest.raises(Refused, match="'wanted'"):
        tracker.create_runs([draft])
    monkeypatch.undo()
    assert [run.id for run in experiment.get_runs()] == ["wanted"]
    assert held.get_tags() == {}


def test_the_same_property_from_many_threads_is_fine(run: Run) -> None:
    outcomes = at_once(
        THREADS, lambda place: run.add_properties({"same": "value", f"own {place}": str(place)})
    )
    assert outcomes == [None] * THREADS
    expected = {f"own {place}": str(place) for place in range(THREADS)} | {"same": "value"}
    assert run.get_properties() == expected


def test_keys_in_any_order_do_not_wait_for_each_other(run: Run) -> None:
    keys = [f"k{number}" for number in range(10)]

    def write(place: int) -> None:
        ordered = keys if place % 2 else keys[::-1]
        run.add_properties(dict.fromkeys(ordered, "same"))

    assert at_once(THREADS, write) == [None] * THREADS


# tags


def test_tags_from_many_threads(run: Run) -> None:
    outcomes = at_once(
        THREADS, lambda place: run.set_tags({"shared": str(place), f"own {place}": None})
    )
    assert outcomes == [None] * THREADS
    tags = run.get_tags()
    assert tags.pop("shared") in map(str, range(THREADS))
    assert tags == {f"own {place}": None for place in range(THREADS)}


def test_tags_show_up_in_mlflows_client_and_the_other_way_round(run: Run, any_store: str) -> None:
    client = mlflow.MlflowClient(any_store)
    client.set_tag(run.id, "theirs", "1")
    run.tag("ours", "2")
    run.tag("bare")
    tags = client.get_run(run.id).data.tags
    assert (tags["ours"], tags["bare"]) == ("2", "")
    assert run.get_tags() == {"theirs": "1", "ours": "2", "bare": None}
    client.delete_tag(run.id, "ours")
    run.remove_tags(["theirs"])
    assert run.get_tags() == {"bare": None}


# metrics


def test_many_threads_log_one_name(run: Run) -> None:
    def log(place: int) -> None:
        for number in range(5):
            run.log("m", number)
            run.log("t", f"{place} {number}")

    assert at_once(THREADS, log) == [None] * THREADS
    found = run.get_metrics()
    assert Counter(found["m"]) == Counter(dict.fromkeys(range(5), THREADS))
    assert {type(value) for value in found["m"]} == {int}
    assert sorted(found["t"]) == sorted(f"{p} {n}" for p in range(THREADS) for n in range(5))
    for place in range(THREADS):
        own = [text for text in found["t"] if text.startswith(f"{place} ")]
        assert own == sorted(own)


def test_many_processes_log_one_name(run: Run, any_store: str) -> None:
    """The same values at the same time, too: nothing is overwritten and nothing is doubled."""
    run.log("m", 1)
    code = (
        "run = Run.get(Workspace.from_config(), arguments[0])\n"
        "ready()\n"
        "for number in range(10):\n"
        "    run.log('m', 1)\n"
        "    run.log('step', 0.5, step=number)\n"
        "run.log_list('list', [1, 2])\n"
        "run.log_row('row', place=place, text='t')\n"
        "with run.child_run() as child:\n"
        "    child.parent.log('from children', place)\n"
        "give(None)\n"
    )
    in_processes(code, PROCESSES, run.id)
    mlflow.MlflowClient(any_store).log_metric(run.id, "m", 7)
    found = run.get_metrics()
    assert Counter(found["m"]) == Counter({1: 10 * PROCESSES + 1, 7.0: 1})
    assert found["step"] == [0.5] * 10 * PROCESSES
    assert found["list"] == [1, 2] * PROCESSES
    assert sorted(found["row"]["place"]) == list(range(PROCESSES))
    assert found["row"]["text"] == ["t"] * PROCESSES
    assert sorted(found["from children"]) == list(range(PROCESSES))
    assert len(list(run.get_children())) == PROCESSES


def test_mlflow_autologs_to_the_same_run(run: Run, any_store: str) -> None:
    run.log("loss", 0.5)
    with mlflow.start_run(run_id=run.id):
        for step in range(3):
            mlflow.log_metric("loss", step, step=step)
        mlflow.log_metrics({"accuracy": 0.9, "epochs": 3})
        mlflow.log_param("learning_rate", 0.1)
    run.log("loss", 0.25)
    found = run.get_metrics()
    assert Counter(found["loss"]) == Counter([0.5, 0.25, 0.0, 1.0, 2.0])
    assert (found["accuracy"], found["epochs"]) == (0.9, 3.0)
    assert run.get_properties() == {}


def forked(run: Run, place: int) -> None:
    run.log("m", place)
    run.tag(f"own {place}")
    run.add_properties({f"own {place}": "x"})


def test_forked_processes_go_on_with_the_run(run: Run) -> None:
    run.log("m", -1)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=forked, args=(run, place)) for place in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
    assert [process.exitcode for process in processes] == [0] * 3
    run.log("m", 3)
    assert sorted(run.get_metrics()["m"]) == [-1, 0, 1, 2, 3]
    assert set(run.get_tags()) == set(run.get_properties()) == {f"own {n}" for n in range(3)}


# ids and experiments


def test_one_of_many_gets_a_run_id(experiment: Experiment) -> None:
    outcomes = at_once(
        4, lambda _: experiment.start_logging(run_id="wanted", snapshot_directory=None)
    )
    made = [each for each in outcomes if isinstance(each, Run)]
    assert len(made) <= 1
    for each in outcomes:
        if not isinstance(each, Run):
            assert isinstance(each, UserErrorException), each
            assert "'wanted'" in each.message
    assert [run.id for run in experiment.get_runs()] == ["wanted"] * len(made)
    assert len(made) == 1


def test_many_threads_make_one_experiment(any_store: str, folder: Path) -> None:
    workspace, name = Workspace.from_config(), f"races-{uuid.uuid4().hex[:8]}"
    outcomes = at_once(THREADS, lambda _: Experiment(workspace, name).id)
    assert len(set(outcomes)) == 1, outcomes
    assert [each.name for each in Experiment.list(workspace, name)] == [name]


def test_many_processes_make_one_experiment_on_a_new_database(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    code = (
        "ready()\n"
        "experiment = Experiment(Workspace.from_config(), 'new')\n"
        "with experiment.start_logging() as run:\n"
        "    run.log('m', place)\n"
        "give([experiment.id, run.id])\n"
    )
    outcomes = in_processes(code, PROCESSES)
    assert len({experiment for experiment, _ in outcomes}) == 1
    runs = list(Experiment(Workspace.from_config(), "new").get_runs())
    assert {run.id for run in runs} == {run for _, run in outcomes}
    assert sorted(run.get_metrics()["m"] for run in runs) == list(range(PROCESSES))
    assert {run.status for run in runs} == {"Completed"}


# files


def test_uploads_from_many_threads(run: Run, folder: Path) -> None:
    (folder / "source").write_text("text")

    def upload(place: int) -> None:
        run.upload_file(f"outputs/{place}.txt", str(folder / "source"))

    assert at_once(8, upload) == [None] * 8
    assert run.get_file_names() == [f"outputs/{place}.txt" for place in range(8)]


def test_snapshots_of_one_folder_from_many_threads(experiment: Experiment, folder: Path) -> None:
    (folder / "train.py").write_text("print(1)")
    outcomes = at_once(4, lambda _: experiment.start_logging())
    assert not [each for each in outcomes if isinstance(each, AzureMLException)]
    assert len({run.get_snapshot_id() for run in outcomes}) == 1
    archive = outcomes[0].restore_snapshot(path=str(folder / "back"))
    assert [each.name for each in Path(archive).iterdir()] == ["train.py"]
