"""Problems that users have reported: code that works with v1. Each test does what the user did."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


def test_any_value_is_logged(run: Any) -> None:
    for name, value in {
        "best params": {"max_depth": 3}, "sizes": (50, 50), "path": Path("a"), "type": int,
        "set": {1}, "bytes": b"a",
    }.items():  # fmt: skip
        run.log(name, value)
        assert run.get_metrics(name) == {name: repr(value)}


@pytest.mark.parametrize(
    "document", [{"schema_type": "confusion_matrix", "data": {"class_labels": ["a"]}}, {"a": 1}]
)
@pytest.mark.parametrize(
    "call", ["log_confusion_matrix", "log_accuracy_table", "log_residuals", "log_predictions"]
)
def test_documents_of_metrics_are_not_checked(run: Any, call: str, document: Any) -> None:
    getattr(run, call)("cm", document)
    run.flush()
    assert "cm" in run.get_metrics()


def test_scripts_look_at_private_names(run: Any) -> None:
    from azureml.core import Run

    assert "_OfflineRun" in str(Run.get_context())
    assert run._run_id == run.id


def test_a_run_fails_after_it_was_completed(run: Any) -> None:
    run.complete()
    run.fail("wrong script")
    assert run.get_status() == "Failed"
    assert "wrong script" in json.dumps(run.get_details()["error"])


def test_an_image_keeps_the_name_of_its_file(run: Any, work: Path) -> None:
    (work / "roc.png").write_bytes(b"png")
    run.log_image("ROC", path="roc.png")
    run.download_file("roc.png", "again.png")
    assert (work / "again.png").read_bytes() == b"png"


def test_output_is_json(run: Any, amlflow: Command) -> None:
    run.log("nan", float("nan"))
    run.log("infinite", float("inf"))
    run.log_list("list", [float("nan"), 1.0])
    run.complete()
    done = amlflow("run", "metrics", "-r", run.id)
    assert done.returncode == 0, done.stderr

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is not JSON")

    json.loads(done.stdout, parse_constant=refuse)


@pytest.mark.parametrize(
    ("query", "advice"),
    [
        ("[?tags.k8s-service=='a']", 'tags."k8s-service"'),
        ("[?tags.n > `1`]", "to_number(tags.n)"),
        ("sort_by(@, &end_time_utc)", "[?end_time_utc]"),
    ],
)
def test_a_query_that_fails_says_how_to_write_it(
    experiment: Any, run: Any, amlflow: Command, query: str, advice: str
) -> None:
    run.tag("n", "5")
    run.flush()
    experiment.start_logging(snapshot_directory=None).complete()
    done = amlflow("run", "list", "-e", experiment.name, "--query", query)
    assert done.returncode != 0
    assert advice in done.stderr


@pytest.mark.parametrize("name", ["My Team/Experiment 1.0", "ä", " ", "-a"])
def test_an_experiment_that_mlflow_has_is_opened(
    workspace: Any, run: Any, database: Any, name: str
) -> None:
    from azureml.core import Experiment

    database.write(
        "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage)"
        " VALUES (77, ?, '/nowhere', 'active')",
        name,
    )
    assert Experiment(workspace, name).id == "77"


def test_an_argument_in_the_wrong_place_is_said(run: Any) -> None:
    class Figure:
        def savefig(self, *_: Any, **__: Any) -> None: ...

    with pytest.raises(Exception, match="plot="):
        run.log_image("ROC", Figure())


def test_a_member_that_is_not_here_says_the_nearest_way(run: Any) -> None:
    with pytest.raises((AttributeError, KeyError, NotImplementedError)) as error:
        run.input_datasets["x"]
    assert "has no attribute 'input_datasets'" not in str(error.value)


def test_params_of_mlflow_are_in_documents(
    experiment: Any, run: Any, database: Any, amlflow: Command
) -> None:
    run.flush()
    database.write("INSERT INTO params VALUES ('lr', '0.1', ?)", run.id)
    done = amlflow("run", "list", "-e", experiment.name, "--query", "[?params.lr=='0.1'].run_id")
    assert json.loads(done.stdout) == [run.id]
    assert json.loads(amlflow("run", "show", "-r", run.id).stdout)["params"] == {"lr": "0.1"}


def test_another_experiment_before_the_scripts_run_says_what_to_do(submit: Any) -> None:
    run = submit('import mlflow\nmlflow.set_experiment("another")\nmlflow.start_run()')
    run.wait_for_completion(raise_on_error=False)
    assert "before the first mlflow.start_run()" in json.dumps(run.get_details()["error"])


def test_an_update_that_does_not_arrive_is_an_error(
    run: Any, database: Any, tmp_path: Path, amlflow: Command
) -> None:
    import sqlite3

    run.flush()
    lock = sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        done = amlflow("run", "update", "-r", run.id, "--add-tag", "a=b", AMLFLOW_FLUSH_SECONDS="1")
    finally:
        lock.close()
    assert done.returncode != 0


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_names_that_are_not_here_say_why_before_azureml_core_is_imported(work: Path) -> None:
    for name in (
        "pipeline.core",
        "train.hyperdrive",
        "train.automl",
        "widgets",
        "contrib.services",
    ):
        assert "No module named" not in python(f"import azureml.{name}"), name


def test_submodules_are_attributes(work: Path) -> None:
    code = "import azureml.core; print(azureml.core.workspace, azureml.core.run.Run)"
    assert "Error" not in python(code)


def test_a_config_file_is_written_where_it_is_read(workspace: Any, work: Path) -> None:
    from azureml.core import Workspace

    workspace.write_config(path=".azureml")
    assert (work / ".azureml" / "config.json").is_file()
    assert Workspace.from_config().name == "workspace"
