"""A compute target: it runs scripts somewhere."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

JOB = "AMLFLOW_JOB"
"""The name of the environment variable that holds :attr:`Work.name`.

The agent and all processes of a script have it, also those in another session or process group; a
script that is submitted from a submitted script has its own value.
"""


CONTAINER = "container"
"""The kind of target that amlflow asks for if a script is to run in a container on this machine.

v1's code says ``use_docker=True`` for that. A plugin that runs containers takes this kind as well
as its own. Its settings are ``arguments``, a list of texts for the container engine, and
``shm_size``, a text such as ``2g``; each may be left out.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A script or a program that a compute target runs.

    ``name`` is unique and consists of letters and digits. ``command`` is a program and its
    arguments; with ``is_script`` it is a Python script and its arguments, which the target runs
    with ``python``, or with its own Python if that is None. The script's path is one in ``folder``,
    or an absolute one in a folder of ``needs``. ``folder`` is the working
    folder; files that the script leaves there must be there after it has ended. ``environment`` is
    added to the target's own environment variables and takes precedence. What the work writes to
    standard output and standard error is appended to ``output`` as it is written. Its standard
    input is empty. ``image`` is the container image that was requested. ``needs`` lists further
    folders of this machine that the script uses by their own paths. ``read_only`` names those of
    them that other scripts use too; a target that can do so keeps the script from writing there.
    """

    name: str
    command: Sequence[str]
    is_script: bool
    folder: Path
    output: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str | None = None
    image: str | None = None
    needs: Sequence[Path] = ()
    read_only: Sequence[Path] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a work ended: its exit code, and the reason in one sentence if the code does not tell.

    ``errors_end`` is the byte offset in :attr:`Work.output` just after the last output to standard
    error; None if there was none, or if the target cannot tell. ``is_out_of_memory`` says that a
    process of the work was killed for lack of memory; the reason then says so, too.
    """

    code: int
    reason: str | None = None
    errors_end: int | None = None
    is_out_of_memory: bool = False


class Started(Protocol):
    """A work that this process has started."""

    @abstractmethod
    def ending(self) -> Ending | None:
        """How the work ended, or None while it runs.

        Does not block; it is called several times a second.
        """

    @abstractmethod
    def end(self, grace: float) -> None:
        """End all processes of the work: ask them to end, and kill them after ``grace`` seconds.

        This includes processes that ignore the request or have left their session. Returns when no
        process is left.
        """


class Compute(Protocol):
    """A place where scripts run. The agent that uses it runs on the submitter's machine."""

    @property
    @abstractmethod
    def max_runs(self) -> int | None:
        """How many works may run at once if the target's settings do not say; None: no limit."""

    @abstractmethod
    def check(self, work: Work) -> None:
        """Raise :class:`ComputeTargetException` with what to do if the work cannot run now.

        Called before a run is created, when ``folder`` and ``environment`` do not exist yet.
        """

    @abstractmethod
    def start(self, work: Work) -> Started:
        """Start a work. Raises :class:`ComputeTargetException`."""

    @abstractmethod
    def clean(self, name: str) -> None:
        """End what still runs of a work whose agent is gone; it is not an error if nothing runs."""
