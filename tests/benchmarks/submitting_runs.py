"""Submitted runs: ``python tests/benchmarks/submitting_runs.py [how many in the queue]``.

Each line is a ratio or a figure measured in this very run, with its target.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Behind the standard library, which has a module called like the benchmark of logging.
sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).parent.parent))

import runs
from helpers import servers, submitted_jobs

ROUNDS = 7
LINES = 100_000
SLEEP_SECONDS = 15

FIRST_LINE = "import time; print(time.time(), flush=True)"
PRINTS = f"""
import time
begun = time.perf_counter()
for number in range({LINES}):
    print("line", number)
taken = time.perf_counter() - begun
open("outputs/taken", "w").write(str(taken))
"""


def source(code: str) -> Path:
    """A source folder with other content than any before, of a few files."""
    folder = Path(tempfile.mkdtemp())
    (folder / "script.py").write_text(code)
    for number in range(5):
        (folder / f"module{number}.py").write_text(f"# {uuid.uuid4().hex}\n" * 100)
    return folder


def launcher(experiment: Any) -> Callable[..., Any]:
    from azureml.core import ScriptRunConfig

    def submit(code: str = FIRST_LINE, folder: Path | None = None) -> Any:
        return experiment.submit(ScriptRunConfig(str(folder or source(code)), script="script.py"))

    return submit


def mlflows_way(client: Any, experiment_id: str) -> float:
    """Seconds for what a user of MLflow writes: an archive, a run, and the archive in it."""
    folder = source(FIRST_LINE)
    begun = time.perf_counter()
    archive = shutil.make_archive(str(Path(tempfile.mkdtemp()) / "snapshot"), "zip", folder)
    run = client.create_run(experiment_id, run_name="snapshot")
    client.log_artifact(run.info.run_id, archive)
    return time.perf_counter() - begun


def amlflows_parts(experiment: Any) -> float:
    """Seconds for the same with the parts of submit(): its packing, and its own writer."""
    from amlflow.core.runs import starting
    from amlflow.jobs import snapshot

    tracker = experiment._tracker
    folder = source(FIRST_LINE)
    begun = time.perf_counter()
    archive = folder / "snapshot.zip"
    digest = snapshot.pack(folder, snapshot.collect(folder), archive)
    properties = {"ContentSnapshotId": digest}
    [record] = tracker.create_runs([starting.draft_run(experiment, properties=properties)])
    tracker.put_files(record.id, {"snapshot.zip": archive})
    return time.perf_counter() - begun


def submit_and_first_line(kind: str) -> None:
    """submit() beside one create_run and one upload of the snapshot; and the script's start."""
    import mlflow

    experiment = submitted_jobs.new_experiment()
    submit = launcher(experiment)
    client = mlflow.MlflowClient()
    experiment_id = client.create_experiment(f"peer-{uuid.uuid4().hex}")
    submit().wait_for_completion()
    mlflows_way(client, experiment_id)
    mlflows, parts, ours, starts = [], [], [], []
    for _ in range(ROUNDS):
        mlflows.append(mlflows_way(client, experiment_id))
        parts.append(amlflows_parts(experiment))
        folder = source(FIRST_LINE)
        begun = time.perf_counter()
        run = submit(folder=folder)
        ours.append(time.perf_counter() - begun)
        returned = time.time()
        run.wait_for_completion()
        starts.append(float(submitted_jobs.log_of(run)) - returned)
    taken = statistics.median(ours)
    for whose, peer, target in (
        ("MLflow's create_run and log_artifact of the snapshot", mlflows, "<= 2"),
        ("amlflow's own create_run and upload of the snapshot", parts, "-"),
    ):
        detail = f"{taken * 1000:.0f} ms against {statistics.median(peer) * 1000:.0f} ms"
        ratio = taken / statistics.median(peer)
        runs.report(f"{kind}: submit() / {whose}", ratio, target, detail)
    median = statistics.median(starts)
    worst = f"at most {max(starts):.2f} s"
    runs.report(
        f"{kind}: first line of the script after submit(), seconds", median, "<= 1.5", worst
    )


