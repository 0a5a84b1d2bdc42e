"""Runs works on Slurm with sbatch, squeue and scancel, as :class:`amlflow.spec.Cluster` says."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

from amlflow.exceptions import ComputeTargetException
from amlflow.spec import (
    ATTEMPT,
    JOB_IMAGE,
    NUDGE,
    PROCESS,
    SIGTERM_FOR_SCRIPT,
    START_FAILURE,
    ClusterBase,
    ClusterJob,
    ClusterStatus,
    ClusterWork,
    JobState,
    Unavailable,
)
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from amlflow_slurm import outside
from amlflow_slurm.arrays import (
    ELEMENT,
    NAME,
    common_variables,
    keep_names,
    name_of,
    names_line,
    own_lines,
    split,
)
from amlflow_slurm.commands import run_command
from amlflow_slurm.nodes import addresses_of, describe, has_nodes_away
from amlflow_slurm.outside import NO_SIGNALS
from amlflow_slurm.settings import PYXIS, SlurmSettings
from amlflow_slurm.site import cluster_name, user_name
from amlflow_slurm.squeue import ask, known_jobs

_NO_NODES = "Requested node configuration is not available"
"""Slurm's message if no node has what a job asks for, or if those that have it are away."""
MPI = "mpi"
"""A work's ``distribution`` if its processes call MPI."""
_CHECK = "amlflow-check-"
"""The beginning of the name of a job that only checks. Names of runs' jobs have no hyphen."""
_NO_TASKS = "unset SLURM_NTASKS"
"""Leaves out the number of Slurm's tasks where it is not the number of the script's processes.

PyTorch Lightning takes each process for one of these tasks if the variable is set.
"""
_ONLY_OF_IMAGE = (
    "unset PYTHONPATH PYTHONHOME APPTAINER_CLEANENV SINGULARITY_CLEANENV; export PYTHONNOUSERSITE=1"
)
"""Makes the Python of an image load its own packages only, and gives it the job's variables.

The submitter's packages are for another Python, also those of ``pip install --user``: Apptainer
shows the home folder in the container.
"""
MAX_VARIABLE = 128 << 10
"""How many bytes an environment variable may have with its name: the Linux kernel's limit."""
MAX_IDS = 500
"""How many ids one call of scancel gets at most."""
NUDGE_S = 3.0
"""How long a nudge may take. It is not needed: the agent also asks the tracker once a second."""
RETRY_S = 60.0
"""How long to wait at submit for a controller that does not answer."""
RESERVE_S = 600.0
"""How much longer a job may take than its script. The agent ends a script whose time is over."""
LONG_S = 30 * 24 * 60 * 60.0
"""v1's default for the longest time of a script. Slurm is not asked for that long a time."""


