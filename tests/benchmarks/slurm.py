"""Jobs of a Slurm cluster: ``python tests/benchmarks/slurm.py [how many children]``.

Starts a Slurm of three nodes on this machine, which needs root and Debian's packages. Each line is
a ratio or a figure measured in this very run, with its target.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Behind the standard library, which has a module called like the benchmark of logging.
sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).parent.parent))

import psutil
from helpers import servers, slurm_daemons, submitted_jobs
from helpers.slurm_jobs import job_of, slurm_says
from runs import report, server

ROUNDS = 5
MOMENTS = 10
"""At how many moments of a second jobs are submitted.

Slurm starts waiting jobs once a second. So a job that is submitted right before that starts at
once, and the next one waits for a second.
"""
WATCH_S = 60
FIRST_LINE = """
import time
now, since_boot = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
import os
def ticks(*fields):
    with open(f"/proc/{os.getppid()}/stat") as stat:
        words = stat.read().rpartition(")")[2].split()
    return sum(int(words[field - 3]) for field in fields) / os.sysconf("SC_CLK_TCK")
print(now, since_boot - ticks(22), ticks(14, 15), flush=True)
"""
"""Prints the time, for how long the agent has been there, and its processor time.

psutil.Process.create_time is wrong by up to a second, as it knows only the second of the boot.
"""
AGENT = """
import amlflow.jobs.agent.on_cluster
import amlflow_local.local
import amlflow_mlflow.rest.server_store
import amlflow_mlflow.tracker
from amlflow.plugins import load_plugins
load_plugins()
"""
"""What the agent has loaded when its script starts, for a tracker that is a server."""
SLEEP = "import time; print('there', flush=True); time.sleep(600)"
TARGETS = """
main: {kind: slurm, partition: main}
held: {kind: slurm, partition: main, options: [--hold]}
"""


def submit(experiment: Any, code: str, target: str = "main") -> Any:
    from azureml.core import ScriptRunConfig

    submitted_jobs.script(code)
    return experiment.submit(ScriptRunConfig("src", "script.py", compute_target=target))


def sbatch(code: str, *options: str) -> str:
    """Submit Python code without amlflow; the job's id."""
    script = f"#!/bin/bash\nexec {sys.executable} -c {code!r}\n"
    done = subprocess.run(
        ["sbatch", "--parsable", "--output=/dev/null", *options],
        input=script, text=True, capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def medians(*acts: Callable[[], float], rounds: int = ROUNDS) -> list[float]:
    """The median of what each act measures, in turn so that a busy moment hits all."""
    times = [[act() for act in acts] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def seconds(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def submitting() -> None:
    """submit() beside its parts: a run, the upload of the snapshot, and sbatch."""
    from amlflow.core.runs import starting
    from amlflow.jobs import snapshot

    experiment = submitted_jobs.new_experiment()
    tracker = experiment._tracker
    number = iter(range(1000))

    def parts() -> None:
        submitted_jobs.script(f"pass  # {next(number)}")
        archive = Path("snapshot.zip")
        root = Path("src")
        digest = snapshot.pack(root, snapshot.collect(root), archive)
        properties = {"ContentSnapshotId": digest, "_azureml.ComputeTargetType": "slurm"}
        draft = starting.draft_run(experiment, properties=properties, status="Queued")
        [record] = tracker.create_runs([draft])
        tracker.put_files(record.id, {"snapshot.zip": archive})
        sbatch("pass", "--hold")

    def whole() -> None:
        submit(experiment, f"pass  # {next(number)}", "held")

    parts(), whole()
    plain, ours = medians(lambda: seconds(parts), lambda: seconds(whole), rounds=60)
    detail = f"{ours * 1000:.0f} ms against {plain * 1000:.0f} ms"
    report(
        "submit() / create_run, upload of the snapshot and sbatch", ours / plain, "<= 1.3", detail
    )
    end_jobs()


def settle() -> None:
    """Wait until Slurm has no job to start or to end, so that each job starts from the same state.

    After a change Slurm plans again at once, and then not for some tenths of a second.
    """
    states = "--states=PENDING,CONFIGURING,RUNNING,COMPLETING"
    while slurm_says("squeue", "--noheader", states):
        time.sleep(0.05)
    time.sleep(1)


def settle_until(moment: float) -> float:
    """Wait until Slurm has settled, and then until a moment of a second. Returns the time."""
    settle()
    time.sleep((moment - time.time()) % 1)
    return time.time()


def first_line() -> None:
    """From submit to the script's first line, beside a job that sbatch alone has started."""
    experiment = submitted_jobs.new_experiment()
    note = Path("note")
    of_agents: list[tuple[float, float]] = []

    def by_sbatch(moment: float) -> float:
        note.unlink(missing_ok=True)
        begin = settle_until(moment)
        sbatch(f"import time; open({str(note.absolute())!r}, 'w').write(str(time.time()))")
        submitted_jobs.until(lambda: note.exists() and note.read_text())
        return float(note.read_text()) - begin

    def by_amlflow(moment: float) -> float:
        begin = settle_until(moment)
        run = submit(experiment, FIRST_LINE)
        submitted_jobs.wait_for_end(run)
        line, of_agent, busy = map(float, submitted_jobs.log_of(run).split())
        of_agents.append((of_agent, busy))
        return line - begin

    def interpreter(code: str) -> Callable[[], float]:
        command = [sys.executable, "-c", code]
        return lambda: seconds(lambda: subprocess.run(command, check=True))

    by_amlflow(0)
    moments = [number / MOMENTS for number in range(MOMENTS)]
    python, agents_python = interpreter("pass"), interpreter(AGENT)
    times = [(by_sbatch(at), by_amlflow(at), agents_python(), python()) for at in moments]
    plain, ours, agents_own, bare = (
        statistics.median(column) for column in zip(*times, strict=True)
    )
    for what, own, target in (
        ("the agent's interpreter", agents_own, "<= 1"),
        ("a bare interpreter", bare, "-"),
    ):
        detail = f"{ours:.2f} s; sbatch alone {plain:.2f} s, {what} {own:.2f} s"
        ratio = ours / (1.5 * plain + own)
        report(f"submit() to the first line / 1.5 of sbatch's and {what}", ratio, target, detail)
    taken, busy = (statistics.median(column) for column in zip(*of_agents, strict=True))
    detail = f"{busy:.2f} s of processor time"
    report("the agent's start to the first line, seconds", taken, "-", detail)


def wait_for_end_of(pid: int) -> None:
    """Wait for the end of a process, and look often: scancel alone takes 15 ms."""
    deadline = time.monotonic() + 60
    while submitted_jobs.alive(pid):
        assert time.monotonic() < deadline, pid
        time.sleep(0.002)


def wait_until_gone(job_id: str) -> None:
    """Wait until a job's processes and nodes are free again in Slurm."""
    states = "--states=PENDING,CONFIGURING,RUNNING,COMPLETING"
    while job_id in slurm_says("squeue", "--noheader", states, "--format=%i").split():
        time.sleep(0.01)


def cancelling() -> None:
    """From the cancel to the end of the script's process, and of its job."""
    experiment = submitted_jobs.new_experiment()
    note = Path("pid")
    write = f"open({str(note.absolute())!r}, 'w').write(str(os.getpid()))"
    code = f"import os, time; {write}; time.sleep(600)"

    def process() -> int:
        submitted_jobs.until(lambda: note.exists() and note.read_text())
        return int(note.read_text())

    def ends(pid: int, job_id: str, cancel: Callable[[], object]) -> tuple[float, float]:
        begin = time.perf_counter()
        canceling = threading.Thread(target=cancel)
        canceling.start()
        wait_for_end_of(pid)
        of_process = time.perf_counter() - begin
        wait_until_gone(job_id)
        of_job = time.perf_counter() - begin
        canceling.join()
        return of_process, of_job

    def by_scancel() -> tuple[float, float]:
        note.unlink(missing_ok=True)
        job_id = sbatch(code)
        return ends(process(), job_id, lambda: slurm_says("scancel", job_id))

    def started() -> tuple[Any, int, str]:
        note.unlink(missing_ok=True)
        run = submit(experiment, code)
        pid = process()
        submitted_jobs.until(lambda: run.get_status() == "Running")
        return run, pid, job_of(run)[0]

    def by_scancel_of_amlflows() -> tuple[float, float]:
        run, pid, job_id = started()
        taken = ends(pid, job_id, lambda: slurm_says("scancel", job_id))
        submitted_jobs.wait_for_end(run)
        return taken

    def by_amlflow(is_here: bool) -> tuple[float, float]:
        run, pid, job_id = started()
        declared = Path(".azureml/compute.yaml")
        if not is_here:
            declared.rename("elsewhere")
        taken = ends(pid, job_id, run.cancel)
        if not is_here:
            Path("elsewhere").rename(declared)
        submitted_jobs.wait_for_end(run)
        return taken

    times = [
        (by_scancel(), by_scancel_of_amlflows(), by_amlflow(True), by_amlflow(False))
        for _ in range(ROUNDS)
    ]
    for number, what in enumerate(("the process is gone", "the job is gone")):
        plain, same, here, there = (
            statistics.median(time[number] for time in column)
            for column in zip(*times, strict=True)
        )
        detail = f"{here * 1000:.0f} ms, scancel {plain * 1000:.0f} ms"
        report(f"cancel() here / scancel, until {what}", here / plain, "<= 1.3", detail)
        detail = f"{here * 1000:.0f} ms, scancel {same * 1000:.0f} ms"
        report(
            f"cancel() here / scancel of the same job, until {what}", here / same, "<= 1.3", detail
        )
        detail = f"{there:.2f} s"
        limit = 1.3 * plain + 2
        report(
            f"cancel() without Slurm's commands / 1.3 of scancel's + 2 s, until {what}",
            there / limit,
            "<= 1",
            detail,
        )


def agents() -> list[psutil.Process]:
    """amlflow's agents of jobs of this benchmark's Slurm. They run on its nodes."""
    processes = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            is_agent = "amlflow.jobs.agent" in process.cmdline()
            if is_agent and process.environ().get("SLURM_CONF") == os.environ["SLURM_CONF"]:
                processes.append(process)
    return processes


def memory() -> None:
    experiment = submitted_jobs.new_experiment()
    run = submit(experiment, SLEEP)
    submitted_jobs.until(lambda: "there" in submitted_jobs.log_of(run))
    time.sleep(3)
    [agent] = agents()
    report("the agent on the node, MB", agent.memory_info().rss / 2**20, "< 120", "resident")
    run.cancel()
    submitted_jobs.wait_for_end(run)


@contextlib.contextmanager
def counted(program: str) -> Iterator[Path]:
    """Count how often a command of Slurm's is run: a file with a line for each time."""
    folder, calls = Path("counted").absolute(), Path(f"{program}.calls").absolute()
    folder.mkdir()
    calls.touch()
    script = folder / program
    script.write_text(f'#!/bin/sh\necho x >> {calls}\nexec {shutil.which(program)} "$@"\n')
    script.chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}:{before}"
    try:
        yield calls
    finally:
        os.environ["PATH"] = before


def many(count: int) -> None:
    """A list of configurations beside create_children and one sbatch --array."""
    from azureml.core import ScriptRunConfig

    experiment = submitted_jobs.new_experiment()
    parent = experiment.start_logging(snapshot_directory=None)
    submitted_jobs.script("import sys; print(sys.argv)")

    def parts() -> None:
        for begin in range(0, count, 100):
            parent.create_children(min(100, count - begin))
        sbatch("pass", "--hold", f"--array=0-{count - 1}")

    configs = [
        ScriptRunConfig("src", "script.py", arguments=[number], compute_target="held")
        for number in range(count)
    ]
    runs: list[Any] = []
    parent.create_children(10)
    plain = seconds(parts)
    end_jobs()
    ours = seconds(lambda: runs.extend(parent.submit_child(configs)))
    detail = f"{ours:.1f} s against {plain:.1f} s"
    what = f"submit_child of {count:,} / create_children and one sbatch --array"
    report(what, ours / plain, "<= 1.3", detail)
    waiting = slurm_says("squeue", "--noheader", "--array", "--states=PENDING").splitlines()
    report(f"jobs of the {count:,} that wait", len(waiting), str(count), "squeue --array")
    report("amlflow's processes while they wait", len(agents()), "0", "agents")
    with counted("squeue") as calls:
        begin = time.perf_counter()
        looks = 0
        while time.perf_counter() - begin < WATCH_S:
            for run in runs[:: max(count // 50, 1)]:
                assert run.get_status() == "Queued"
                looks += 1
        asked = len(calls.read_text().splitlines())
    minutes = (time.perf_counter() - begin) / 60
    report("squeue a minute while they wait", asked / minutes, "<= 6", f"{looks} looks")
    taken = seconds(runs[count // 2].cancel)
    detail = f"{runs[count // 2].get_status()}"
    report("cancel() of one of them, seconds", taken, "-", detail)
    end_jobs()


def end_jobs() -> None:
    subprocess.run(["scancel", "--state=PENDING", "--user=root"], check=True)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    place = Path(tempfile.mkdtemp(prefix="amlflow-slurm-"))
    place.chmod(0o755)
    (place / "daemons").mkdir()
    conf, daemons = slurm_daemons.start(place / "daemons")
    os.environ.update(
        servers.clean_environment(),
        AMLFLOW_JOBS=str(place / "state" / "jobs"),
        XDG_CACHE_HOME=str(place / "cache"),
        SLURM_CONF=conf,
    )
    work = place / "work"
    (work / ".azureml").mkdir(parents=True)
    (work / ".azureml" / "compute.yaml").write_text(TARGETS)
    os.chdir(work)
    try:
        with server(place / "served.db") as uri:
            os.environ["MLFLOW_TRACKING_URI"] = uri
            submitting()
            first_line()
            cancelling()
            memory()
            many(count)
    finally:
        daemons.terminate()
        daemons.wait()
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
