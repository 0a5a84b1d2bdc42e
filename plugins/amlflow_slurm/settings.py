"""Checks the settings of a Slurm target, and turns them into options of sbatch."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from amlflow.exceptions import ComputeTargetException

from amlflow_slurm.outside import noting_pid

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,:/+=@*()\[\]&|-]*")
_MEMORY = re.compile(r"\d+[KMGT]?")
_TIME = re.compile(r"\d+|\d+:\d\d(:\d\d)?|\d+-\d+(:\d\d){0,2}")
_OPTION = re.compile(r"--[a-z][a-z-]*(=.+)?", re.DOTALL)
_SIGTERM = re.compile(r"--si(?:g|gn|gna|gnal)?=R?BR?:(?:(?:SIG)?TERM|15)(?:@\d+)?", re.IGNORECASE)
"""An option such as ``--signal=B:TERM@60``."""
PYXIS = "pyxis"
"""A plugin of Slurm that runs whole jobs in containers."""
CONTAINERS = ("apptainer", "singularity", PYXIS)
_OF_PYXIS = re.compile(r"--(no-)?container-")
"""The beginning of Pyxis's options."""
_MOUNTS = "--container-mounts="
"""The option of Pyxis that shows folders of the node in the container."""
_OWN_OPTIONS = frozenset(
    {"--array", "--export", "--export-file", "--job-name", "--no-requeue", "--parsable", "--wait"}
)
_FOREIGN_OPTIONS = frozenset(
    {"--clusters", "--gid", "--help", "--test-only", "--uid", "--usage", "--version", "--wrap"}
)
"""Options with which amlflow's job does not start, or not where amlflow looks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmSettings:
    """The settings of the kind ``slurm``. Slurm decides about a setting that is left out.

    * ``partition``, ``account``, ``qos``, ``constraint``: as for sbatch.
    * ``nodes``, ``cpus`` (of each process), ``gpus`` (of each node): whole numbers above 0;
      ``gpus`` can also be ``type:number``.
    * ``memory`` of each node, such as ``16G``.
    * ``time``: the longest time, in minutes or as ``days-hours:minutes:seconds``.
    * ``modules``: names for ``module load``.
    * ``mpi``: how srun starts programs that call MPI. The default, ``pmi2``, is for MPICH and Intel
      MPI; Open MPI needs ``pmix``. ``srun --mpi=list`` lists the possible values.
    * ``image``: the container image in which jobs run. It has a Python with amlflow.
    * ``containers``: what runs the image: ``apptainer`` (the default), ``singularity`` or
      ``pyxis``.
    * ``python``: the Python on the nodes that has amlflow. The default is the submitter's, and
      ``python3`` in an image.
    * ``output``: the file for the agent's own output, in sbatch's form. The default is none.
    * ``options``: further options of sbatch, such as ``--exclusive``.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    nodes: int | None = None
    cpus: int | None = None
    gpus: int | str | None = None
    memory: str | int | None = None
    time: str | int | None = None
    modules: tuple[str, ...] = ()
    mpi: str = "pmi2"
    image: str | None = None
    containers: str = "apptainer"
    python: str | None = None
    output: str | None = None
    options: tuple[str, ...] = ()

    def to_options(self, *, is_outside: bool = False) -> list[str]:
        """Return those options of sbatch that are the same for all jobs.

        With ``is_outside``, the job's script runs outside of the container.
        """
        values = {
            "--partition": self.partition,
            "--account": self.account,
            "--qos": self.qos,
            "--constraint": self.constraint,
            "--cpus-per-task": self.cpus,
            "--gres": None if self.gpus is None else f"gpu:{self.gpus}",
            "--mem": self.memory,
        }
        options = [f"{name}={value}" for name, value in values.items() if value is not None]
        if is_outside:
            return [*options, *(option for option in self.options if not _OF_PYXIS.match(option))]
        is_pyxis = self.image is not None and self.containers == PYXIS
        image = [f"--container-image={self.image}"] if is_pyxis else []
        return [*options, *image, *self.options]

    @property
    def asks_for_sigterm(self) -> bool:
        """Whether the job's command is to get SIGTERM some time before Slurm ends the job."""
        return any(_SIGTERM.fullmatch(option) for option in self.options)

    def step_options(self) -> list[str]:
        """Return the options with which srun starts processes in the image, if Pyxis runs it."""
        if self.image is None or self.containers != PYXIS:
            return []
        own = [option for option in self.options if _OF_PYXIS.match(option)]
        return [f"--container-image={self.image}", *own]

    def into_image(self) -> list[str]:
        """Return the words before a command that runs in the image. Pyxis needs none."""
        if self.image is None or self.containers == PYXIS:
            return []
        gpus = [] if self.gpus is None else ["--nv"]
        return [self.containers, "exec", *gpus, self.image]

    def agent_outside(self, arguments: Sequence[str]) -> str:
        """Return the shell's command that starts the agent in the image from a script outside."""
        command = [self.python or "python3", *arguments]
        if self.containers != PYXIS:
            *before, image = self.into_image()
            return f'{shlex.join(before)} --bind "$_folder" {shlex.join([image, *command])}'
        step = ["srun", "--overlap", "--nodes=1", "--ntasks=1", "--mpi=none", *self.step_options()]
        # Slurm gives Pyxis only the last of several such options.
        own = [option for option in self.options if option.startswith(_MOUNTS)]
        mounts = f"{shlex.quote(own[-1])}," if own else _MOUNTS
        place = f'--nodelist="$SLURMD_NODENAME" {mounts}"$_folder:$_folder"'
        return f"{shlex.join(step)} {place} {shlex.join(noting_pid(command))}"

    def agent_command(self, python: str, arguments: Sequence[str]) -> list[str]:
        """Return the command that runs the agent. ``python`` is the submitter's Python."""
        if self.image is None:
            return [self.python or python, *arguments]
        # With Pyxis, sbatch has put the whole script into the container.
        return [*self.into_image(), self.python or "python3", *arguments]


