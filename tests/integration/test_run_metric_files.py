"""Metrics that are files: images and documents, and the names of their files."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.exceptions import UserErrorException
from matplotlib.figure import Figure

matplotlib.use("Agg")

PNG = b"\x89PNG\r\n\x1a\n"


def test_an_image_from_a_file(run: Run, folder: Path) -> None:
    (folder / "plot.png").write_bytes(PNG + b"data")
    run.log_image("an image: ü/1", path="plot.png")
    reference = run.get_metrics()["an image: ü/1"]
    assert reference.endswith(".png")
    assert run.get_file_names() == [reference]
    assert run.get_metrics(populate=True) == {"an image: ü/1": PNG + b"data"}
    run.log_image("an image: ü/1", path=str(folder / "plot.png"), description="again")
    assert len(run.get_metrics()["an image: ü/1"]) == 2


def test_images_from_matplotlib(run: Run) -> None:
    figure = plt.figure()
    plt.plot([1, 2, 3])
    run.log_image("figure", plot=figure)
    run.log_image("module", plot=plt)
    plt.close(figure)
    found = run.get_metrics(populate=True)
    assert found["figure"].startswith(PNG)
    assert found["module"].startswith(PNG)


CIRCLE: dict[str, Any] = {}
CIRCLE["itself"] = CIRCLE
DOCUMENTS = {
    "confusion_matrix": ("1.0.0", {"class_labels": ["0", "1"], "matrix": [[3, 0], [0, 1]]}),
    "accuracy_table": ("1.0.1", {"probability_tables": [[[1, 2, 3, 4]]], "class_labels": ["0"]}),
    "residuals": ("1.0.0", {"bin_edges": [50, 100], "bin_counts": [0.88]}),
    "predictions": ("v1", {"bin_averages": [0.25], "bin_errors": [0.013], "bin_counts": [56]}),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_documents_come_back_from_dict_and_text(run: Run, kind: str) -> None:
    version, data = DOCUMENTS[kind]
    document = {"schema_type": kind, "schema_version": version, "data": data}
    log = getattr(run, f"log_{kind}")
    log("as dict", document)
    log("as text", json.dumps(document), description="unused")
    assert run.get_metrics(populate=True) == {"as dict": document, "as text": document}
    references = run.get_metrics()
    assert sorted(references.values()) == run.get_file_names()
    log("as dict", document)
    assert run.get_metrics("as dict", populate=True) == {"as dict": [document, document]}


@pytest.mark.parametrize("kind", DOCUMENTS)
@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("{not json", "not JSON"), ("", "not JSON"), ("[" * 100_000, "not JSON"),
        ("1" * 5000, "not JSON"), (CIRCLE, "holds itself"),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_only_bad_json_is_refused(run: Run, kind: str, value: Any, named: str) -> None:
    with pytest.raises(UserErrorException) as error:
        getattr(run, f"log_{kind}")("m", value)
    assert f"log_{kind}('m')" in error.value.message
    assert named in error.value.message
    assert run.get_metrics() == {}
    assert run.get_file_names() == []


@pytest.mark.parametrize("kind", DOCUMENTS)
@pytest.mark.parametrize(
    "value",
    [
        {"schema_type": "confusion_matrix", "data": {"matrix": [[1]]}},
        {"schema_type": "other", "schema_version": 5}, {"data": None}, {}, [1, 2], 5, None,
    ],
    ids=str,
)  # fmt: skip
def test_documents_are_not_checked_against_a_schema(run: Run, kind: str, value: Any) -> None:
    getattr(run, f"log_{kind}")("as value", value)
    getattr(run, f"log_{kind}")("as text", json.dumps(value))
    assert run.get_metrics(populate=True) == {"as value": value, "as text": value}


def test_a_document_is_json_that_every_parser_reads(run: Run, folder: Path) -> None:
    value = {"data": [math.nan, -math.inf, np.float64("inf"), np.arange(2), np.int64(3)]}
    run.log_residuals("odd numbers", value)
    run.log_residuals("as text", '[NaN, 1e999, {"a": -Infinity}]')
    texts = {}
    for name in ("odd numbers", "as text"):
        run.download_file(name)
        texts[name] = json.loads((folder / name).read_text(), parse_constant=pytest.fail)
    assert texts["odd numbers"] == {"data": ["NaN", "-Infinity", "Infinity", [0, 1], 3]}
    assert texts["as text"] == ["NaN", "Infinity", {"a": "-Infinity"}]


# names of files


def test_the_file_of_an_image_is_named_as_its_path(run: Run, folder: Path) -> None:
    (folder / "plots").mkdir()
    for name in ("roc.png", "plots/pr curve.png"):
        (folder / name).write_bytes(PNG + name.encode())
    run.log_image("ROC", path="roc.png")
    run.log_image("PR", "./plots/pr curve.png")
    run.log_image("absolute", path=folder / "plots" / "pr curve.png")
    run.log_image("outside", path="../work/plots/../roc.png")
    found = run.get_metrics()
    assert (found["ROC"], found["PR"]) == ("roc.png", "plots/pr curve.png")
    assert found["absolute"] == "pr curve.png"
    assert found["outside"] != "roc.png"
    assert run.get_file_names() == sorted(found.values())
    run.download_file("plots/pr curve.png", "there.png")
    assert (folder / "there.png").read_bytes() == PNG + b"plots/pr curve.png"


def test_the_file_of_a_plot_is_named_with_the_seconds(run: Run) -> None:
    before = int(time.time())
    for name in ("loss: 1/2", "loss: 1/2", "loss"):
        run.log_image(name, plot=Figure())
    after = int(time.time())
    found = run.get_metrics()
    possible = range(before, after + 1)
    assert found["loss"] in {f"loss_{at}.png" for at in possible}
    assert found["loss: 1/2"][0] in {f"loss: 1/2_{at}.png" for at in possible}
    assert len({*found["loss: 1/2"], *run.get_file_names()}) == 3


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_the_file_of_a_document_is_named_as_the_metric(run: Run, folder: Path, kind: str) -> None:
    for name in ("my matrix", "ü/1.json"):
        getattr(run, f"log_{kind}")(name, {"data": name})
        assert run.get_metrics(name) == {name: name}
        run.download_file(name, "got.json")
        assert json.loads((folder / "got.json").read_text()) == {"data": name}


AWKWARD = [
    "outputs", "logs", "amlflow", "amlflow/points", "user_logs", "..", ".", "/", "../../x",
    "/etc/x", "a\\b", "nul\0", "lone\ud800", " ", "a//b", "x" * 250, "ü" * 250, "y/" * 100 + "z",
]  # fmt: skip


def test_every_name_of_a_metric_gets_a_file(run: Run, folder: Path) -> None:
    run.upload_file("taken", __file__)
    run.upload_file("folder/in it", __file__)
    for name in [*AWKWARD, "taken", "taken/below", "folder", "folder/in it"]:
        run.log_predictions(name, {"of": repr(name)})
        assert run.get_metrics(name, populate=True) == {name: {"of": repr(name)}}
    files = run.get_file_names()
    assert len(files) == len(set(files)) == len(AWKWARD) + 4 + 2
    run.download_file("taken")
    assert (folder / "taken").read_bytes() == Path(__file__).read_bytes()
    for name in ("outputs", "logs"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "late.txt").write_text("late")
    run.complete()
    assert {"outputs/late.txt", "logs/late.txt"} <= set(run.get_file_names())


def test_another_process_gives_no_name_that_is_taken(
    run: Run, experiment: Experiment, folder: Path
) -> None:
    (folder / "roc.png").write_bytes(PNG)
    run.log_image("ROC", path="roc.png")
    run.flush()
    code = f"""
