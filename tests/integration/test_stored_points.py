"""What amlflow stores about metrics in addition to MLflow's own points."""

from __future__ import annotations

import json
import math
from typing import Any

from amlflow.core.experiment import Experiment
from amlflow_mlflow.spelling import POINTS
from mlflow import MlflowClient


def refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")


def test_what_is_stored_is_json_that_every_parser_reads(store: str, experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    run.log("loss", math.inf)
    run.log_list("list", [math.nan, 1.5, "NaN"])
    run.flush()
    tags = MlflowClient(store).get_run(run.id).data.tags
    stored = [value for key, value in tags.items() if key.startswith(POINTS)]
    assert stored
    for text in stored:
        json.loads(text, parse_constant=refuse)
    assert repr(run.get_metrics()) == "{'loss': inf, 'list': [nan, 1.5, 'NaN']}"


def test_what_the_first_release_stored_is_read(store: str, experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    tail = '["loss","scalar",-Infinity,null,0,5],["list","list",[NaN,1.5],null,1,6]'
    MlflowClient(store).set_tag(run.id, f"{POINTS}earlier", f'{{"files":0,"tail":[{tail}]}}')
    assert repr(run.get_metrics()) == "{'loss': -inf, 'list': [nan, 1.5]}"
