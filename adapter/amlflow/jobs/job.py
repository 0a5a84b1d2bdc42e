"""A job: what the submitter hands to the agent, in a folder that only the user may read.

    <jobs>/<job>/job.json      what to run, where, for which run; mode 0600
                 snapshot.zip  the source folder
                 work/         the snapshot unpacked: the script's working folder
                 std_log.txt   what the script writes
                 image_build_log.txt   what was done to make the script's environment
                 environment.json  the definition of that environment, without secrets
                 packages.txt  the packages that are in it
                 data/         the data sets that the script gets, and what it writes
                 processes/    the launcher of a distributed script, its plan, the processes' logs
                 journal/      what the script logs, until it is in the tracker
                 sending/      files that are being sent, under names that the script cannot change
                 relay/        the socket for a script without the tracker's client
                 agent.log     what goes wrong in the agent itself
                 alive         locked while the submitter writes the folder, or the agent lives
                 secret        proves that the run's note is about this folder; mode 0600
                 end           exists if the agent must look for a request to end in the tracker
                 outcome.json  how the script ended, until the tracker knows it
                 unsent.json   what could not be sent, if the tracker knows how the script ended

When everything has been sent to the tracker, the folder is removed. Only files that the tracker
itself keeps there stay (tracker_files.py).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import platform
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amlflow import file_lock, whole_files
from amlflow.jobs.distribution import Distribution
from amlflow.spec import Work

FOLDER_SETTING = "AMLFLOW_JOBS"
NODE_PREFIX = "amlflow-"
"""The beginning of the names of folders on a cluster's nodes, which contain job folders."""
AGENT_PYTHON = "AMLFLOW_AGENT_PYTHON"
"""The variable with the Python for agents, if the script's own Python cannot run an agent."""
SCRIPT_PYTHON = "AMLFLOW_SCRIPT_PYTHON"
"""The variable with the script's Python, if another Python makes its calls (old_pythons)."""
LOG = "user_logs/std_log.txt"
"""The name of the log in the run, as in v1 since 2021."""
PROCESS_LOG = "user_logs/std_log_process_{number}.txt"
"""The names of the logs of a distributed run's processes, as in v1. The first process's log is also
stored as :data:`LOG`."""
BUILD_LOG = "azureml-logs/20_image_build_log.txt"
"""The name of the log of making the script's environment, as in v1."""
NODE_BUILD_LOG = "azureml-logs/20_image_build_log_node_{node}.txt"
"""The name of the same log of another node than the first of a distributed job."""
DEFINITION_FILE = "amlflow/environment/definition.json"
"""The name of the definition of the script's environment, without secrets."""
PACKAGES_FILE = "azureml-logs/30_environment_packages.txt"
"""The name of the list of packages in the environment that was made, as ``pip freeze`` has it."""
LOG_PART = "amlflow/log/{number}"
"""The names of parts of a log. A log that is too long to be stored whole every second has them.

A part has the offset in the log where it begins, a line feed, and bytes of the log. Parts may
overlap."""


def jobs_folder() -> Path:
    """The folder of all jobs: ``AMLFLOW_JOBS``, or one in the user's folder for program state."""
    setting = os.environ.get(FOLDER_SETTING)
    if setting:
        return Path(setting).absolute()
    import platformdirs  # only needed without AMLFLOW_JOBS

    return platformdirs.user_state_path("amlflow") / "jobs"


def new_name() -> str:
    """Make a name for a job that no other job has."""
    return uuid.uuid4().hex


def this_host() -> str:
    """The name of this machine. A run's note has the name of the machine with its job."""
    return platform.node()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A compute target: its name, its kind, and the settings for its plugin."""

    name: str
    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    max_runs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One submitted run, with the submitter's surroundings, in which it runs.

    ``environ`` has all environment variables of the submitter, ``agent_python`` is its interpreter,
    and ``submitted_from`` its working folder. ``import_path`` is the folder from which it imports
    amlflow, if amlflow is not installed. ``room`` is the room of the environment in which the
    submitter itself runs.

    ``specification`` names the packages of the script's environment, if one must be made.
    ``environment_note`` names the environment in the run. ``dockerfile`` is the source of the image
    (:class:`amlflow.environments.dockerfile.Dockerfile`). ``data`` has the script's inputs and
    outputs (:class:`amlflow.data.script_data.ScriptData`). ``snapshot`` is the digest of the stored
    snapshot, which a cluster's node takes from the tracker. ``distribution`` describes the
    processes, if the script has several. ``others`` are the ids of runs that were submitted to a
    cluster together with this one: their jobs share the folder.
    """

    name: str
    run_id: str
    tracking_uri: str
    target: Target
    command: Sequence[str]
    is_script: bool
    environ: Mapping[str, str]
    environment: Mapping[str, str]
    agent_python: str
    import_path: str | None = None
    submitted_from: str | None = None
    python: str | None = None
    image: str | None = None
    dockerfile: Mapping[str, Any] | None = None
    specification: Mapping[str, Any] | None = None
    environment_note: Mapping[str, Any] | None = None
    room: str | None = None
    data: Mapping[str, Any] | None = None
    max_seconds: float | None = None
    needs: Sequence[str] = ()
    snapshot: str | None = None
    distribution: Distribution | None = None
    others: Sequence[str] = field(default_factory=list)

    @property
    def run_ids(self) -> list[str]:
        """The ids of the runs that share this job's folder."""
        return [self.run_id, *self.others]

    def to_content(self) -> dict[str, Any]:
        """Return what :meth:`from_content` takes. Its values are the job's own, and no copies."""
        content = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        for key in ("target", "distribution"):
            if content[key] is not None:
                content[key] = dataclasses.asdict(content[key])
        return content

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Job:
        """Make a job from the result of :meth:`to_content`.

        Raises:
            KeyError: the target is missing.
            TypeError: it is not a job of this release.
        """
        target, stated = Target(**content["target"]), content.get("distribution")
        distribution = None if stated is None else Distribution(**stated)
        return cls(**{**content, "target": target, "distribution": distribution})

    def work(self, folder: JobFolder) -> Work:
        """Return the work for the compute target."""
        return Work(
            name=self.name,
            command=self.command,
            is_script=self.is_script,
            folder=folder.work,
            output=folder.log,
            environment=self.environment,
            python=self.python,
            image=self.image,
            needs=[Path(path) for path in self.needs],
        )


