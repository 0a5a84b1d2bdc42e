"""Drives Slurm by sbatch, squeue and scancel. See :class:`amlflow.spec.Cluster`."""

from __future__ import annotations

import getpass
import math
import os
import shlex
from collections.abc import Mapping, Sequence

from amlflow.exceptions import ComputeTargetException
from amlflow.spec import (
    ATTEMPT,
    PROCESS,
    ClusterBase,
    ClusterJob,
    ClusterStatus,
    ClusterWork,
    JobState,
    Unavailable,
)
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from amlflow_slurm.commands import run_command
from amlflow_slurm.nodes import addresses_of, describe
from amlflow_slurm.settings import SlurmSettings
from amlflow_slurm.squeue import NAME, ask

MAX_VARIABLE = 128 << 10
"""Bytes of an environment variable, with its name: the Linux kernel's limit."""
RETRY_S = 60.0
"""How long a controller that is away is waited for at submit."""
RESERVE_S = 600.0
"""What a job gets beyond its script's time: the agent itself ends a script whose time is over."""
LONG_S = 30 * 24 * 60 * 60.0
"""v1's default for the longest time of a script, which no partition has to allow."""


class SlurmCluster(ClusterBase):
    """A cluster that Slurm runs, as this machine's Slurm commands reach it."""

    def __init__(self, settings: SlurmSettings) -> None:
        self._settings = settings

    def check(self, work: ClusterWork, tracking_uri: str) -> None:
        """Have Slurm say whether it would take the job."""
        if work.image is not None:
            raise ComputeTargetException(
                f"The image {work.image!r} is not used on a target of the kind 'slurm'. If the "
                "cluster runs containers, name the image in the target's options, such as "
                "options: ['--container-image=…'] for Pyxis, and leave it out of the environment."
            )
        for name, value in work.environment.items():
            if len(name.encode()) + len(value.encode()) + 2 > MAX_VARIABLE:
                raise ComputeTargetException(
                    f"The environment variable {name!r} has {len(value.encode())} bytes; a Slurm "
                    f"job takes at most {MAX_VARIABLE} for each. Put long values into a file of "
                    "the source folder."
                )
        run_command(["sbatch", "--test-only", *self._options(work)], _script(self._settings, work))

    def submit(self, works: Sequence[ClusterWork]) -> None:
        """One sbatch for each work; its settings travel in its environment, as Slurm passes it."""
        for work in works:
            self._submit(work)

    @retry(
        retry=retry_if_exception_type(Unavailable),
        stop=stop_after_delay(RETRY_S),
        wait=wait_exponential(0.5, max=5),
        reraise=True,
    )
    def _submit(self, work: ClusterWork) -> None:
        try:
            self._sbatch(work)
        except Unavailable:
            # It may have been accepted, and only the answer was lost.
            if self.look([work.name], now=True)[work.name].state is JobState.UNKNOWN:
                raise

    def _sbatch(self, work: ClusterWork) -> None:
        options = ["--parsable", f"--job-name={work.name}", *self._options(work)]
        script = _script(self._settings, work)
        run_command(["sbatch", *options], script, environment=work.environment)

    def _options(self, work: ClusterWork) -> list[str]:
        settings = self._settings
        options = [
            "--export=ALL",
            "--requeue",
            f"--nodes={max(work.nodes, settings.nodes or 1)}",
            f"--output={settings.output or '/dev/null'}",
        ]
        if work.nodes > 1 or work.processes_per_node > 1:
            options.append(f"--ntasks-per-node={work.processes_per_node}")
        if settings.time is not None:
            options.append(f"--time={settings.time}")
        elif work.max_seconds is not None and work.max_seconds < LONG_S:
            options.append(f"--time={math.ceil((work.max_seconds + RESERVE_S) / 60)}")
        return [*options, *settings.to_options()]

    @property
    def is_distributed(self) -> bool:
        """By srun."""
        return True

    def addresses(self) -> Sequence[str]:
        """The addresses by which Slurm itself reaches the nodes."""
        return addresses_of(os.environ.get("SLURM_JOB_NODELIST", ""))

    def spread(self, nodes: int, processes: int, *, is_mpi: bool = False) -> Sequence[str]:
        """An srun of the job's own."""
        cpus = os.environ.get("SLURM_CPUS_PER_TASK")
        return [
            "srun",
            f"--nodes={nodes}",
            f"--ntasks={processes}",
            f"--ntasks-per-node={math.ceil(processes / nodes)}",
            "--distribution=block",
            f"--mpi={self._settings.mpi if is_mpi else 'none'}",
            "--kill-on-bad-exit=1",
            "--wait=0",
            "--export=ALL",
            # Since 22.05, srun does not take that of sbatch.
            *([] if cpus is None else [f"--cpus-per-task={cpus}"]),
            "sh",
            "-c",
            f'export {PROCESS}=$SLURM_PROCID; exec "$@"',
            "sh",
        ]

    def describe(self) -> ClusterStatus:
        """By sinfo, and squeue for all users."""
        return describe(self._settings.partition)

    def look(self, names: Sequence[str], *, now: bool = False) -> Mapping[str, ClusterJob]:
        """See :func:`ask`."""
        jobs, is_fresh = ask(now=now)
        known = {name: jobs[name] for name in names if name in jobs}
        if is_fresh:
            gone = ClusterJob(state=JobState.UNKNOWN)
            return {name: known.get(name, gone) for name in names}
        return known

    def cancel(self, names: Sequence[str]) -> None:
        """By their names and this user, whatever ids they have."""
        for name in names:
            if NAME.fullmatch(name):
                run_command(["scancel", f"--name={name}", f"--user={getpass.getuser()}"])


def _script(settings: SlurmSettings, work: ClusterWork) -> str:
    python = settings.python or work.python
    lines = [
        "#!/bin/bash",
        *(f"module load {shlex.quote(module)}" for module in settings.modules),
        f"export {ATTEMPT}=$(( ${{SLURM_RESTART_COUNT:-0}} + 1 ))",
        # In the place of the shell, so that signals reach it.
        f"exec {shlex.join([python, *work.arguments])}",
    ]
    return "\n".join(lines) + "\n"
