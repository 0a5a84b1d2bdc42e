"""Starts the processes of a distributed script on one machine.

It runs alone, with the script's Python and nothing of amlflow beside it: in a container, too.

``launcher.py PLAN`` starts all processes of a plan. The first that fails ends the others, and is
named in the plan's file for that. Processes of MPI are started by mpiexec if the machine has it.
``launcher.py PLAN --one`` starts the one process whose number MPI has put into the environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from types import FrameType
from typing import Any

GRACE_S = 5.0
"""Between asking the other processes to end and ending them by force."""
LOOK_S = 0.5
"""Between two looks whether another process has failed."""
NUMBERS = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")
"""The variables with a process's number, of Open MPI, PMIx, MPICH and Slurm."""
NOT_FOUND = 127
"""The exit code of a shell for a program that does not exist."""
MPIEXEC = {
    # This machine alone, also within a job of Slurm, with more processes than processors.
    "HYDRA_LAUNCHER": "fork",
    "HYDRA_RMK": "user",
    "OMPI_MCA_plm": "isolated",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
}
"""What is set for mpiexec unless the script's environment says otherwise."""


def main() -> None:
    """Run a plan; the exit code is that of the process that failed first, or 0."""
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = json.load(file)
    if sys.argv[2:] == ["--one"]:
        sys.exit(run_one(plan))
    if plan["mpi"] and len(plan["processes"]) > 1:
        folders = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
        mpiexec = shutil.which("mpiexec", path=folders)
        if mpiexec is not None:
            command = [mpiexec, "-n", str(len(plan["processes"])), sys.executable, __file__]
            environment = {**MPIEXEC, **os.environ}
            os.execve(mpiexec, [*command, sys.argv[1], "--one"], environment)  # noqa: S606
        say(
            "mpiexec is not in PATH here, so the processes get MPI's numbers in variables "
            "(OMPI_COMM_WORLD_RANK …), but a program that calls MPI itself finds one process."
        )
    sys.exit(run_all(plan))


def start_or_exit(plan: dict[str, Any], number: int) -> subprocess.Popen[bytes]:
    """Start a process; if that fails, note it and exit."""
    try:
        return start(plan, number)
    except OSError:
        note_failure(plan, number, NOT_FOUND)
        sys.exit(NOT_FOUND)


def run_one(plan: dict[str, Any]) -> int:
    """Run the process of this environment's number; its exit code."""
    number = int(next(os.environ[name] for name in NUMBERS if name in os.environ))
    told: list[int] = []
    started: list[subprocess.Popen[bytes]] = []

    def end(signum: int, frame: FrameType | None) -> None:
        told.append(signum)
        end_soon({process.pid: number for process in started})

    signal.signal(signal.SIGTERM, end)
    process = start_or_exit(plan, number)
    started.append(process)
    if told:
        end_soon({process.pid: number})
    while True:
        try:
            code = process.wait(LOOK_S)
            break
        except subprocess.TimeoutExpired:
            # Not every mpiexec ends the others when one fails that has not called MPI.
            if not told and os.path.exists(plan["failure"]):
                end(0, None)
    if code and not told:
        note_failure(plan, number, code)
    return to_exit_code(code)


def run_all(plan: dict[str, Any]) -> int:
    """Run all processes; the exit code of the one that failed first, or 0."""
    numbers = [process["number"] for process in plan["processes"]]
    servers = {process["number"] for process in plan["processes"] if process["is_server"]}
    running: dict[int, int] = {}
    is_ending = threading.Event()
    result = 0

    def end(signum: int, frame: FrameType | None) -> None:
        is_ending.set()
        end_soon(running)

    signal.signal(signal.SIGTERM, end)
    for number in numbers:
        running[start_or_exit(plan, number).pid] = number
    if is_ending.is_set():
        end_soon(running)
    while running:
        pid, status = os.wait()
        number = running.pop(pid, None)
        if number is None:  # an orphan that this process has been given
            continue
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        has_failed = code != 0 and not is_ending.is_set()
        if has_failed:
            result = to_exit_code(code)
            note_failure(plan, number, code)
        if has_failed or not set(running.values()) - servers:
            is_ending.set()
            end_soon(running)
    return result


def start(plan: dict[str, Any], number: int) -> subprocess.Popen[bytes]:
    """Start a process; what it writes goes straight into its own log.

    Raises OSError: the program cannot be started, which the log says, too.
    """
    process = plan["processes"][number]
    command = (
        [plan.get("python") or sys.executable, *plan["command"]]
        if plan["is_script"]
        else plan["command"]
    )
    # What an MPI has set for the process is right; the plan's is for who has none.
    own = {name: text for name, text in os.environ.items() if name.startswith("OMPI_")}
    environment = {**os.environ, **process["environment"], **own}
    environment.setdefault("NCCL_SOCKET_IFNAME", "")  # scripts of v1 read it; empty is as unset
    log = os.open(process["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=plan.get("folder"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            close_fds=False,  # MPI's own connection is one of them
        )
    except OSError as error:
        os.write(log, f"{command[0]!r} could not be started: {error.strerror}.\n".encode())
        raise
    finally:
        os.close(log)


def end_soon(running: dict[int, int]) -> None:
    """Ask processes to end, and later end those that are left by force."""
    send(running, signal.SIGTERM)
    timer = threading.Timer(GRACE_S, send, (running, signal.SIGKILL))
    timer.daemon = True
    timer.start()


def send(running: dict[int, int], signum: int) -> None:
    """Send a signal to the processes that run."""
    for pid in list(running):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)


def note_failure(plan: dict[str, Any], number: int, code: int) -> None:
    """Name the process that failed, if no other has failed before it."""
    part = f"{plan['failure']}.{number}"
    with open(part, "w", encoding="utf-8") as file:
        json.dump({"number": number, "code": code}, file)
    with contextlib.suppress(FileExistsError):
        os.link(part, plan["failure"])  # whole, and only if there is none
    os.unlink(part)


def to_exit_code(code: int) -> int:
    """The exit code by which a shell tells that a process was ended by a signal."""
    return 128 - code if code < 0 else code


def say(text: str) -> None:
    """Write a line of amlflow's into the run's log."""
    sys.stderr.write(f"amlflow: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