class _Inside:
    """A path in a job's folder, by its name there."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, folder: JobFolder, kind: type[JobFolder]) -> Path:
        return folder.path / self._name


class JobFolder:
    """The folder of a job and the paths in it."""

    job = _Inside("job.json")
    snapshot = _Inside("snapshot.zip")
    work = _Inside("work")
    log = _Inside("std_log.txt")
    build_log = _Inside("image_build_log.txt")
    definition = _Inside("environment.json")
    packages = _Inside("packages.txt")
    end = _Inside("end")
    data = _Inside("data")
    journal = _Inside("journal")
    sending = _Inside("sending")
    relay = _Inside("relay")
    processes = _Inside("processes")
    failure = _Inside("processes/failure.json")
    outcome = _Inside("outcome.json")
    unsent = _Inside("unsent.json")
    secret = _Inside("secret")
    agent_log = _Inside("agent.log")
    _alive = _Inside("alive")
    _idle = _Inside("idle")

    def __init__(self, name: str, base: Path | None = None) -> None:
        self.name = name
        self.path = (base or jobs_folder()) / name
        self.build_log_name = BUILD_LOG
        """The name of the log of making the script's environment, in the run."""

    def make(self, *, has_parts: bool = True) -> None:
        """Make the folder. Only this user may read it.

        It gets the folders that an agent needs, if it ``has_parts``.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.mkdir(mode=0o700)
        handle = os.open(self.secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
        if has_parts:  # made now, since the disk may be full later
            self.journal.mkdir(mode=0o700)
            self.sending.mkdir(mode=0o700)

    def write(self, job: Job) -> None:
        """Write the job completely or not at all.

        Only this user may read it, since the environment variables may contain secrets.
        """
        self.put(self.job, job.to_content())

    def put(self, path: Path, content: dict[str, Any]) -> None:
        """Write a JSON file of the folder completely or not at all."""
        whole_files.write_text(path, json.dumps(content), whole_files.OWN)

    def read(self) -> Job:
        """Read the job.

        Raises:
            FileNotFoundError: the job is not written yet, or was removed.
            OSError: the job cannot be read, or is from another release.
        """
        text = self.job.read_text(encoding="utf-8")
        try:
            job = Job.from_content(json.loads(text))
        except (ValueError, TypeError, KeyError) as error:
            raise OSError(f"{self.job} is not a job of this release of amlflow.") from error
        if job.name != self.name:
            raise OSError(f"{self.job} is the file of another job.")
        return job

    def process_log(self, number: int) -> Path:
        """Return the path of the log of a distributed script's process."""
        return self.log if number == 0 else self.processes / f"{number}.txt"

    def process_logs(self) -> dict[str, Path]:
        """Return the paths of the logs of a distributed script, by their names in the run."""
        if not self.processes.is_dir():
            return {}
        numbers = [int(path.stem) for path in self.processes.glob("*.txt") if path.stem.isdecimal()]
        return {
            PROCESS_LOG.format(number=number): path
            for number in (0, *sorted(numbers))
            if (path := self.process_log(number)).exists()
        }

    def unsent_files(self) -> list[str]:
        """Return a sentence for each file that the agent could not send.

        Raises:
            OSError: the list cannot be read.
        """
        try:
            return [str(text) for text in json.loads(self.unsent.read_bytes())["files"]]
        except (ValueError, TypeError, KeyError) as error:
            raise OSError(f"{self.unsent} is not a list of texts, as agents write it.") from error

    def nudge(self) -> None:
        """Ask the agent to look into the tracker now. It must be on this machine."""
        with contextlib.suppress(FileNotFoundError):  # the agent has just ended
            self.end.touch(0o600)

    def take(self) -> int | None:
        """Lock the job for an agent.

        Returns the lock's file descriptor, or None if another process holds the lock.
        """
        return file_lock.take(self._alive)

    def has_agent(self) -> bool:
        """Whether the job has a living agent on this machine, or is being submitted."""
        return file_lock.is_taken(self._alive)

    def take_idle(self) -> int | None:
        """Say that the job's script waits, as long as this process keeps the lock.

        Returns the lock's file descriptor, or None if another process of the script has the lock.
        """
        return file_lock.take(self._idle)

    def is_idle(self) -> bool:
        """Whether the job's script waits for another run."""
        return file_lock.is_taken(self._idle)
