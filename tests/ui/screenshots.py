"""Takes the pictures beside this file: ``python tests/ui/screenshots.py``. Look at them then."""

from __future__ import annotations

import io
import json
import os
import random
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from helpers import browser, servers, submitted_jobs
from helpers.studio import Server
from PIL import Image

STAGES = ("dev", "prod")
QUALITIES = ("fantastic run", "great run", "poor")
TRAINING = """
    import time
    from azureml.core import Run

    run = Run.get_context()
    for epoch in range(1000):
        loss = 1 / (epoch + 1) ** 0.5
        print(f"epoch {epoch:3d}  loss {loss:.4f}  accuracy {1 - loss / 2:.4f}", flush=True)
        run.log("loss", loss, step=epoch)
        time.sleep(0.1)
"""
SAME = """
    from training import fit, load

    images, labels = load("labels-2026-11.csv")
    fit(images, labels, rate={rate}, epochs=30)
"""
FAILING = """
    from azureml.core import Run

    run = Run.get_context()
    for epoch in range(12):
        run.log("loss", 1 / (epoch + 1), step=epoch)
        print(f"epoch {epoch:3d}  loss {1 / (epoch + 1):.4f}")
    raise FileNotFoundError("labels-2026-11.csv is not on this machine")
"""
COLUMNS = ("status", "metric:loss", "metric_max:accuracy", "param:lr", "created", "tags")
MORE_COLUMNS = ("param:batch", "experiment", "duration", "submitter", "target")
CHARTS = (
    {"kind": "curves", "y": "loss", "x": "step", "smoothing": 0, "log": False},
    {"kind": "parallel", "axes": ["param:lr", "param:batch", "metric:loss", "metric:accuracy"]},
)


NOTES = """## Which learning rate?
The **wide** backbone with last week's labels. `narrow-backbone` is the one to beat.

1. three seeds for each rate
2. then [all labels](#/amlflow/runs)
"""


def seed() -> tuple[Any, Any, list[Any]]:
    """Some experiments with runs of all sorts.

    Returned are a submitted run that goes on, one that has failed, and two of the same script.
    """
    import mlflow
    from azureml.core import Experiment, Workspace

    chance = random.Random(8)
    client = mlflow.MlflowClient()
    workspace = Workspace.from_config()
    for name in ("explore-runs", "churn-forecast", "vision-baseline"):
        experiment = Experiment(workspace, name)
        for number in range(8):
            run = experiment.start_logging(snapshot_directory=None)
            run.display_name = f"{chance.choice(('baseline', 'sweep', 'ablation'))}-{number:02}"
            run.tag("quality", chance.choice(QUALITIES))
            run.tag("stage", chance.choice(STAGES))
            if number % 3 == 0:
                run.tag("worth another look")
                run.description = "The wide backbone, with last week's labels."
            run.add_properties({"author": chance.choice(("azureml-user", "mara", "jonas"))})
            for step in range(30):
                loss = 1 / (step + 2 + number) + chance.uniform(0, 0.02)
                run.log("loss", loss, step=step)
                run.log("accuracy", 1 - loss / 2, step=step)
            client.log_param(run.id, "lr", 10 ** -chance.uniform(1, 4))
            client.log_param(run.id, "batch", chance.choice((32, 64, 128)))
            if number == 5:
                run.fail(error_details="CUDA out of memory. Tried to allocate 2 GiB")
            elif number == 6:
                run.cancel()
            else:
                run.complete()
    experiment = Experiment(workspace, "vision-baseline")
    pair = []
    for name, rate in (("narrow-backbone", 0.1), ("narrow-backbone-slow", 0.01)):
        submitted_jobs.script(SAME.format(rate=rate), "train.py", "same")
        run = experiment.start_logging(snapshot_directory="same", display_name=name)
        client.log_param(run.id, "lr", rate)
        run.tag("stage", "prod" if rate > 0.05 else "dev")
        run.log("loss", 0.2 - rate)
        run.complete()
        pair.append(run)
    failed = submitted_jobs.submit(experiment, FAILING, {"quality": "poor"})
    failed.display_name = "wide-backbone-all-labels"
    submitted_jobs.wait_for_end(failed)
    submitted = submitted_jobs.submit(experiment, TRAINING, {"quality": "fantastic run"})
    submitted.display_name = "wide-backbone"
    submitted.description = "Baseline with the **wide** backbone."
    submitted.add_properties({"author": "azureml-user"})
    submitted_jobs.until(lambda: submitted_jobs.log_of(submitted).count("\n") > 60)
    return submitted, failed, pair