def read_settings(settings: Mapping[str, Any]) -> SlurmSettings:
    """Read the settings of a declaration.

    Raises :class:`ComputeTargetException` for a setting that is unknown or wrong.
    """
    names = [field.name for field in fields(SlurmSettings)]
    for name in settings:
        if name not in names:
            raise ComputeTargetException(
                f"A compute target of the kind 'slurm' has no setting {name!r}; it has "
                f"{', '.join(map(repr, names))}."
            )
    known = {name: value for name, value in settings.items() if value is not None}
    read = SlurmSettings(**{name: _CHECKS[name](name, value) for name, value in known.items()})
    if read.image is not None and read.asks_for_sigterm:
        raise ComputeTargetException(
            "The compute target's 'options' ask for SIGTERM before the time is over. In an image "
            "amlflow cannot ask Slurm whether a SIGTERM is that one or ends the job. Ask for "
            "another signal, such as '--signal=B:USR1@120'."
        )
    return read


def _to_word(name: str, value: Any) -> str:
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    raise _wrong(name, value, "a word as sbatch takes it, such as 'gpu'")


def _to_count(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise _wrong(name, value, "a whole number above 0")


def _to_gpus(name: str, value: Any) -> int | str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_.-]+:[1-9]\d*", value):
        return value
    try:
        return _to_count(name, value)
    except ComputeTargetException:
        raise _wrong(name, value, "a whole number above 0, or a type with one: 'a100:2'") from None


def _to_memory(name: str, value: Any) -> str:
    if _is_text_or_number(value) and _MEMORY.fullmatch(str(value)):
        return str(value)
    raise _wrong(name, value, "a number of megabytes, or one with a unit, such as '16G'")


def _to_time(name: str, value: Any) -> str:
    if _is_text_or_number(value) and _TIME.fullmatch(str(value)):
        return str(value)
    raise _wrong(name, value, "minutes, or days-hours:minutes:seconds in quotes, such as '1-12:00'")


def _is_text_or_number(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _to_text(name: str, value: Any) -> str:
    if isinstance(value, str) and value.strip() and "\0" not in value and "\n" not in value:
        return value
    raise _wrong(name, value, "a path")


def _to_containers(name: str, value: Any) -> str:
    if isinstance(value, str) and value in CONTAINERS:
        return value
    raise _wrong(name, value, "'apptainer', 'singularity' or 'pyxis'")


def _to_image(name: str, value: Any) -> str:
    if isinstance(value, str) and value.isprintable() and value.strip() and value[0] != "-":
        return value
    raise _wrong(name, value, "the path or the name of a container image")


def _to_modules(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_to_word(name, item) for item in value)
    raise _wrong(name, value, "a list of the names of modules, such as ['cuda/12']")


def _to_options(name: str, value: Any) -> tuple[str, ...]:
    is_list = isinstance(value, list)
    if not is_list or not all(isinstance(item, str) and _OPTION.fullmatch(item) for item in value):
        raise _wrong(name, value, "a list of sbatch's long options, such as ['--exclusive']")
    for item in value:
        option = item.partition("=")[0]
        if _is_short_for_one(option, _OWN_OPTIONS):
            raise ComputeTargetException(
                f"The compute target's 'options' have {option!r}, which amlflow sets itself; leave "
                "it out."
            )
        if _is_short_for_one(option, _FOREIGN_OPTIONS):
            raise ComputeTargetException(
                f"The compute target's 'options' have {option!r}, with which Slurm would not run "
                "amlflow's job, or not as your job on this cluster; leave it out."
            )
    return tuple(value)


def _is_short_for_one(option: str, names: frozenset[str]) -> bool:
    """Whether an option is one of these names. sbatch takes the beginning of a name, too."""
    return any(name.startswith(option) for name in names)


def _wrong(name: str, value: Any, right: str) -> ComputeTargetException:
    return ComputeTargetException(
        f"The compute target of the kind 'slurm' has {name}: {value!r}; it is {right}."
    )


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "partition": _to_word,
    "account": _to_word,
    "qos": _to_word,
    "constraint": _to_word,
    "nodes": _to_count,
    "cpus": _to_count,
    "gpus": _to_gpus,
    "memory": _to_memory,
    "time": _to_time,
    "modules": _to_modules,
    "mpi": _to_word,
    "image": _to_image,
    "containers": _to_containers,
    "python": _to_text,
    "output": _to_text,
    "options": _to_options,
}