def sleeping() -> None:
    """What an agent takes while its script sleeps."""
    base = Path(os.environ["AMLFLOW_JOBS"])
    run = launcher(submitted_jobs.new_experiment())("import time; time.sleep(600)")
    submitted_jobs.until(lambda: run.get_status() == "Running")
    [agent] = submitted_jobs.agents(base)
    time.sleep(3)
    before = sum(agent.cpu_times()[:2])
    time.sleep(SLEEP_SECONDS)
    share = (sum(agent.cpu_times()[:2]) - before) / SLEEP_SECONDS * 100
    megabytes = agent.memory_info().rss / 2**20
    runs.report("the agent of a sleeping script, % of a core", share, "< 1", f"{SLEEP_SECONDS} s")
    runs.report("the agent of a sleeping script, MB", megabytes, "< 120", "resident")
    run.cancel()
    run.wait_for_completion()


def logging() -> None:
    """Lines at full speed, beside the same script that writes them into a file by itself."""
    submit = launcher(submitted_jobs.new_experiment())
    alone, ours = [], []
    for _ in range(5):
        folder = source(PRINTS)
        (folder / "outputs").mkdir()
        with (folder / "log").open("w") as log:
            subprocess.run(
                [sys.executable, "-u", "script.py"], cwd=folder, stdout=log, stderr=log, check=True
            )
        alone.append(float((folder / "outputs" / "taken").read_text()))
        run = submit(PRINTS)
        run.wait_for_completion()
        run.download_file("outputs/taken", str(folder / "taken"))
        ours.append(float((folder / "taken").read_text()))
        assert submitted_jobs.log_of(run) == "".join(f"line {n}\n" for n in range(LINES))
    ratio = statistics.median(ours) / statistics.median(alone)
    detail = f"{statistics.median(ours):.2f} s against {statistics.median(alone):.2f} s, none lost"
    runs.report(f"{LINES} lines, submitted / by itself (python -u)", ratio, "<= 1.2", detail)


def cancelling() -> None:
    """From cancel() to the end of the processes."""
    submit = launcher(submitted_jobs.new_experiment())
    base = Path(os.environ["AMLFLOW_JOBS"])
    ignoring = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    for what, code, target in (
        ("obeys", "", "<= 2"),
        ("ignores SIGTERM", ignoring, "<= 5"),
    ):
        for where in ("this machine", "another machine"):
            run = submit(f"{code}open('logs/ready', 'w'); import time; time.sleep(600)")
            submitted_jobs.until(lambda run=run: "logs/ready" in run.get_file_names())
            if where == "another machine":
                os.environ["AMLFLOW_JOBS"] = str(base.parent / "elsewhere")
            begun = time.perf_counter()
            run.cancel()
            os.environ["AMLFLOW_JOBS"] = str(base)
            submitted_jobs.until(lambda: not submitted_jobs.scripts(base))
            taken = time.perf_counter() - begun
            run.wait_for_completion()
            runs.report(f"cancel from {where}, a script that {what}, seconds", taken, target, "")


def many(count: int) -> None:
    """Runs of an empty script, beside as many interpreters at as many at once."""
    submit = launcher(submitted_jobs.new_experiment())
    cores = os.cpu_count() or 1
    begun = time.perf_counter()
    waiting = [subprocess.Popen([sys.executable, "-c", "pass"]) for _ in range(cores)]
    for _ in range(count - cores):
        waiting.pop(0).wait()
        waiting.append(subprocess.Popen([sys.executable, "-c", "pass"]))
    for process in waiting:
        process.wait()
    bare = time.perf_counter() - begun
    begun = time.perf_counter()
    submitted = [submit("pass") for _ in range(count)]
    returned = time.perf_counter() - begun
    for run in submitted:
        submitted_jobs.wait_for_end(run, 600)
    whole = time.perf_counter() - begun
    detail = f"{whole:.1f} s, of which submit() {returned:.1f} s; bare interpreters {bare:.1f} s"
    overhead = (whole - bare) / count
    runs.report(
        f"{count} runs of pass: seconds a run beyond its interpreter", overhead, "-", detail
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    place = Path(tempfile.mkdtemp(prefix="amlflow-benchmark-"))
    os.environ.update(servers.clean_environment(), AMLFLOW_JOBS=str(place / "state" / "jobs"))
    os.chdir(place)
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{place}/mlflow.db"
    try:
        submit_and_first_line("sqlite")
        sleeping()
        logging()
        cancelling()
        many(count)
        with runs.server(place / "served.db") as uri:
            os.environ["MLFLOW_TRACKING_URI"] = uri
            submit_and_first_line("server")
            sleeping()
    finally:
        submitted_jobs.end_all(Path(os.environ["AMLFLOW_JOBS"]))
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
