"""Threads, forked processes and ends of processes: what calls had returned is in the tracker."""

from __future__ import annotations

import json
import time
from pathlib import Path

from amlflow.layers.stack import open_direct
from helpers import logging_processes
from helpers.flaky_proxy import start_proxy

MANY = """
import asyncio, atexit, multiprocessing
assert "amlflow.layers.stack" not in sys.modules
atexit.register(lambda: log(run, 500))  # comes after amlflow's own
run = begin()
print(run.id)

def work(place):
    for number in range(40):
        log(run, number, f"thread {place}")

threads = [threading.Thread(target=work, args=(place,)) for place in range(64)]
for thread in threads: thread.start()
for thread in threads: thread.join()

def forked(place):
    for number in range(100):
        log(run, number, f"process {place}")

context = multiprocessing.get_context("fork")
processes = [context.Process(target=forked, args=(place,)) for place in range(2)]
for process in processes: process.start()
pid = os.fork()
if not pid:  # a worker that ends without a word
    forked("gone")
    os._exit(0)
for number in range(100):
    log(run, number, "parent")
os.waitpid(pid, 0)
for process in processes: process.join()
from amlflow.layers.stack import open_direct
tracker = open_direct(os.environ["MLFLOW_TRACKING_URI"])
print([process.exitcode for process in processes])
print(len(tracker.read_points(run.id, ["process 0"])))  # sent when it ended

async def task(place):
    for number in range(20):
        log(run, number, f"task {place}")
        await asyncio.sleep(0)

async def tasks():
    await asyncio.gather(*map(task, range(20)))

asyncio.run(tasks())

def stays(logged, over):  # a worker that lives longer than the run
    forked("stays")
    logged.set()
    over.wait()

logged, over = context.Event(), context.Event()
worker = context.Process(target=stays, args=(logged, over))
worker.start()
logged.wait()
run.complete()
print(len(tracker.read_points(run.id, ["process stays"])))
over.set()
worker.join()

run = begin()
for number in range(500):
    log(run, number)
print(run.id)
"""


def test_threads_forks_and_the_end_of_the_interpreter(server_uri: str) -> None:
    out, err = logging_processes.wait_for_output(logging_processes.start(MANY, server_uri))
    run_id, codes, of_ended, of_living, left_open = out.splitlines()
    assert codes == "[0, 0]"
    assert (of_ended, of_living) == ("100", "100")
    tracker = open_direct(server_uri)
    found: dict[str, list[int]] = {}
    for point in tracker.read_points(run_id):
        found.setdefault(point.name, []).append(logging_processes.number(point.value))
    assert found == {
        **{f"thread {place}": list(range(40)) for place in range(64)},
        **{f"process {place}": list(range(100)) for place in (0, 1, "gone", "stays")},
        **{f"task {place}": list(range(20)) for place in range(20)},
        "parent": list(range(100)),
    }
    assert tracker.get_run(run_id).status == "Completed"
    # At its end the interpreter has sent what was left; the run stays open, as v1's do.
    assert logging_processes.read_stored(server_uri, left_open) == list(range(501))
    assert tracker.get_run(left_open).status == "Running"
    assert "Traceback" not in err


FORKS = """
import multiprocessing
context = multiprocessing.get_context("fork")
run = begin()
log(run, 0, "before")
run.flush()

def forked(place):
    for number in range(200):
        log(run, number, f"process {place}")
        if number % 50 == 0:
            run.tag(f"process {place}", number)

processes = [context.Process(target=forked, args=(place,)) for place in range(3)]
for process in processes: process.start()
forked("parent")
for process in processes: process.join()
run.complete()
print({name: len(values) for name, values in run.get_metrics().items() if name != "before"})
"""


def test_a_forked_process_leaves_its_parents_connections_alone(postgres_uri: str) -> None:
    out, err = logging_processes.wait_for_output(logging_processes.start(FORKS, postgres_uri))
    assert eval(out) == {f"process {place}": 200 for place in (0, 1, 2, "parent")}
    assert err == ""


def test_an_end_without_the_tracker_is_bounded_and_said(server_uri: str) -> None:
    code = """
run = begin()
print(run.id, flush=True)
sys.stdin.readline()
for number in range(10):
    log(run, number)
raise RuntimeError("the script's own error")
"""
    with start_proxy(server_uri) as (proxy, uri):
        process = logging_processes.start(code, uri, AMLFLOW_EXIT_SECONDS="1")
        assert process.stdout is not None
        run_id = process.stdout.readline().strip()
        proxy.rule = proxy.down
        begun = time.monotonic()
        _, err = process.communicate("\n", timeout=60)
        assert time.monotonic() - begun < 10
        assert process.returncode == 1
        assert "10 records have not reached the tracker" in err
        proxy.rule = lambda path, content: "pass"
        [waiting] = json.loads(
            logging_processes.wait_for_output(logging_processes.sync(uri, "--status"))[0]
        )
        assert (waiting["run_id"], waiting["waiting"], waiting["alive"]) == (run_id, 10, False)
        assert waiting["since"]
        done = json.loads(
            logging_processes.wait_for_output(logging_processes.sync(uri, "--close-dead"))[0]
        )
        assert (done["sent"], done["closed"]) == (10, [run_id])
    assert logging_processes.read_stored(server_uri, run_id) == list(range(10))
    assert open_direct(server_uri).get_run(run_id).status == "Failed"


def test_turned_off_every_call_waits_for_the_tracker(server_uri: str, tmp_path: Path) -> None:
    code = """
from amlflow.layers.stack import open_direct
run = begin()
tracker = open_direct(os.environ["MLFLOW_TRACKING_URI"])
for number in range(3):
    log(run, number)
    assert len(tracker.read_points(run.id)) == number + 1
run.tag("a", "b")
run.complete()
print(run.get_metrics(), run.get_status())
"""
    folder = str(tmp_path / "journal")
    process = logging_processes.start(
        code, server_uri, AMLFLOW_JOURNAL="off", AMLFLOW_JOURNAL_FOLDER=folder
    )
    out, _ = logging_processes.wait_for_output(process)
    assert out == "{'m': ['text 0', 1, 2]} Completed\n"
    assert not Path(folder).exists()


def test_what_has_returned_is_seen_at_once_whichever_thread_did_it(
    postgres_server_uri: str,
) -> None:
    """The server has four workers, which answer in any order."""
    code = """
from concurrent.futures import ThreadPoolExecutor
run = begin()
ws = run.experiment.workspace
for round in range(5):
    def change(own):
        run.set_tags({"shared": str(own), f"own {round} {own}": None})
        if own == 0:
            run.display_name = f"name {round}"
            run.description = f"text {round}"
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(change, range(16)))
    expected = {"shared"} | {f"own {r} {own}" for r in range(round + 1) for own in range(16)}
    again = Run.get(ws, run.id)
    [listed] = [each for each in run.experiment.get_runs() if each.id == run.id]
    for found in (run, again, listed):
        assert set(found.tags) == expected, expected - set(found.tags)
        assert (found.display_name, found.description) == (f"name {round}", f"text {round}")
    assert set(run.get_tags()) == expected
run.complete()
"""
    logging_processes.wait_for_output(logging_processes.start(code, postgres_server_uri))