class SlurmCluster(ClusterBase):
    """The Slurm cluster that this machine's Slurm commands reach."""

    def __init__(self, settings: SlurmSettings) -> None:
        self._settings = settings

    def check(self, work: ClusterWork, tracking_uri: str) -> None:
        """Ask Slurm whether it would accept the job. Raises an error if not."""
        if work.image is not None:
            raise ComputeTargetException(
                f"The image {work.image!r} is not used on a target of the kind 'slurm'. If the "
                "cluster runs containers, name an image that has amlflow in the target's setting "
                "'image', and leave it out of the environment."
            )
        for name, value in work.environment.items():
            if len(name.encode()) + len(value.encode()) + 2 > MAX_VARIABLE:
                raise ComputeTargetException(
                    f"The environment variable {name!r} has {len(value.encode())} bytes; a Slurm "
                    f"job takes at most {MAX_VARIABLE} for each. Put long values into a file of "
                    "the source folder."
                )
        try:
            run_command(
                ["sbatch", "--test-only", *self._options(work)], _script(self._settings, [work])
            )
        except ComputeTargetException as refusal:
            if _NO_NODES not in refusal.message or not has_nodes_away(self._settings.partition):
                raise
            self._check_by_submitting(work)

    def _check_by_submitting(self, work: ClusterWork) -> None:
        """Submit a job that is held, and cancel it. Raises an error if Slurm refuses it.

        With ``--test-only``, Slurm also refuses a job that would have to wait for nodes that are
        down or drained. It takes such a job without that option.
        """
        name = f"{_CHECK}{secrets.token_hex(8)}"
        own = [f"--job-name={name}", "--hold", "--output=/dev/null"]
        try:
            run_command(["sbatch", *self._options(work), *own], "#!/bin/sh\n")
        finally:  # Slurm may have the job although its answer is lost
            run_command(["scancel", f"--name={name}", f"--user={user_name()}"])

    def submit(self, works: Sequence[ClusterWork]) -> None:
        """Submit works. Similar works become an array, which needs only one call of sbatch."""
        for group in split(works):
            self._submit(group)

    def _submit(self, works: Sequence[ClusterWork]) -> None:
        is_first = True
        for attempt in Retrying(
            retry=retry_if_exception_type(Unavailable),
            stop=stop_after_delay(RETRY_S),
            wait=wait_exponential(0.5, max=5),
            reraise=True,
        ):
            with attempt:
                # Slurm may have been away when it was asked whether only its answer was lost.
                if not is_first and self._has(works):
                    return
                is_first = False
                self._sbatch_or_ask(works)

    def _sbatch_or_ask(self, works: Sequence[ClusterWork]) -> None:
        try:
            self._sbatch(works)
        except Unavailable:
            if not self._has(works):  # otherwise only the answer was lost
                raise

    def _has(self, works: Sequence[ClusterWork]) -> bool:
        """Whether works are in the queue. If Slurm has the first work of an array, it has all."""
        name = works[0].name
        return self.look([name], now=True)[name].state is not JobState.UNKNOWN

    def _sbatch(self, works: Sequence[ClusterWork]) -> None:
        first, name = works[0], works[0].name
        options = ["--parsable", *self._options(first)]
        if len(works) > 1:
            name = name_of(works)
            options.append(f"--array=0-{len(works) - 1}")
            keep_names(works)
        script = _script(self._settings, works)
        environment = common_variables(works)
        run_command(["sbatch", f"--job-name={name}", *options], script, environment=environment)

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
        return [*options, *settings.to_options(is_outside=_is_outside(settings, work))]

    def identify(self) -> str:
        """Return the cluster's name and the user's number, as squeue lists this user's jobs."""
        return f"{cluster_name()} {os.getuid()}"

    @property
    def is_distributed(self) -> bool:
        """True: srun starts processes on the nodes of a job."""
        return True

    def addresses(self) -> Sequence[str]:
        """Return the addresses that Slurm itself uses for the job's nodes."""
        if outside.is_outside():
            return outside.addresses()
        return addresses_of(os.environ.get("SLURM_JOB_NODELIST", ""))

    def spread(self, nodes: int, processes: int, *, is_mpi: bool = False) -> Sequence[str]:
        """Return the beginning of a command: an srun that starts processes within this job."""
        settings = self._settings
        cpus = os.environ.get("SLURM_CPUS_PER_TASK")
        # The only process of a node may start the others there, as torchrun does.
        begin = NO_SIGNALS if processes > nodes else f"{NO_SIGNALS}; {_NO_TASKS}"
        command = [
            "srun",
            f"--nodes={nodes}",
            f"--ntasks={processes}",
            f"--ntasks-per-node={math.ceil(processes / nodes)}",
            "--distribution=block",
            f"--mpi={settings.mpi if is_mpi else 'none'}",
            "--kill-on-bad-exit=1",
            "--wait=0",
            "--export=ALL",
            # Since 22.05, srun does not use the value of sbatch.
            *([] if cpus is None else [f"--cpus-per-task={cpus}"]),
            *settings.step_options(),
            "sh",
            "-c",
            f'{begin}; export {PROCESS}=$SLURM_PROCID; exec "$@"',
            "sh",
            *settings.into_image(),
        ]
        return command if settings.image is None else outside.words_for_srun(command)

    def describe(self) -> ClusterStatus:
        """Return the status that sinfo, and squeue for all users, print."""
        return describe(self._settings.partition)

    def look(self, names: Sequence[str], *, now: bool = False) -> Mapping[str, ClusterJob]:
        """Return the jobs with these names. A job that a fresh answer lacks is UNKNOWN."""
        jobs, is_fresh = ask(now=now)
        known = {name: jobs[name] for name in names if name in jobs}
        if is_fresh:
            gone = ClusterJob(state=JobState.UNKNOWN)
            return {name: known.get(name, gone) for name in names}
        return known

    def cancel(self, names: Sequence[str]) -> None:
        """Cancel jobs: an element of an array by its id, every other job by its name.

        scancel is not called for jobs that a fresh answer lacks, since there may be hundreds.
        """
        jobs, is_fresh = ask(now=False)
        if not is_fresh and any(name not in jobs for name in names):
            jobs, _ = ask(now=True)
        ids = {name: jobs[name].id or "" for name in names if name in jobs}
        elements = {name: job_id for name, job_id in ids.items() if ELEMENT.fullmatch(job_id)}
        for ids_to_end in _in_parts(list(elements.values())):
            # scancel does not fail for jobs that have just ended.
            run_command(["scancel", "--quiet", *ids_to_end])
        for name in (name for name in ids if name not in elements):
            run_command(["scancel", f"--name={name}", f"--user={user_name()}"])

    def nudge(self, names: Sequence[str]) -> None:
        """Send a signal with scancel. It reaches the agent, but not what srun has started."""
        send = ["scancel", "--quiet", "--batch", f"--signal={NUDGE.removeprefix('SIG')}"]
        # For a waiting job, scancel would try again for a minute. With Slurm 22.05 it also does so
        # for a running element while other elements of its array wait. So scancel asks Slurm for
        # the states first, which takes as long again, except for a job that was just seen running.
        if_running = [*send, "--state=RUNNING"]
        jobs = known_jobs()
        running, elements = _ids_to_nudge(names, jobs)
        commands = [[*send, *part] for part in _in_parts(running)]
        commands += [[*if_running, *part] for part in _in_parts(elements)]
        # A job that was last seen waiting has an agent now, or its agent is not told.
        others = [name for name in names if NAME.fullmatch(name) and _is_nudged_by_name(name, jobs)]
        user = f"--user={user_name()}"
        commands.extend([*if_running, f"--name={name}", user] for name in others)
        _run_all(commands)
        # An element has its array's name in Slurm. The question comes last, since it takes longer.
        unknown = [name for name in others if name not in jobs]
        jobs, _ = ask(now=False) if unknown else ({}, False)
        _, elements = _ids_to_nudge(unknown, jobs)
        _run_all([*if_running, *part] for part in _in_parts(elements))


