"""Operations on submitted scripts."""

from __future__ import annotations

from pathlib import Path

from azureml.core import Dataset, Experiment, ScriptRunConfig
from azureml.data import OutputFileDatasetConfig

from helpers.operations.outcomes import NAME, check, expect, operation

TRAINS = """
from pathlib import Path
from azureml.core import Run
run = Run.get_context()
run.log("loss", 0.5)
Path("outputs").mkdir(exist_ok=True)
Path("outputs/weights.txt").write_text("weights")
print("trained")
"""
WAITS = """
import time
from azureml.core import Run
Run.get_context().log("begun", 1)
while True:
    time.sleep(0.2)
"""
READS = """
import sys
from pathlib import Path
from azureml.core import Run
run = Run.get_context()
for folder in sys.argv[1:3]:
    run.log("files", len([path for path in Path(folder).rglob("*") if path.is_file()]))
run.log("rows", len(run.input_datasets["rows"].to_pandas_dataframe()))
(Path(sys.argv[4]) / "out.txt").write_text("written")
"""
FAILS = "raise SystemExit('no data')"
SCRIPTS = {"train.py": TRAINS, "waits.py": WAITS, "reads.py": READS, "fails.py": FAILS}


def try_scripts(experiment: Experiment) -> None:
    with operation("Experiment.submit", "Run.get_environment"):
        done = experiment.submit(ScriptRunConfig("code", script="train.py"), tags={"way": "sdk"})
        done.wait_for_completion()
        expect((done.get_status(), done.get_metrics()), ("Completed", {"loss": 0.5}))
        check("trained" in str(done.get_details_with_logs()["logFiles"]))
        check("outputs/weights.txt" in done.get_file_names())
        check(done.get_environment() is not None)
        check(done.get_all_logs("submitted-logs"))
    with operation("FileDataset.as_named_input", "FileDataset.as_download", "FileDataset.as_mount",
                   "TabularDataset.as_named_input"):  # fmt: skip
        store = experiment.workspace.get_default_datastore()
        files = Dataset.File.from_files((store, f"{NAME}/folder/**"))
        table = Dataset.Tabular.from_delimited_files((store, f"{NAME}/rows.csv"))
        output = OutputFileDatasetConfig(destination=(store, f"{NAME}/written"))
        reads = experiment.submit(ScriptRunConfig("code", script="reads.py", arguments=[
            files.as_named_input("files").as_download(), files.as_mount(),
            table.as_named_input("rows"), output,
        ]))  # fmt: skip
        reads.wait_for_completion()
        expect(reads.get_metrics(), {"files": [2, 2], "rows": 3})
        written = Dataset.File.from_files((store, f"{NAME}/written/**")).download("written")
        expect([Path(each).read_text() for each in written], ["written"])
    with operation("Run.submit_child"):
        parent = experiment.start_logging(snapshot_directory=None)
        child = parent.submit_child(ScriptRunConfig("code", script="train.py"))
        child.wait_for_completion()
        expect([each.id for each in parent.get_children()], [child.id])
        parent.complete()
    with operation("a submitted script is cancelled"):
        waits = experiment.submit(ScriptRunConfig("code", script="waits.py"))
        while "begun" not in waits.get_metrics():
            check(waits.get_status() not in ("Completed", "Failed", "Canceled"))
        waits.cancel()
        waits.wait_for_completion(raise_on_error=False)
        expect(waits.get_status(), "Canceled")
    with operation("a submitted script fails"):
        fails = experiment.submit(ScriptRunConfig("code", script="fails.py"))
        fails.wait_for_completion(raise_on_error=False)
        expect(fails.get_status(), "Failed")
    found = [run.id for run in experiment.get_runs(tags={"way": "sdk"})]
    expect(found, [done.id])
