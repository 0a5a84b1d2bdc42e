"""The examples of README.md and docs/ pass ``mypy --strict`` against the installed drop-in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jedi
from blocks import all_blocks

STRANGER = """
from azureml.core import (
    ComputeTarget, Dataset, Datastore, Environment, Experiment, Model, Run, ScriptRunConfig,
    Workspace,
)
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.runconfig import DockerConfiguration, MpiConfiguration, RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.exceptions import UserErrorException


def train(workspace: Workspace, rates: list[float]) -> dict[str, list[float]]:
    environment = Environment("mine")
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["numpy"])
    environment.environment_variables = {"RATE": "1"}
    environment.docker.base_image = None
    datastore = Datastore.get(workspace, workspace.get_default_datastore().name)
    rows = Dataset.Tabular.from_delimited_files([(datastore, "rows.csv")])
    experiment = Experiment(workspace=Run.get_context().experiment.workspace, name="mine")
    print(experiment.workspace.get_default_datastore().name, experiment.workspace_object.models)
    config = ScriptRunConfig(
        source_directory=".",
        script="train.py",
        arguments=["--rows", rows.as_named_input("rows"), "--out", OutputFileDatasetConfig("out")],
        compute_target=ComputeTarget(workspace, "local"),
        environment=environment,
        distributed_job_config=MpiConfiguration(node_count=1),
        docker_runtime_config=DockerConfiguration(use_docker=False),
    )
    config.run_config.environment_variables["MORE"] = "1"
    run: Run = experiment.submit(config, tags={"kind": "a"})
    run.wait_for_completion(show_output=True, raise_on_error=False)
    losses = {child.id: [float(rate)] for child, rate in zip(run.get_children(), rates)}
    with run.child_run("best") as best:
        best.log("loss", 0.5, description="it", step=1)
        best.log_list("all", [1, 2.5])
        best.log_row("row", a=1, b="x")
        best.upload_folder("outputs", "outputs")
    try:
        model: Model = run.register_model("m", model_path="outputs/m.pkl", tags={"a": "b"})
        print(model.workspace.datasets["rows"].version, run.experiment.query("length(@)"))
        print(model.version + 1, run.get_metrics()["loss"], run.get_details()["status"])
    except UserErrorException as error:
        print(error.message)
    for found in Run.list(experiment, tags="kind", include_children=True):
        print(found.id, found.status, found.get_portal_url())
    best_runs = sorted(experiment.get_runs(), key=lambda each: each.number)
    print(len(best_runs), RunConfiguration(framework="Python").target)
    return losses
"""
"""What somebody has who has read v1's documentation, with many names."""


def check_types(folder: Path) -> str:
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", "cache"]
    done = subprocess.run(
        [*mypy, "."],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_the_examples_are_typed_and_a_wrong_name_is_found(tmp_path: Path) -> None:
    for block in all_blocks():
        if block.language == "python" and "azureml" in block.text and block.name:
            path = tmp_path / f"{block.name.replace('-', '_')}.py"
            path.write_text(block.text, encoding="utf-8")
    assert (tmp_path / "example.py").exists()
    (tmp_path / "stranger.py").write_text(STRANGER)
    (tmp_path / "wrong.py").write_text(
        "from azureml.core import Experiment, Workspace\n\n"
        "Experiment(Workspace.from_config(), 'a').start_logging().logg('loss', 1)\n"
    )
    errors = [line for line in check_types(tmp_path).splitlines() if "error:" in line]
    assert errors == ['wrong.py:3: error: "Run" has no attribute "logg"  [attr-defined]']


def test_completion_shows_the_signature_and_the_docstring(tmp_path: Path) -> None:
    code = "from azureml.core import Experiment, Workspace\n"
    code += "run = Experiment(Workspace.from_config(), 'a').start_logging()\nrun.log("
    script = jedi.Script(code, path=tmp_path / "script.py")
    [signature] = script.get_signatures(3, 8)
    assert signature.to_string().startswith('log(name: str, value: Any, description: str=""')
    assert "Log a single value" in signature.docstring(raw=True)
