"""Operations of the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from azureml.core import Experiment, Run

from helpers.operations.outcomes import BYTES, NAME, check, command, expect

DIES = """
import os, sys
from azureml.core import Experiment, Workspace
run = Experiment(Workspace("s", "g", "w"), sys.argv[1]).start_logging(snapshot_directory=None)
print(run.id, flush=True)
os._exit(0)
"""


def try_commands_of_runs(experiment: Experiment) -> None:
    where = ["-e", experiment.name]
    submitted = command("run submit-script", *where, "--source-directory", "code", "train.py")
    first = submitted["run_id"]
    parent = experiment.start_logging(snapshot_directory=None)
    parent.log("loss", 1)
    child = parent.child_run()
    second = parent.id
    for output in ("json", "table", "csv", "tsv"):
        check(command("run list", *where, output=output))
    command("run list", *where, "--order-by", "created desc", "--text", "operations")
    command("run list", *where, "--last", "2", "--status", "Completed", "--include-children")
    command("run list", "--all-experiments", "--order-by", "metric:loss desc", "--last", "3")
    command("run list", *where, "[?tags.nope == 'x']")
    expect(command("run show", "-r", first)["run_id"], first)
    command("run update", "-r", first, second, "--add-tag", "several: ː=yes")
    expect(len(command("run list", *where, "--tags", "several: ː=yes")), 2)
    command("run delete-tag", "-r", first, "--key", "several: ː")
    command("run set-description", "-r", first, "--description", "größe")
    expect(len(command("run children", "-r", second)), 1)
    expect(command("run metrics", "-r", first), {"loss": 0.5})
    check(first in command("run open", "-r", first, output="tsv"))
    command("run monitor-logs", "-r", first, *where)
    command("run download-logs", "-r", first, "-d", "cli-logs")
    check("trained" in command("run logs", "-r", first, output="none"))
    command("run download", "-r", first, "-d", "cli-files")
    expect(Path("cli-files/outputs/weights.txt").read_text(), "weights")
    command("run compare", first, second, output="table")
    command("run cancel", "-r", second, "--with-children", *where)
    expect({parent.get_status(), child.get_status()}, {"Canceled"})
    died = subprocess.run(
        [sys.executable, "-c", DIES, experiment.name], stdout=subprocess.PIPE, check=False
    )
    left = died.stdout.decode().strip()
    with_events = experiment.start_logging(snapshot_directory=None)
    with_events.upload_file("logs/events.out.tfevents.1", "notes.txt")
    with_events.complete()
    command("run monitor-tensorboard", "-r", with_events.id, "--local-directory", "events")
    expect([path.read_bytes() for path in Path("events").rglob("*tfevents*")], [BYTES])
    command("run mark-failed", "-r", left)
    expect(command("run show", "-r", left)["status"], "Failed")
    command("run delete", "-r", first)
    check(first not in [each["run_id"] for each in command("run list", *where)])
    command("run restore", "-r", first)
    check(first in [each["run_id"] for each in command("run list", *where)])


def try_other_commands(run: Run) -> None:
    name = f"{NAME}-cli"
    command("folder attach", "-w", "w", "-g", "g", "-e", run.experiment.name)
    command("workspace show")
    command("workspace list")
    command("experiment create", "-e", name)
    command("experiment show", "-e", name)
    check(name in command("experiment list", output="csv"))
    command("experiment delete", "-e", name)
    command("experiment restore", "-e", name)
    model = command("model register", "-n", name, "-p", "notes.txt", "--tag", "a=b")
    command("model register", "-n", name, "--run-id", run.id, "--asset-path", "folder")
    expect(len(command("model list", "-n", name)), 2)
    command("model show", "-n", name, "--version", "1")
    command("model download", "-i", f"{name}:1", "-t", "cli-model")
    command("model update", "-i", f"{name}:1", "--add-tag", "c=d", "--add-property", "e=f")
    command("model delete", "-i", f"{name}:2")
    check(model, model)
    command("environment scaffold", "-n", name, "-d", "cli-env")
    command("environment register", "-d", "cli-env")
    command("environment list", output="table")
    command("environment show", "-n", name)
    command("environment download", "-n", name, "-d", "cli-env-back")
    command("environment remove", "-n", name, "-v", "1")
    command("environment prune")
    command("dataset register", "-n", name, "--data-path", "rows.csv", "--format", "delimited")
    command("dataset list", output="table")
    command("dataset show", "-n", name)
    command("dataset download", "-n", name, "-d", "cli-data")
    command("dataset unregister", "-n", name)
    command("datastore list", output="csv")
    command("datastore upload", "-n", "workspaceblobstore", "-p", "folder", "-u", name)
    command("datastore download", "-n", "workspaceblobstore", "-d", "cli-store", "--prefix", name)
    command("datastore attach", "-n", "mine", "--address", Path("own").absolute().as_uri())
    command("datastore set-default", "-n", "mine")
    command("datastore set-default", "-n", "workspaceblobstore")
    command("datastore detach", "-n", "mine")
    command("computetarget list")
    command("computetarget show", "-n", "local")
    command("computetarget attach", "-n", "two", "--kind", "local", "--setting", "max_runs=2")
    command("computetarget detach", "-n", "two")
    command("computetarget create amlcompute", "-n", "cpu", "--max-nodes", "4")
    command("computetarget delete", "-n", "cpu")
    command("sync", "--close-dead")
    command("plugins")
    command("version")
    command("shell-init", output="none")
    command("quickstart", output="none")
