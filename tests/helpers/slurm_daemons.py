"""A Slurm for tests only: munged, slurmctld and three slurmd on this machine, as root.

It has the nodes n1 to n3 with four processors and a GPU each, in the partition ``main``. Jobs of
the partition ``high`` preempt jobs of ``main``, which then go back into the queue.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from helpers import slurm_accounts
from helpers.servers import free_port
from helpers.tools import lack, need

NODES = ("n1", "n2", "n3")

_CONF = """\
ClusterName=amlflow
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.socket,cred_expire=5
CryptoType=crypto/munge
StateSaveLocation={folder}/ctl
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType={tracking}
TaskPlugin=task/{task}
SelectType=select/cons_tres
SelectTypeParameters={consumed}
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=200000,bf_interval=1,batch_sched_delay=0
MpiDefault=none
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
{accounts}
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout=15
KillWait=10
MinJobAge=300
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
FirstJobId={first_job}
PropagateResourceLimits=NONE
GresTypes=gpu
{more}
{nodes}
PartitionName=main Nodes=n1,n2,n3 Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=high Nodes=n1,n2,n3 MaxTime=INFINITE State=UP PriorityTier=10
PartitionName=down Nodes=n3 MaxTime=INFINITE State=DOWN
PartitionName=drained Nodes=n3 MaxTime=INFINITE State=DRAIN
PartitionName=small Nodes=n3 MaxTime=5 MaxNodes=1 State=UP
"""
_MORE = """\
PrologSlurmctld={folder}/prolog
NodeName=DEFAULT RealMemory=16000
DefMemPerCPU=4000
"""
_PROLOG = """\
#!/bin/sh
while [ -e {folder}/hold ]; do sleep 0.05; done
"""


def start(folder: Path, *, has_limits: bool = False, has_accounts: bool = False) -> Any:
    """Start Slurm below a folder. Returns the path of slurm.conf and the parent of the daemons.

    With ``has_limits``, a job that uses more memory than it has asked for is ended, and jobs are
    CONFIGURING as long as there is a file ``hold`` in the folder. With ``has_accounts``, users need
    an account in Slurm's database, which :mod:`helpers.slurm_accounts` makes.
    """
    for program in ("munged", "slurmctld", "slurmd", "sbatch"):
        need(program)
    if os.geteuid() != 0:
        lack("root, which Slurm's daemons need to be")
    folder.chmod(0o755)
    for name in ("ctl", "munge", "run", *NODES):
        (folder / name).mkdir()
    host, ports = socket.gethostname().partition(".")[0], [free_port() for _ in range(4)]
    nodes = [
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 Gres=gpu:1"
        for name, port in zip(NODES, ports[1:], strict=True)
    ]
    has_cgroup = Path("/sys/fs/cgroup/freezer").is_dir()
    tracking = "proctrack/cgroup" if has_cgroup else "proctrack/linuxproc"
    conf = folder / "slurm.conf"
    accounts = slurm_accounts.prepare(folder) if has_accounts else slurm_accounts.NONE
    conf.write_text(
        _CONF.format(
            accounts=accounts,
            host=host,
            port=ports[0],
            folder=folder,
            tracking=tracking,
            nodes="\n".join(nodes),
            task="cgroup" if has_limits and has_cgroup else "none",
            consumed="CR_CPU_Memory" if has_limits else "CR_CPU",
            more=_MORE.format(folder=folder) if has_limits else "",
            # Two Slurms on this machine need different ids of jobs, which name control groups.
            first_job=secrets.randbelow(10**7) + 1,
        )
    )
    # A device that is always there takes the place of a GPU.
    (folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
    answer = "yes" if has_limits else "no"
    (folder / "cgroup.conf").write_text(
        "CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\n"
        "ConstrainCores=no\nAllowedSwapSpace=0\n"
        + "".join(f"Constrain{what}={answer}\n" for what in ("RAMSpace", "SwapSpace"))
    )
    prolog = folder / "prolog"
    prolog.write_text(_PROLOG.format(folder=folder))
    prolog.chmod(0o755)
    key = folder / "munge" / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    for path in (key, folder / "munge", folder / "run"):
        shutil.chown(path, "munge", "munge")
    (folder / "munge").chmod(0o700)
    command = [sys.executable, "-m", "helpers.slurm_daemons", str(folder)]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "SLURM_CONF": str(conf)}
    with (folder / "daemons.log").open("ab") as log:
        process = subprocess.Popen(
            command, env=environ, stdout=log, stderr=log, start_new_session=True
        )
    sinfo = [need("sinfo"), "--noheader", "--partition=main", "--states=idle", "--format=%D"]
    deadline = time.monotonic() + 120
    while True:
        answer = subprocess.run(sinfo, env=environ, capture_output=True, text=True, check=False)
        if answer.stdout.strip() == str(len(NODES)):
            return str(conf), process
        if time.monotonic() > deadline or process.poll() is not None:
            process.terminate()  # it ends the daemons
            logs = "".join(
                path.read_text(errors="replace")[-2000:] for path in folder.glob("*.log")
            )
            raise RuntimeError(f"Slurm's daemons do not start: {answer.stderr} {logs}")
        time.sleep(0.2)


def commands(folder: Path) -> dict[str, list[str]]:
    """Return the command that starts each daemon, by its name."""
    munge = folder / "munge"
    munged = [
        "setpriv", "--reuid=munge", "--regid=munge", "--clear-groups", need("munged"), "-F",
        f"--key-file={munge}/munge.key", f"--socket={folder}/run/munge.socket", "--force",
        f"--pid-file={folder}/run/munged.pid", f"--log-file={munge}/munged.log",
        f"--seed-file={munge}/seed", "--num-threads=2",
    ]  # fmt: skip
    nodes = {name: [need("slurmd"), "-D", "-N", name] for name in NODES}
    accounts = slurm_accounts.commands(folder)
    return {"munged": munged, **accounts, "slurmctld": [need("slurmctld"), "-D"], **nodes}


def hold(folder: Path) -> None:
    """Run the daemons until this process is told to end, or one of them does not start."""

    def end(number: int, frame: object) -> None:
        raise SystemExit

    signal.signal(signal.SIGTERM, end)
    processes = []
    try:
        for name, command in commands(folder).items():
            clean = ["-c"] if name == "slurmctld" else []
            processes.append(subprocess.Popen([*command, *clean], stdin=subprocess.DEVNULL))
            if name == "munged":
                wait_for(folder / "run" / "munge.socket")
            slurm_accounts.wait_until_up(folder, name)
        for process in processes:
            process.wait()
    finally:
        for process in reversed(processes):
            process.terminate()
        end_steps(os.environ["SLURM_CONF"])


def end_steps(conf: str) -> None:
    """End what the last jobs of a Slurm have left: slurmstepd, which waits long for an answer.

    psutil sees no environment of it, since its title has overwritten the beginning.
    """
    ours = f"SLURM_CONF={conf}".encode()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.name() == "slurmstepd":
                environ = Path(f"/proc/{process.pid}/environ").read_bytes()
                if ours in environ.split(b"\0"):
                    process.kill()


def wait_for(path: Path) -> None:
    """Wait for a file. Ends this process if it does not appear within a minute."""
    deadline = time.monotonic() + 60
    while not path.exists():
        if time.monotonic() > deadline:
            raise SystemExit(f"{path} does not appear.")
        time.sleep(0.05)


if __name__ == "__main__":
    hold(Path(sys.argv[1]))