def take(server: Server, run: Any, failed: Any, pair: list[Any]) -> None:
    address = f"#/experiments/{run.experiment.id}/runs/{run.id}"

    def page(
        name: str, path: str, ready: str, theme: str = "light", width: int = 1280, height: int = 880
    ) -> Any:
        driver = browser.start(width, height)
        shown = browser.Page(driver, server)
        shown.open(path, None, theme)
        shown.see(ready)

        def save() -> None:
            time.sleep(1)  # for what moves in MLflow's page
            taken = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
            driver.quit()
            few = taken.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3)
            few.save(HERE / f"{name}.png", optimize=True)

        shown.save = save  # type: ignore[attr-defined]
        return shown

    row = ".amlflow-table tbody tr"
    columns = urlencode([("columns", each) for each in COLUMNS])
    charts = urlencode([("charts", json.dumps(each)) for each in CHARTS])
    page("all_runs", f"#/amlflow/runs?{columns}&sort=metric:loss", row).save()
    shown = page("all_runs_dark", f"#/amlflow/runs?{columns}", row, "dark")
    shown.press("/", "[?properties.author=='mara' & ")
    shown.see(".amlflow-query-message .is-error")
    shown.save()
    page("all_runs_narrow", "#/amlflow/runs", row, width=620).save()
    wide = urlencode([("columns", each) for each in (*COLUMNS, *MORE_COLUMNS)])
    shown = page("pinned", f"#/amlflow/runs?{wide}&sort=metric:loss&pinned=2", row, height=560)
    shown.script("document.querySelector('.amlflow-scroller').scrollLeft = 420")
    shown.save()
    for name, theme in (("charts", "light"), ("charts_dark", "dark")):
        where = f"#/amlflow/runs?experiments=explore-runs&{columns}&{charts}"
        shown = page(name, where, ".amlflow-charts canvas", theme, height=1040)
        for tick in shown.find_all(f"{row} input")[:5]:
            shown.script("arguments[0].click()", tick)
        shown.until(lambda shown=shown: len(shown.find_all(".amlflow-legend a")) == 5, "five runs")
        shown.save()
    board(server, page)
    page("failed_run", f"#/amlflow/runs/{failed.id}", ".amlflow-failure").save()
    one, other = pair
    where = f"#/amlflow/difference?left={one.id}&right={other.id}"
    page("difference", where, ".amlflow-diff .is-added", height=1000).save()
    shown = page("logs", f"{address}/logs", ".amlflow-log")
    shown.see(".amlflow-log", "epoch")
    shown.save()
    shown = page("cancel_dark", address, ".amlflow-run-actions button", "dark")
    shown.click(".amlflow-run-actions button", "Cancel run")
    shown.see("dialog")
    shown.save()


def board(server: Server, page: Any) -> None:
    """The picture of a saved view that somebody has seen before some of its runs were there."""
    definition = {
        "experiments": ["vision-baseline"],
        "columns": COLUMNS,
        "sort": "metric:loss",
        "charts": [json.dumps(CHARTS[0])],
    }
    content = {"name": "Wide backbones", "definition": definition, "notes": NOTES}
    view = server.post("views/create", None, **content).json()["view"]
    shown = page(
        "board", f"#/amlflow/runs?view={view['id']}", ".amlflow-charts canvas", height=1180
    )
    before = datetime.now(timezone.utc) - timedelta(hours=3)
    visit = {"from": before.isoformat(), "until": before.isoformat()}
    visits = json.dumps({view["id"]: visit})
    shown.script("localStorage.setItem('amlflow.visits', arguments[0])", visits)
    shown.driver.refresh()
    shown.see(".amlflow-changes")
    shown.see(".amlflow-charts canvas")
    shown.save()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="amlflow-pictures-") as name:
        folder = Path(name)
        uri, process = servers.start_mlflow(
            f"sqlite:///{folder}/mlflow.db", folder, options=("--app-name", "amlflow")
        )
        jobs = folder / "jobs"
        os.environ.update(
            MLFLOW_TRACKING_URI=uri, AMLFLOW_JOBS=str(jobs), AMLFLOW_JOURNAL="off", **servers.QUIET
        )
        (folder / "work").mkdir()
        os.chdir(folder / "work")
        try:
            take(Server(uri), *seed())
        finally:
            submitted_jobs.end_all(jobs)
            os.killpg(process.pid, 15)
            process.wait()
            os.chdir("/")


if __name__ == "__main__":
    main()
