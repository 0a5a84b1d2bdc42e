"""Loggers and servers that are killed: what was logged is in the tracker, once and in order."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from pathlib import Path

import pytest
from amlflow.plugins import open_tracker
from helpers import logging_processes, servers

KILLED = 20

# The children are forked from a process that has imported all there is, so that many of
# them cost little. None of them shares a connection or a thread with it.
NURSERY = """
import random
import amlflow_mlflow.tracker, amlflow.layers.stack

folder, count, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])

def child(place):
    run = begin()
    returned = Count(folder / f"{place}.count")
    (folder / f"{place}.new").write_text(run.id)
    os.rename(folder / f"{place}.new", folder / f"{place}.run")
    number = 0
    while True:
        log(run, number)
        returned()
        number += 1
        time.sleep(0.0005)

random.seed(seed)
for first in range(0, count, 5):
    children = {}
    for place in range(first, min(count, first + 5)):
        pid = os.fork()
        if not pid:
            child(place)
        children[place] = pid
    for place, pid in children.items():
        deadline = time.monotonic() + 60
        while not (folder / f"{place}.run").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(random.random() * 0.25)
        os.kill(pid, 9)
        assert os.waitpid(pid, 0)[1] == 9
"""


def test_loggers_that_are_killed_and_two_that_recover(server_uri: str, tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(2), "big")
    print(f"seed {seed}")
    logging_processes.wait_for_output(
        logging_processes.start(NURSERY, server_uri, str(tmp_path), str(KILLED), str(seed))
    )
    runs = [(tmp_path / f"{place}.run").read_text() for place in range(KILLED)]
    waiting = json.loads(
        logging_processes.wait_for_output(logging_processes.sync(server_uri, "--status"))[0]
    )
    # The later ones have begun to send what the earlier ones left, and were killed over it.
    assert runs[-1] in {each["run_id"] for each in waiting} <= set(runs)
    assert not any(each["alive"] for each in waiting)
    both = [logging_processes.sync(server_uri), logging_processes.sync(server_uri)]
    done = [json.loads(logging_processes.wait_for_output(each)[0]) for each in both]
    assert runs[-1] in [run for each in done for run in each["not_responding"]]
    ended = [run for each in done for run in each["not_responding"]]
    assert len(ended) == len(set(ended)), "both have sent it"
    assert [each for each in done if each["refused"]] == []
    tracker = open_tracker(server_uri)
    for place, run_id in enumerate(runs):
        returned = logging_processes.count_returned(tmp_path / f"{place}.count")
        found = logging_processes.read_stored(server_uri, run_id)
        assert found == list(range(len(found))), run_id
        # The call that was killed may have been done.
        assert returned <= len(found) <= returned + 1, run_id
        assert tracker.get_run(run_id).status == "NotResponding"


LOOP = """
import logging
logging.basicConfig(format="%(name)s %(levelname)s %(message)s")
run = begin()
returned = Count(sys.argv[1])
print(run.id, flush=True)
stop = []
threading.Thread(target=lambda: stop.append(sys.stdin.readline()), daemon=True).start()
number, slowest = 0, 0.0
Path("plot.png").write_bytes(b"png")
while not stop:
    before = time.monotonic()
    log(run, number)
    if number % 300 == 0:
        run.tag("number", number)
        run.log_image("image", path="plot.png")
    slowest = max(slowest, time.monotonic() - before)
    returned()
    number += 1
    time.sleep(0.002)
run.complete()
print(slowest, number, run.get_status())
"""


def test_a_server_that_is_killed_and_comes_back(folder: Path, empty_database: Path) -> None:
    import shutil

    shutil.copyfile(empty_database, folder / "mlflow.db")
    backend = f"sqlite:///{folder}/mlflow.db"
    uri, server = servers.start_mlflow(backend, folder, workers=1)
    logger = logging_processes.start(LOOP, uri, str(folder / "count"))
    try:
        assert logger.stdout is not None
        run_id = logger.stdout.readline().strip()
        until_stored(folder / "mlflow.db", run_id, 200)
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        killed = logging_processes.count_returned(folder / "count")
        port = int(uri.rpartition(":")[2])
        _, server = servers.start_mlflow(backend, folder, port=port, workers=1)
        assert logging_processes.count_returned(folder / "count") > killed + 300
        out, err = logger.communicate("stop\n", timeout=120)
        assert logger.returncode == 0, err
        slowest, number, status = out.split()
        assert float(slowest) < 5  # the server is away for longer
        assert status == "Completed"
        found = logging_processes.read_stored(uri, run_id)
        assert found == list(range(int(number)))
        assert logging_processes.count_returned(folder / "count") == int(number)
        tracker = open_tracker(uri)
        images = tracker.read_points(run_id, ["image"])
        assert len(images) == len(tracker.list_files(run_id)) == -(-int(number) // 300)
        assert int(tracker.get_run(run_id).tags["number"] or 0) == (int(number) - 1) // 300 * 300
        said = [line for line in err.splitlines() if line.startswith("amlflow WARNING")]
        assert len(said) == 2, err
        assert "is sent when the tracker" in said[0]
        assert "is back" in said[1]
    finally:
        logger.kill()
        os.killpg(server.pid, signal.SIGKILL)


def until_stored(database: Path, run_id: str, least: int) -> None:
    import time

    deadline = time.monotonic() + 60
    while True:
        with sqlite3.connect(database, timeout=10) as connection:
            [(count,)] = connection.execute(
                "SELECT count(*) FROM metrics WHERE run_uuid = ?", [run_id]
            )
        if count >= least:
            return
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("way", ["a loop", "the end"])
def test_interrupting_twice_gets_out(server_uri: str, folder: Path, way: str) -> None:
    import time

    from helpers.flaky_proxy import CUT_BEFORE, start_proxy

    code = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
with begin() as run:
    log(run, 1)
    run.flush()
    print(run.id, flush=True)
    sys.stdin.readline()
    log(run, 2)
    print("logged", flush=True)
    while sys.argv[1] == "a loop":
        log(run, 3)
        time.sleep(0.01)
"""
    with start_proxy(server_uri) as (proxy, uri):
        process = logging_processes.start(code, uri, way)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        proxy.rule = lambda path, content: CUT_BEFORE
        print(file=process.stdin, flush=True)
        process.stdout.readline()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        if way == "a loop":
            time.sleep(1)
            assert process.poll() is None  # the run's end is waited for
            process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        _, err = process.communicate(timeout=60)
        assert time.monotonic() - begun < 15  # less than the end of a run waits
        assert "KeyboardInterrupt" in err
        assert "they wait in" in err
