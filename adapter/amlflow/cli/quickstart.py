"""``amlflow quickstart``: shows the steps of v1's guide to runs while it executes them."""

from __future__ import annotations

from amlflow.core.experiment import Experiment
from amlflow.core.workspace import Workspace
from amlflow.exceptions import AzureMLException
from amlflow.parts import command_for


def quickstart() -> None:
    """Start, log, end, tag, find and nest runs. Print each step with its result."""
    step = _Steps()
    ws = Workspace.from_config()
    step("ws = Workspace.from_config()", ws.get_mlflow_tracking_uri())
    exp = Experiment(workspace=ws, name="explore-runs")
    step('exp = Experiment(workspace=ws, name="explore-runs")', exp.name)

    step.title("Start a run and log to it")
    run = exp.start_logging(snapshot_directory=None)
    step("run = exp.start_logging(snapshot_directory=None)", run.id)
    run.log(name="message", value="Hello from run!")
    step('run.log(name="message", value="Hello from run!")')
    for epoch in range(5):
        run.log("loss", 1 / (epoch + 1), step=epoch)
    step('run.log("loss", 1 / (epoch + 1), step=epoch)  # for five epochs')
    step("run.get_status()", run.get_status())
    run.complete()
    step("run.complete(); run.get_status()", run.get_status())
    step("run.get_metrics()", run.get_metrics())

    step.title("Properties stay, tags change")
    run.add_properties({"author": "azureml-user"})
    step('run.add_properties({"author": "azureml-user"})', run.get_properties())
    try:
        run.add_properties({"author": "different-user"})
    except AzureMLException as error:
        step('run.add_properties({"author": "different-user"})', error.message)
    run.tag("quality", "great run")
    run.tag("quality", "fantastic run")
    step('run.tag("quality", "great run"); run.tag("quality", "fantastic run")')
    run.tag("worth another look")
    step('run.tag("worth another look"); run.get_tags()', run.get_tags())

    step.title("Find runs")
    runs = list(exp.get_runs(properties={"author": "azureml-user"}, tags="worth another look"))
    step(
        'list(exp.get_runs(properties={"author": "azureml-user"}, tags="worth another look"))',
        f"{len(runs)} found, the newest is {runs[0].id}",
    )

    step.title("Runs within runs")
    with exp.start_logging(snapshot_directory=None) as parent:
        for count in range(5):
            with parent.child_run() as child:
                child.log(name="Hello from child run", value=count)
    step("with parent.child_run() as child: …  # five times")
    step("len(list(parent.get_children()))", len(list(parent.get_children())))

    uri = ws.get_mlflow_tracking_uri()
    if uri.startswith("http"):
        print("\nThese runs are in MLflow's page, too:")
    else:
        command = command_for("ui")
        first = f"After `{command}`, " if command else ""
        print(f"\n{first}`amlflow ui`, in this folder, shows these runs in MLflow's page:")
    print(f"  {parent.get_portal_url()}")


class _Steps:
    """Prints a line of code and its result."""

    def __call__(self, code: str, outcome: object = None) -> None:
        print(f">>> {code}", flush=True)
        if outcome is not None:
            print(f"    {outcome}", flush=True)

    def title(self, text: str) -> None:
        print(f"\n{text}", flush=True)
