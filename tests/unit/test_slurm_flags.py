"""Which options of Slurm's commands amlflow uses: only those of all releases that it supports.

The manual pages of Slurm 20.02, 20.11, 21.08, 22.05, 23.02, 23.11, 24.05, 24.11, 25.05 and 25.11
have each of these words, and squeue's source has the columns. Look a new one up in all of them
before you add it here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from amlflow.spec import ClusterWork
from amlflow_slurm import squeue
from amlflow_slurm.cluster import SlurmCluster
from amlflow_slurm.settings import read_settings
from helpers.slurm_answers import row

OPTIONS = {
    "sbatch": """
        --account --array --constraint --cpus-per-task --export --gres --job-name --mem --nodes
        --ntasks-per-node --output --parsable --partition --qos --requeue --test-only --time
        """,
    "squeue": "--array --format --noheader --partition --states --user -O",
    "scancel": "--batch --name --quiet --signal --state --user",
    "scontrol": "--oneliner config hostnames node batch_script show write",
    "sinfo": "--format --noheader --partition",
    "srun": """
        --cpus-per-task --distribution --export --kill-on-bad-exit --mpi --nodes --ntasks
        --ntasks-per-node --wait
        """,
}
COLUMNS = "Name JobArrayID State Reason RestartCnt PriorityLong"
LAST_COLUMNS = "exit_code NodeList"
STATES = """
    BOOT_FAIL CANCELLED COMPLETED COMPLETING CONFIGURING DEADLINE EXPEDITING FAILED NODE_FAIL
    OUT_OF_MEMORY PENDING PREEMPTED REQUEUED REQUEUE_FED REQUEUE_HOLD RESIZING RESV_DEL_HOLD
    REVOKED RUNNING SIGNALING SPECIAL_EXIT STAGE_OUT STOPPED SUSPENDED TIMEOUT
    """
"""What squeue prints as a state, in the first and in the last of these releases."""
SETTINGS = {
    "partition": "gpu", "account": "a", "qos": "q", "constraint": "a100", "nodes": 2, "cpus": 8,
    "gpus": 2, "memory": "16G", "time": 60, "modules": ["cuda"], "mpi": "pmi2",
    "python": "/usr/bin/python3", "output": "/shared/%j.out",
}  # fmt: skip
NAMES = [f"{number:032x}" for number in range(3)]


class Commands:
    """Takes the place of :func:`subprocess.run`, and notes the options of each program."""

    def __init__(self) -> None:
        self.options: dict[str, set[str]] = defaultdict(set)

    def __call__(self, command: Sequence[str], **_: Any) -> SimpleNamespace:
        self.note(command)
        program, *words = command
        output = ""
        if Path(program).name == "squeue" and "-O" in words:
            output = row("RUNNING", Name=NAMES[2])
        if Path(program).name == "sinfo":
            output = "1/2/0/3 gpu"
        return SimpleNamespace(returncode=0, stdout=output, stderr="")

    def note(self, command: Sequence[str]) -> None:
        program, words = Path(command[0]).name, command[1:]
        known = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
        if program == "scontrol":
            known |= {word for word in words if re.fullmatch("[a-z_]+", word)}
        self.options[program] |= known


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    noted = Commands()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("amlflow_slurm.commands.subprocess.run", noted)
    monkeypatch.setattr("amlflow_slurm.commands.shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("amlflow_slurm.arrays.max_array_size", lambda: 2)
    return noted


def work(name: str) -> ClusterWork:
    return ClusterWork(
        name=name, python="/usr/bin/python3", arguments=["-m", "a"], environment={"OWN": name},
        nodes=2, processes_per_node=2, max_seconds=60,
    )  # fmt: skip


def test_options_of_all_releases(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = SlurmCluster(read_settings(SETTINGS))
    cluster.check(work(NAMES[0]), "https://mlflow.example")
    cluster.submit([work(name) for name in NAMES])
    cluster.look(NAMES, now=True)
    cluster.nudge(NAMES)
    cluster.cancel(NAMES)
    cluster.describe()
    cluster.identify()
    monkeypatch.setenv("SLURM_JOB_NODELIST", "n[1-2]")
    cluster.addresses()
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "8")
    started = list(cluster.spread(2, 4, is_mpi=True))
    commands.note(started[: started.index("sh")])
    squeue.ElementNames().name_of(NAMES[0], "7_0")
    used = {program: sorted(options) for program, options in commands.options.items()}
    assert used == {program: sorted(text.split()) for program, text in OPTIONS.items()}


def test_columns_and_states_of_all_releases() -> None:
    assert list(squeue._COLUMNS) == COLUMNS.split()
    last = [column.partition(":")[0] for column in squeue._LAST_COLUMNS.split(",")]
    assert last == LAST_COLUMNS.split()
    assert sorted(squeue._STATES) == sorted(STATES.split())
    assert set(squeue._ENDS) <= set(squeue._STATES)
