"""The script of a job whose agent is in a container, with programs in place of Slurm's."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from amlflow_slurm import outside
from amlflow_slurm.settings import SlurmSettings

SLURM = """#!/bin/bash
case $0 in
*/scontrol)
    [ "$2" = hostnames ] && printf 'n1\\nn2\\n' || echo 'NodeName=n2 NodeAddr=10.0.0.2 CPUs=4'
    exit ;;
esac
while [ "$1" != sh ]; do echo "$1" >> {options}; shift; done
SLURM_PROCID=7 "$@" <&0 &  # a step has a process of its own
wait $!
"""
AGENT = """
import os, signal, subprocess, sys, time
from amlflow_slurm.cluster import SlurmCluster
from amlflow_slurm.settings import SlurmSettings

cluster = SlurmCluster(SlurmSettings(image="a#b", containers="pyxis"))
print(*cluster.addresses(), os.environ["folder"], flush=True)
os.environ["AMLFLOW_OWN"] = "a b\\nc"
code = '''
import os, sys
print(repr(os.environ["AMLFLOW_OWN"]), os.environ["AMLFLOW_PROCESS"], sys.argv[1:])
own = os.environ["folder"], os.environ["word"]
print("AMLFLOW_SLURM_OUTSIDE" in os.environ, *own, sys.stdin.read(), flush=True)
sys.exit("an error")
'''
command = [*cluster.spread(2, 4), sys.executable, "-c", code, "", "x y"]
done = subprocess.run(command, input="input", capture_output=True, text=True)
print(done.stdout, done.stderr, flush=True)

def say(number, frame):
    os.write(1, f"got {signal.Signals(number).name}\\n".encode())

signal.signal(signal.SIGURG, say)
signal.signal(signal.SIGTERM, say)
print("ready", flush=True)
signal.alarm(30)  # ends a test that would wait for ever
while os.path.exists(os.environ["AMLFLOW_SLURM_OUTSIDE"]):
    time.sleep(0.01)
sys.exit(3)
"""


def test_an_agent_in_a_container(tmp_path: Path) -> None:
    """It knows the nodes, starts processes, gets signals, and its exit code is the script's."""
    programs, options = tmp_path / "bin", tmp_path / "options"
    programs.mkdir()
    for name in ("srun", "scontrol"):
        (programs / name).write_text(SLURM.format(options=options))
        (programs / name).chmod(0o755)
    settings = SlurmSettings(image="a#b", containers="pyxis", python=sys.executable)
    script = outside.script_around(settings.agent_outside(["-c", AGENT]), is_step=True)
    place = {"SLURM_JOB_NODELIST": "n[1-2]", "SLURMD_NODENAME": "n1", "TMPDIR": str(tmp_path)}
    own = {"folder": "own", "word": "own"}
    environ = {**os.environ, **place, **own, "PATH": f"{programs}:{os.environ['PATH']}"}
    process = subprocess.Popen(
        ["bash", "-c", script], env=environ, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if line == "ready\n":
            process.send_signal(signal.SIGURG)
        if line == "got SIGURG\n":
            process.send_signal(signal.SIGTERM)
    assert process.wait() == 3
    assert lines == [
        "n1 10.0.0.2 own", r"'a b\nc' 7 ['', 'x y']", "False own own input", " an error", "",
        "ready", "got SIGURG", "got SIGTERM",
    ]  # fmt: skip
    agents, processes = " ".join(options.read_text().split()).split(" --nodes=2 ")
    assert "--overlap --nodes=1 --ntasks=1" in agents
    assert "--nodelist=n1 --container-mounts=" in agents
    assert agents.count("--container-image=a#b") == processes.count("--container-image=a#b") == 1
    assert list(tmp_path.glob("amlflow-srun-*")) == []


def test_an_agent_that_ends_while_a_signal_is_passed_on(tmp_path: Path) -> None:
    """The exit code is the agent's, not that of the wait which the signal has ended."""
    (tmp_path / "scontrol").write_text("#!/bin/sh\n")
    (tmp_path / "scontrol").chmod(0o755)
    late = """
        kill() {
            builtin kill "$@" || return
            while [ "$1" = -URG ] && builtin kill -0 "$2" 2> /dev/null; do sleep 0.01; done
        }
        wait() { echo ready; builtin wait "$@"; }
        """
    agent = "trap 'exit 5' URG; echo ready; while [ $SECONDS -lt 60 ]; do sleep 0.01; done"
    script = late + outside.script_around(shlex.join(["bash", "-c", agent]), is_step=False)
    environ = {**os.environ, "TMPDIR": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    process = subprocess.Popen(["bash", "-c", script], env=environ, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == [b"ready\n"] * 2
    process.send_signal(signal.SIGURG)
    assert process.wait() == 5
    assert list(tmp_path.glob("amlflow-srun-*")) == []


def test_a_script_that_ends_before_its_agent_starts_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "mkfifo").write_text("#!/bin/sh\nexit 6\n")
    (tmp_path / "mkfifo").chmod(0o755)
    script = outside.script_around("true", is_step=False)
    environ = {**os.environ, "TMPDIR": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert subprocess.run(["bash", "-c", script], env=environ, check=False).returncode == 6
    assert list(tmp_path.glob("amlflow-srun-*")) == []
