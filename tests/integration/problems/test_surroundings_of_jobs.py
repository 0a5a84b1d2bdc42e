"""A job runs in what its submitter chose, and what it stores is kept. Nothing here imports amlflow.

More cases of the problems in ``test_losses.py``: a queued job in another's surroundings, and files
that are removed with their job.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
from helpers.outside import end_jobs, end_of, log_of, until

SUBMIT = """
import sys
from azureml.core import Experiment, ScriptRunConfig, Workspace
experiment = Experiment(Workspace("sub", "group", "workspace"), sys.argv[1])
print(experiment.submit(ScriptRunConfig("src", script="b.py")).id)
"""


def submit_elsewhere(
    python: str | Path, experiment: Any, cwd: Path, environment: dict[str, str], before: str = ""
) -> str:
    """Submit b.py in another process, and return the run's id."""
    done = subprocess.run(
        [python, "-c", before + SUBMIT, experiment.name], cwd=cwd, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


# --- The surroundings of a queued job -----------------------------------------------------------


def test_a_queued_job_has_its_submitters_variables(gate: Any, experiment: Any, work: Path) -> None:
    show = ["AAA", "PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "LANG", "TZ"]
    (work / "src" / "b.py").write_text(f"import os\nprint([os.environ.get(k) for k in {show}])")
    environment = {
        **os.environ, "AAA": "b's", "PATH": f"/b/bin:{os.environ['PATH']}", "PYTHONPATH": "/b/path",
        "LD_LIBRARY_PATH": "/b/lib", "VIRTUAL_ENV": "/b", "LANG": "C.UTF-8", "TZ": "UTC+3",
    }  # fmt: skip
    later = 'import os\nos.environ["AAA"] = "b\'s own"\n'
    run_id = submit_elsewhere(sys.executable, experiment, work, environment, later)
    gate.open()
    status, log = end_of(experiment.workspace.get_run(run_id))
    assert status == "Completed", log
    assert str(["b's own", *[environment[k] for k in show[1:]]]) in log


def test_a_queued_job_keeps_what_was_submitted(
    gate: Any, experiment: Any, work: Path, submit: Any
) -> None:
    """Its source, its variables, and its settings, whatever changes while it waits."""
    os.environ["MINE"] = "then"
    try:
        second = submit("import os\nprint('first text', os.environ['MINE'])")
    finally:
        del os.environ["MINE"]
    (work / "src" / "script.py").write_text("print('second text')")
    (work / ".azureml" / "compute.yaml").write_text("local: {kind: docker, image: nothing}")
    gate.open()
    (work / "src" / "script.py").unlink()
    status, log = end_of(second)
    assert (status, log.split()) == ("Completed", ["first", "text", "then"])


def test_a_queued_job_goes_to_its_own_tracker(
    gate: Any, experiment: Any, work: Path, tmp_path: Path
) -> None:
    """Another database, by a path that is relative to the submitter's folder."""
    other = tmp_path / "other"
    shutil.copytree(work / "src", other / "src")
    (other / ".azureml").mkdir()
    shutil.copy(work / ".azureml" / "compute.yaml", other / ".azureml")
    (other / "src" / "b.py").write_text(
        "from azureml.core import Run\nRun.get_context().log('where', 1)\nimport mlflow\n"
        "print(mlflow.get_tracking_uri())\nmlflow.log_text('x', 'mine.txt')"
    )
    environment = {**os.environ, "MLFLOW_TRACKING_URI": "sqlite:///here.db"}
    run_id = submit_elsewhere(sys.executable, experiment, other, environment)
    gate.open()
    assert end_of(gate)[0] == "Completed"

    def status() -> Any:
        with contextlib.closing(sqlite3.connect(other / "here.db")) as database:
            row = database.execute("SELECT status FROM runs WHERE run_uuid = ?", (run_id,))
            return row.fetchone()[0] not in ("RUNNING", "SCHEDULED") and row

    until(status, "the end of the second job")
    with contextlib.closing(sqlite3.connect(other / "here.db")) as database:
        [(count,)] = database.execute("SELECT count(*) FROM metrics WHERE key = 'where'")
    assert count == 1
    assert [path.read_text() for path in other.rglob("mine.txt")] == ["x"]


def test_a_submitters_python_that_is_gone_holds_up_nobody(
    gate: Any, experiment: Any, work: Path, tmp_path: Path, submit: Any
) -> None:
    venv.EnvBuilder(symlinks=True).create(tmp_path / "other")
    [packages] = (tmp_path / "other").glob("lib/*/site-packages")
    (packages / "others.pth").write_text("\n".join(path for path in sys.path if path))
    (work / "src" / "b.py").write_text("print('from b')")
    python = tmp_path / "other" / "bin" / "python"
    run_id = submit_elsewhere(python, experiment, work, dict(os.environ))
    third = submit("print('the third')")
    shutil.rmtree(tmp_path / "other")
    gate.open()
    second = experiment.workspace.get_run(run_id)
    assert end_of(third) == ("Completed", "the third\n")
    assert end_of(second)[0] == "Failed"
    assert str(python) in str(second.get_details()["error"])


@pytest.mark.long
def test_whoever_sends_the_journal_starts_no_job_in_its_own_surroundings(
    gate: Any, experiment: Any, work: Path, tmp_path: Path, amlflow: Any
) -> None:
    """`amlflow sync` advances the queue after all agents were killed."""
    (work / "src" / "b.py").write_text("import os\nprint(os.environ.get('AAA'), os.getcwd())")
    run_id = submit_elsewhere(sys.executable, experiment, work, {**os.environ, "AAA": "b's own"})
    end_jobs(Path(os.environ["AMLFLOW_JOBS"]))
    second = experiment.workspace.get_run(run_id)
    amlflow("sync", AAA="somebody else's", PYTHONPATH="/nowhere")
    status, log = end_of(second)
    assert status == "Completed", (status, log, second.get_details())
    assert log.startswith("b's own ")


@pytest.mark.long
def test_a_child_runs_in_the_python_of_the_script_that_submits_it(
    work: Path, experiment: Any, tmp_path: Path
) -> None:
    venv.EnvBuilder(symlinks=True).create(tmp_path / "other")
    [packages] = (tmp_path / "other").glob("lib/*/site-packages")
    (packages / "others.pth").write_text("\n".join(path for path in sys.path if path))
    python = tmp_path / "other" / "bin" / "python"
    (work / "src").mkdir()
    (work / "src" / "child.py").write_text(
        "import os, sys\nprint(sys.executable, os.environ['AAA'])"
    )
    (work / "src" / "b.py").write_text(
        "import os\nos.environ['AAA'] = 'set by the parent'\n"
        "from azureml.core import Run, ScriptRunConfig\n"
        "child = Run.get_context().submit_child(ScriptRunConfig('.', script='child.py'))\n"
        "child.wait_for_completion()\n"
    )
    run_id = submit_elsewhere(python, experiment, work, dict(os.environ))
    run = experiment.workspace.get_run(run_id)
    status, log = end_of(run)
    assert status == "Completed", (log, run.get_details())
    [child] = run.get_children()
    assert log_of(child).strip() == f"{python} set by the parent"


# --- What a script stores -----------------------------------------------------------------------

STORES = {
    "an experiment made by a client": """
from mlflow import MlflowClient
client = MlflowClient()
run = client.create_run(client.create_experiment("own"))
client.log_text(run.info.run_id, "hello", "keep.txt")
""",
    "another working folder": """
import mlflow, os
os.mkdir("deeper"); os.chdir("deeper")
os.environ.pop("MLFLOW_RUN_ID")
mlflow.set_experiment("own")
with mlflow.start_run():
    mlflow.log_text("hello", "keep.txt")
""",
    "a process of the script's own": """
import subprocess, sys
code = '''
import mlflow, os
os.environ.pop("MLFLOW_RUN_ID", None)
mlflow.set_experiment("own")
with mlflow.start_run():
    mlflow.log_text("hello", "keep.txt")
'''
subprocess.run([sys.executable, "-c", code], check=True)
""",
    "a run of v1's in another experiment": """
from azureml.core import Experiment, Run
ws = Run.get_context().experiment.workspace
run = Experiment(ws, "own").start_logging()
open("keep.txt", "w").write("hello")
run.upload_file("outputs/keep.txt", "keep.txt")
run.complete()
""",
    "a nested run of MLflow's": """
import mlflow
with mlflow.start_run():
    with mlflow.start_run(nested=True):
        mlflow.log_text("hello", "keep.txt")
""",
    "a store that is set by its URI": """
import mlflow, os
uri = os.environ["MLFLOW_TRACKING_URI"]
os.environ.pop("MLFLOW_RUN_ID")
mlflow.set_tracking_uri(uri)
mlflow.set_experiment("own")
with mlflow.start_run():
    mlflow.log_text("hello", "keep.txt")
""",
    "a model of MLflow's": """
import mlflow, os
os.environ.pop("MLFLOW_RUN_ID")
mlflow.set_experiment("own")
open("keep.txt", "w").write("hello")
class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: list[str]):
        return model_input
with mlflow.start_run():
    mlflow.pyfunc.log_model(
        name="model", python_model=Model(), artifacts={"a": "keep.txt"},
        registered_model_name="kept", pip_requirements=[],
    )
""",
    "a model of v1's": """
from azureml.core import Model, Run
open("keep.txt", "w").write("hello")
Model.register(Run.get_context().experiment.workspace, "keep.txt", "kept")
""",
    "a trace": """
import mlflow, os
os.environ.pop("MLFLOW_RUN_ID")
mlflow.set_experiment("own")
with mlflow.start_span("keep") as span:
    span.set_inputs({"text": "hello"})
mlflow.flush_trace_async_logging()
open("keep.txt", "w").write("hello")
with mlflow.start_run():
    mlflow.log_artifacts(".", "all")
""",
}


LONG = pytest.mark.long
OFTEN = {"another working folder"}
"""The others are tried with ``-m long``, as each takes seconds."""


@pytest.mark.parametrize(
    "code",
    [pytest.param(code, id=name, marks=[] if name in OFTEN else LONG)
     for name, code in STORES.items()],
)  # fmt: skip
def test_what_a_script_stores_is_kept(
    submit: Any, tmp_path: Path, database: Any, code: str
) -> None:
    run = submit(code)
    status, log = end_of(run)
    assert status == "Completed", (log, run.get_details())
    jobs = tmp_path / "state" / "jobs"
    until(lambda: not list(jobs.iterdir()), "the job's end")
    kept = [path.read_text() for path in tmp_path.rglob("keep.txt")]
    assert kept
    assert set(kept) == {"hello"}
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as tables:
        text = "\n".join(tables.iterdump())
    assert [line for line in text.splitlines() if str(jobs) in line] == []


def test_a_data_set_of_a_scripts_own_files_is_kept(submit: Any, tmp_path: Path) -> None:
    run = submit(
        """
from azureml.core import Dataset, Run
ws = Run.get_context().experiment.workspace
open("keep.csv", "w").write("a,b\\n1,2\\n")
Dataset.Tabular.from_delimited_files("keep.csv").register(ws, "kept")
"""
    )
    assert end_of(run) == ("Completed", "")
    from azureml.core import Dataset

    until(lambda: not list((tmp_path / "state" / "jobs").iterdir()), "the job's end")
    frame = Dataset.get_by_name(run.experiment.workspace, "kept").to_pandas_dataframe()
    assert frame.to_dict("list") == {"a": [1], "b": [2]}


def test_no_datastore_is_in_a_jobs_folder(submit: Any, tmp_path: Path) -> None:
    """A script attaches datastores of its own, but none that is removed with its job."""
    run = submit(
        f"""
import os, subprocess, sys
for name, address in (("a", "stored"), ("b", os.path.abspath("stored")), ("c", {str(tmp_path)!r})):
    done = subprocess.run(
        [sys.executable, "-m", "amlflow", "datastore", "attach", "-n", name, "--address", address],
        text=True, capture_output=True,
    )
    print(name, done.returncode, done.stderr.strip() or "attached")
"""
    )
    status, log = end_of(run)
    assert status == "Completed"
    a, b, c = log.splitlines()
    assert c == "c 0 attached"
    for line in (a, b):
        assert "2 ERROR" in line
        assert "removed when the script has ended" in line
    kept = [path.name for path in (tmp_path / "config").rglob("*.json")]
    assert kept == ["c.json"]