def _ids_to_nudge(
    names: Sequence[str], jobs: Mapping[str, ClusterJob]
) -> tuple[list[str], list[str]]:
    """Return the ids of jobs that run, and of elements of arrays no element of which waits."""
    waiting = {_array_of(job.id) for job in jobs.values() if job.state is JobState.QUEUED}
    known = [jobs[name] for name in names if name in jobs]
    ids = [job.id for job in known if job.id and _array_of(job.id) not in waiting]
    elements = [job_id for job_id in ids if ELEMENT.fullmatch(job_id)]
    running = {job.id for job in known if job.state is JobState.RUNNING}
    return [job_id for job_id in ids if job_id in running and job_id not in elements], elements


def _is_nudged_by_name(name: str, jobs: Mapping[str, ClusterJob]) -> bool:
    """Whether a job is nudged by its name: it is not known to run, or to be an element."""
    job = jobs.get(name)
    return job is None or not (job.state is JobState.RUNNING or ELEMENT.fullmatch(job.id or ""))


def _run_all(commands: Iterable[Sequence[str]]) -> None:
    for command in commands:
        with contextlib.suppress(ComputeTargetException):  # some jobs have just ended
            run_command(command, limit_s=NUDGE_S)


def _array_of(job_id: str | None) -> str:
    return (job_id or "").partition("_")[0]


def _in_parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Divide ids into parts. Each part is as long as one command may get."""
    for begin in range(0, len(ids), MAX_IDS):
        yield ids[begin : begin + MAX_IDS]


def _load(modules: Sequence[str]) -> Iterator[str]:
    """Write the lines of a job's script that load modules.

    A job's shell does not read the files of a login shell. So it has the function ``module`` only
    from the submitter, whose shell may be another one, such as fish.
    """
    if modules:
        yield "type module > /dev/null 2>&1 || . /etc/profile"
    for module in modules:
        failure = f"`module load {module}` failed. Correct the target's setting 'modules'."
        yield f"module load {shlex.quote(module)} || export {START_FAILURE}={shlex.quote(failure)}"


def _of_image(image: str) -> list[str]:
    """Return the lines of a script with the variables of a job in an image."""
    return [f"export {JOB_IMAGE}={shlex.quote(image)}", _ONLY_OF_IMAGE]


def _is_outside(settings: SlurmSettings, work: ClusterWork) -> bool:
    """Whether a job's script stays outside of the container, to run srun for the agent in it."""
    return settings.image is not None and (work.nodes > 1 or work.distribution == MPI)


def _script(settings: SlurmSettings, works: Sequence[ClusterWork]) -> str:
    is_array = len(works) > 1
    is_one_process = works[0].nodes == works[0].processes_per_node == 1
    lines = [
        "#!/bin/bash",
        *([names_line(works)] if is_array else []),
        NO_SIGNALS,
        *([] if is_one_process else [_NO_TASKS]),  # srun sets it again for its tasks
        *_load(settings.modules),
        *([f"export {SIGTERM_FOR_SCRIPT}=1"] if settings.asks_for_sigterm else []),
        f"export {ATTEMPT}=$(( ${{SLURM_RESTART_COUNT:-0}} + 1 ))",
        *(own_lines(works) if is_array else []),
        *([] if settings.image is None else _of_image(settings.image)),
    ]
    if _is_outside(settings, works[0]):
        start = settings.agent_outside(works[0].arguments)
        lines.append(outside.script_around(start, is_step=settings.containers == PYXIS))
    else:  # exec replaces the shell, so that signals reach the agent
        command = settings.agent_command(works[0].python, works[0].arguments)
        lines.append(f"exec {shlex.join(command)}")
    return "\n".join(lines) + "\n"