from azureml.core import Experiment, Run, Workspace
run = Run(Experiment(Workspace.from_config(), "explore"), {run.id!r})
open("roc.png", "ab").write(b"2")
run.log_image("ROC", path="roc.png")
run.log_image("PR", path="roc.png")
run.log_residuals("free", {{}})
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    found = run.get_metrics()
    assert found["ROC"][0] == "roc.png"
    assert found["free"] == "free"
    assert len({*found["ROC"], found["PR"], *run.get_file_names()}) == 4
    assert run.get_metrics("ROC", populate=True)["ROC"] == [PNG, PNG + b"2"]


def test_logging_a_file_waits_for_no_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = run._tracker
    monkeypatch.setattr(type(tracker), "list_files", lambda *_: pytest.fail("it asked"))
    put = type(tracker).put_files

    def journaled(self: Any, run_id: str, files: Any, *, replace: bool = False) -> None:
        assert replace
        put(self, run_id, files, replace=replace)

    monkeypatch.setattr(type(tracker), "put_files", journaled)
    run.log_residuals("r", {})
    run.log_residuals("r", {})
    assert run.get_metrics("r")["r"][0] == "r"


def test_threads_that_log_under_one_name_each_have_a_file(run: Run) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda at: run.log_residuals("r", {"at": at}), range(8)))
    found = run.get_metrics(populate=True)["r"]
    assert sorted(each["at"] for each in found) == list(range(8))
