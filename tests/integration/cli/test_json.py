"""Logged values are printed and stored as JSON that every parser reads."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amlflow.core.runs.run import Run
from helpers.command_line import strict_json
from helpers.tools import need


def by_node(text: str) -> Any:
    script = "process.stdin.on('data', d => console.log(JSON.stringify(JSON.parse(d))))"
    command = [need("node"), "-e", script]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("parse", [strict_json, by_node])
def test_parsers_read_what_a_run_has_logged(
    cli: Any, run: Run, parse: Callable[[str], Any]
) -> None:
    run.log("nan", float("nan"))
    run.log_list("infinities", [float("inf"), -float("inf"), 0.5])
    run.log_row("row", loss=np.float32("nan"), size=3)
    out = cli("run", "metrics", "-r", run.id).out
    assert parse(out) == {
        "nan": "NaN",
        "infinities": ["Infinity", "-Infinity", 0.5],
        "row": {"loss": "NaN", "size": 3},
    }


def test_a_query_sees_the_numbers(cli: Any, run: Run) -> None:
    run.log("nan", float("nan"))
    run.log("loss", 0.5)
    words = ("run", "metrics", "-r", run.id, "--query")
    assert cli(*words, "{all: @, low: loss < `1`, worse: nan > `1`}").json == {
        "all": {"nan": "NaN", "loss": 0.5}, "low": True, "worse": False,
    }  # fmt: skip
    assert cli(*words, "nan", "-o", "tsv").out == "NaN\n"


def test_files_of_metrics_are_json(run: Run) -> None:
    data = {"class_labels": ["a"], "matrix": [[float("nan")]]}
    matrix = {"schema_type": "confusion_matrix", "schema_version": "1.0.0", "data": data}
    run.log_confusion_matrix("matrix", matrix)
    [name] = run.get_file_names()
    run.download_file(name, "matrix.json")
    found = strict_json(Path("matrix.json").read_text(encoding="utf-8"))
    assert found["data"]["matrix"] == [["NaN"]]
