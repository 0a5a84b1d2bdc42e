"""Tries all operations."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

if "--without-mlflow" in sys.argv:
    sys.modules["mlflow"] = None  # type: ignore[assignment]

import pandas
from azureml.core import Experiment, Workspace

from helpers.operations import assets, commands, runs, scripts
from helpers.operations.outcomes import BYTES, NAME, results


def make_files() -> None:
    for name, text in scripts.SCRIPTS.items():
        path = Path("code") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    Path("folder/sub").mkdir(parents=True)
    for name in ("notes.txt", "folder/a.txt", "folder/sub/c.txt"):
        Path(name).write_bytes(BYTES)
    Path("image.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Path("rows.csv").write_text("when,x\n2020-01-31,1.5\n2020-02-01,2\n2020-02-02,3\n")
    Path("rows.jsonl").write_text('{"x": 1.5}\n{"x": 2}\n')
    pandas.DataFrame({"x": [1.5, 2.0]}).to_parquet("rows.parquet")
    Path("tensorboard").mkdir()  # a TensorBoard that ends at once
    for name in ("__init__.py", "main.py"):
        (Path("tensorboard") / name).touch()
    sys.path.append(os.getcwd())
    os.environ["PYTHONPATH"] = os.getcwd()


def main() -> None:
    make_files()
    workspace = Workspace("s", "g", "w")
    experiment = Experiment(workspace, NAME)
    run = runs.try_run(experiment)
    runs.try_searches(experiment, run)
    runs.try_experiments(workspace)
    runs.try_workspace(workspace)
    assets.try_data(workspace)
    assets.try_models(workspace, run)
    assets.try_environments(workspace)
    scripts.try_scripts(experiment)
    commands.try_commands_of_runs(experiment)
    commands.try_other_commands(run)
    Path(sys.argv[1]).write_text(json.dumps(results, ensure_ascii=False, indent=1))


main()
