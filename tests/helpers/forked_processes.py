"""Runs code in several processes that use one tracker at the same moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from helpers import servers

NURSERY = """
import importlib, json, multiprocessing, sys
from azureml.core import Experiment, Run, Workspace
from azureml.exceptions import AzureMLException

module, code, count, *arguments = sys.argv[1:]
importlib.import_module(module)
fork = multiprocessing.get_context("fork")
together, outcomes = fork.Barrier(int(count)), fork.Queue()

def work(place):
    exec(code, {**globals(), "place": place, "ready": together.wait, "give": outcomes.put})

processes = [fork.Process(target=work, args=(place,)) for place in range(int(count))]
for process in processes: process.start()
given = [outcomes.get(timeout=120) for _ in processes]
for process in processes: process.join()
assert not any(process.exitcode for process in processes)
print(json.dumps(given))
"""
"""The code of the parent. It imports everything before it forks its children, since imports take
longest. The children share no connection and no thread.
"""


def in_processes(
    code: str, count: int, *arguments: str, module: str = "amlflow_mlflow.tracker"
) -> list[Any]:
    """Run code in several processes at once, and return what each has given, in any order.

    The code can use ``place``, which is the number of the process, ``arguments``, and the names
    that the parent imports. It calls ``ready()`` to wait for all processes, and ``give(value)`` to
    return a value. The parent imports ``module``.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    done = subprocess.run(
        [sys.executable, "-c", NURSERY, module, code, str(count), *arguments],
        env=servers.clean_environment(**{"MLFLOW_TRACKING_URI": uri} if uri else {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    outcomes: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return outcomes
