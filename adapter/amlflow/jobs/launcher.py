"""Starts the processes of a distributed script on one machine.

It runs with the script's Python, which may be 3.6, also in a container, and imports nothing of
amlflow.

``launcher.py PLAN`` starts all processes of a plan. If a process fails, the others are ended, and a
file that the plan names gets the failed process's number. Processes of MPI are started by mpiexec
if the machine has it. ``launcher.py PLAN --one`` starts one process: MPI has put its number into
the environment.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from types import FrameType
from typing import Any, Dict, List, Mapping, Match, Optional, Sequence

GRACE_S = 5.0
"""Seconds between asking the other processes to end and ending them by force."""
LOOK_S = 0.5
"""Seconds between two looks for another process that has failed."""
PASSED = (signal.SIGUSR1, signal.SIGUSR2)
"""Signals that are passed on to the processes."""
NUMBERS = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")
"""The variables in which Open MPI, PMIx, MPICH and Slurm put a process's number."""
VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)
"""A variable in an argument, such as ``$RANK`` or ``${RANK}``."""
NOT_FOUND = 127
"""The exit code of shells for a program that does not exist."""
MPIEXEC = {
    # Start all processes on this machine, even in a job of Slurm, and even if it has fewer
    # processors.
    "HYDRA_LAUNCHER": "fork",
    "HYDRA_RMK": "user",
    "OMPI_MCA_plm": "isolated",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
}
"""Variables for mpiexec. Those of the script's environment replace them."""
FOR_MPIEXEC = "AMLFLOW_FOR_MPIEXEC"
"""The variable with the names of those that were set. The script's processes do not get them."""


def main() -> None:
    """Run a plan, and exit with the code of the process that failed first, or 0."""
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
            environment[FOR_MPIEXEC] = " ".join(MPIEXEC.keys() - os.environ.keys())
            os.execve(mpiexec, [*command, sys.argv[1], "--one"], environment)  # noqa: S606
        say(
            "mpiexec is not in PATH. The processes get their numbers in variables "
            "(OMPI_COMM_WORLD_RANK …), but a program that calls MPI itself finds one process only."
        )
    sys.exit(run_all(plan))


def start_or_exit(plan: Dict[str, Any], number: int) -> "subprocess.Popen[bytes]":
    """Start a process. If it cannot be started, note that as its failure and exit."""
    try:
        return start(plan, number)
    except OSError:
        note_failure(plan, number, NOT_FOUND)
        sys.exit(NOT_FOUND)


def run_one(plan: Dict[str, Any]) -> int:
    """Run the process whose number is in the environment, and return its exit code."""
    number = int(next(os.environ[name] for name in NUMBERS if name in os.environ))
    for name in os.environ.pop(FOR_MPIEXEC, "").split():
        os.environ.pop(name, None)
    told: List[int] = []
    started: List[subprocess.Popen[bytes]] = []

    def end(signum: int, frame: Optional[FrameType]) -> None:
        told.append(signum)
        end_soon({process.pid: number for process in started})

    signal.signal(signal.SIGTERM, end)
    for passed in PASSED:
        signal.signal(passed, lambda signum, frame: send({p.pid: number for p in started}, signum))
    process = start_or_exit(plan, number)
    started.append(process)
    if told:
        end_soon({process.pid: number})
    while True:
        try:
            code = process.wait(LOOK_S)
            break
        except subprocess.TimeoutExpired:
            # Some mpiexecs do not end the others if a process fails that has not called MPI.
            if not told and os.path.exists(plan["failure"]):
                end(0, None)
    if code and not told:
        note_failure(plan, number, code)
    return to_exit_code(code)


def run_all(plan: Dict[str, Any]) -> int:
    """Run all processes. Returns the exit code of the one that failed first, or 0."""
    numbers = [process["number"] for process in plan["processes"]]
    servers = {process["number"] for process in plan["processes"] if process["is_server"]}
    running: Dict[int, int] = {}
    is_ending = threading.Event()
    result = 0

    def end(signum: int, frame: Optional[FrameType]) -> None:
        is_ending.set()
        end_soon(running)

    signal.signal(signal.SIGTERM, end)
    for passed in PASSED:
        signal.signal(passed, lambda signum, frame: send(running, signum))
    for number in numbers:
        running[start_or_exit(plan, number).pid] = number
    if is_ending.is_set():
        end_soon(running)
    while running:
        pid, status = os.wait()
        number = running.pop(pid, None)
        if number is None:  # an orphan that the system has given to this process
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


def start(plan: Dict[str, Any], number: int) -> "subprocess.Popen[bytes]":
    """Start a process. Its output goes to its own log.

    Raises:
        OSError: the program cannot be started. The log gets the reason, too.
    """
    process = plan["processes"][number]
    # Variables that MPI has set for the process win over those of the plan.
    own = {name: text for name, text in os.environ.items() if name.startswith("OMPI_")}
    environment = {**os.environ, **process["environment"], **own}
    environment.setdefault("NCCL_SOCKET_IFNAME", "")  # v1's scripts read it; empty means unset
    command = plan["command"]
    if plan["is_script"]:
        python, arguments = plan.get("python") or sys.executable, expand(command[1:], environment)
        command = [python, command[0], *arguments]
    log = os.open(process["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=plan.get("folder"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            close_fds=False,  # one of them may be MPI's connection
        )
    except OSError as error:
        os.write(log, f"{command[0]!r} could not be started: {error.strerror}.\n".encode())
        raise
    finally:
        os.close(log)


def expand(arguments: Sequence[str], environment: Mapping[str, str]) -> List[str]:
    """Put the values of variables into a script's arguments, as v1 does.

    A name that is not in the environment stays as it is.
    """

    def value_of(found: Match[str]) -> str:
        return environment.get(found[1] or found[2], found[0])

    return [VARIABLE.sub(value_of, argument) for argument in arguments]


def end_soon(running: Dict[int, int]) -> None:
    """Ask processes to end. Some seconds later, end by force those that still run."""
    send(running, signal.SIGTERM)
    timer = threading.Timer(GRACE_S, send, (running, signal.SIGKILL))
    timer.daemon = True
    timer.start()


def send(running: Dict[int, int], signum: int) -> None:
    """Send a signal to the running processes."""
    for pid in list(running):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)


def note_failure(plan: Dict[str, Any], number: int, code: int) -> None:
    """Write the number of the failed process to the plan's file, unless another failed before."""
    part = f"{plan['failure']}.{number}"
    with open(part, "w", encoding="utf-8") as file:
        json.dump({"number": number, "code": code}, file)
    with contextlib.suppress(FileExistsError):
        os.link(part, plan["failure"])  # the complete file, and only if it does not exist yet
    os.unlink(part)


def to_exit_code(code: int) -> int:
    """Return the exit code of shells for a process that a signal has ended; other codes as is."""
    return 128 - code if code < 0 else code


def say(text: str) -> None:
    """Write a line of amlflow to the run's log."""
    sys.stderr.write(f"amlflow: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
