"""A compute target: it runs scripts somewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

JOB = "AMLFLOW_JOB"
"""The environment variable that holds :attr:`Work.name`. The agent and all processes of a script
have it, whatever they do to their session or group; a script that is submitted from within another
has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a compute target is to run.

    ``name`` is unique, of letters and digits. ``command`` is a program and its arguments, or, with
    ``is_script``, a Python script in ``folder`` and its arguments: the target puts its Python
    before it, or ``python`` where that is not None. ``folder`` is the working folder; what the
    script leaves there must be there when it has ended. ``environment`` comes on top of the
    target's own. What the work writes to its standard output and error is appended to ``output``
    as it comes. Its standard input is empty. ``image`` is the container image that is asked for.
    ``needs`` are further folders of this machine that the script uses by their own paths.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a work ended: its exit code, and in one sentence why, where the code does not say.

    ``errors_end`` is where in :attr:`Work.output` the last of what the work wrote to its standard
    error ends, in bytes; None where it wrote nothing there, or the target cannot tell.
    """

    code: int
    reason: str | None = None
    errors_end: int | None = None


class Started(Protocol):
    """A work that has been started by this process."""

    def ending(self) -> Ending | None:
        """How it ended, or None while it runs. Does not block; is asked several times a second."""

    def end(self, grace: float) -> None:
        """End all of its processes: ask them to, and after ``grace`` seconds by force.

        Also those that ignore the request or have left their session. Returns when none is left.
        """


class Compute(Protocol):
    """A place where scripts run. The agent that calls it lives on the submitter's machine."""

    @property
    def max_runs(self) -> int | None:
        """How many works may run at once where the target's settings do not say; None: any."""

    def check(self, work: Work) -> None:
        """Raise :class:`ComputeTargetException` if the work cannot run here now, and what to do.

        Called before a run is made; ``folder`` and ``environment`` are not there yet.
        """

    def start(self, work: Work) -> Started:
        """Start a work. Raises :class:`ComputeTargetException`."""

    def clean(self, name: str) -> None:
        """End what still runs of a work whose agent has died; nothing left is not an error."""
