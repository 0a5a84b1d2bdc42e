"""Takes the pictures beside this file: ``python tests/ui/screenshots.py``. Look at them then."""

from __future__ import annotations

import io
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

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


def seed() -> Any:
    """Some experiments with runs of all sorts; the submitted run is returned."""
    from azureml.core import Experiment, Workspace

    chance = random.Random(8)
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
            if number == 5:
                run.fail("out of memory")
            elif number == 6:
                run.cancel()
            else:
                run.complete()
    submitted = submitted_jobs.submit(
        Experiment(workspace, "vision-baseline"), TRAINING, {"quality": "fantastic run"}
    )
    submitted.display_name = "wide-backbone"
    submitted.description = "Baseline with the **wide** backbone."
    submitted.add_properties({"author": "azureml-user"})
    submitted_jobs.until(lambda: submitted_jobs.log_of(submitted).count("\n") > 60)
    return submitted


def take(server: Server, run: Any) -> None:
    address = f"#/experiments/{run.experiment.id}/runs/{run.id}"
    chosen = "#/amlflow/runs?query=%5B%3Ftags.quality%20!%3D%20'poor'%5D"

    def page(name: str, path: str, ready: str, theme: str = "light", width: int = 1280) -> Any:
        driver = browser.start(width, 880)
        shown = browser.Page(driver, server)
        shown.open(path, None, theme)
        shown.see(ready)

        def save() -> None:
            time.sleep(1)  # for what moves in MLflow's page
            taken = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
            driver.quit()
            few = taken.quantize(256, Image.Quantize.MAXCOVERAGE)
            few.save(HERE / f"{name}.png", optimize=True)

        shown.save = save  # type: ignore[attr-defined]
        return shown

    row = ".amlflow-table tbody tr"
    shown = page("all_runs", chosen, row)
    for tick in shown.find_all(f"{row} input")[1:3]:
        tick.click()
    shown.save()
    shown = page("all_runs_dark", "#/amlflow/runs", row, "dark")
    shown.press("/", "[?properties.author=='mara' & ")
    shown.see(".amlflow-query-message .is-error")
    shown.save()
    page("all_runs_narrow", "#/amlflow/runs", row, width=620).save()
    shown = page("logs", f"{address}/logs", ".amlflow-log")
    shown.see(".amlflow-log", "epoch")
    shown.save()
    shown = page("cancel_dark", address, ".amlflow-run-actions button", "dark")
    shown.click(".amlflow-run-actions button", "Cancel run")
    shown.see("dialog")
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
            take(Server(uri), seed())
        finally:
            submitted_jobs.end_all(jobs)
            os.killpg(process.pid, 15)
            process.wait()
            os.chdir("/")


if __name__ == "__main__":
    main()
