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
                 relay/        the socket by which a script without the tracker's client calls it
                 agent.log     what goes wrong in the agent itself
                 alive         locked as long as the submitter is at it, and then the agent lives
                 secret        proves that the run's note is about this folder; mode 0600
                 end           there when the run is to end, as a nudge to look into the tracker
                 outcome.json  how the script ended, until that has reached the tracker
                 unsent.json   what could not be sent, if the tracker knows how the script ended

The folder is removed when all of it has reached the tracker, but for what the tracker itself keeps
there (tracker_files.py).
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
AGENT_PYTHON = "AMLFLOW_AGENT_PYTHON"
"""The variable with the Python that agents run on, in a script whose own Python cannot run one."""
SCRIPT_PYTHON = "AMLFLOW_SCRIPT_PYTHON"
"""The variable with the Python of a script whose calls another Python makes (old_pythons)."""
LOG = "user_logs/std_log.txt"
"""The name of the log in the run: v1's, since 2021."""
PROCESS_LOG = "user_logs/std_log_process_{number}.txt"
"""The names of the logs of a distributed run's processes: v1's. The first one's is :data:`LOG`,
too."""
BUILD_LOG = "azureml-logs/20_image_build_log.txt"
"""The name in the run of what was done to make the script's environment: v1's."""
DEFINITION_FILE = "amlflow/environment/definition.json"
"""The name of the definition of the script's environment, without secrets."""
PACKAGES_FILE = "azureml-logs/30_environment_packages.txt"
"""The name of the list of packages in the environment that was made, as ``pip freeze`` has it."""
LOG_PART = "amlflow/log/{number}"
"""The names of the parts in which a log goes on that is too long to be stored whole every second:
the offset where it begins, a line feed, and bytes of the log. Parts may overlap."""


def jobs_folder() -> Path:
    """Where jobs are kept: ``AMLFLOW_JOBS``, or the user's folder for the state of programs."""
    setting = os.environ.get(FOLDER_SETTING)
    if setting:
        return Path(setting).absolute()
    import platformdirs  # knows each system's folder

    return platformdirs.user_state_path("amlflow") / "jobs"


def new_name() -> str:
    """A name for a job that no other job has."""
    return uuid.uuid4().hex


def this_host() -> str:
    """The name of this machine, which tells whether a job's agent is one to be found here."""
    return platform.node()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A compute target: its name, and what the plugin gets."""

    name: str
    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    max_runs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One submitted run, and the surroundings that it runs in: always the submitter's.

    ``environ`` is the submitter's whole environment, ``agent_python`` its interpreter,
    ``import_path`` the folder that it imports amlflow from, if it is not installed, and
    ``submitted_from`` its working folder. ``specification`` says which packages the script needs,
    where an environment has to be made for them, and ``environment_note`` names the environment in
    the run. ``dockerfile`` is what the image is built from
    (:class:`amlflow.environments.dockerfile.Dockerfile`). ``room`` is that of the environment that
    the submitter itself runs in. ``data`` is what the script gets and writes
    (:class:`amlflow.data.script_data.ScriptData`). ``snapshot`` is the digest of the stored
    snapshot, which a cluster's node takes from the tracker. ``distribution`` says which processes
    the script is run by, if there is more to it than one. ``others`` are the ids of the runs that
    were submitted to a cluster together with this one, and whose jobs have the same folder.
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
        """The ids of the runs that have this job's folder."""
        return [self.run_id, *self.others]

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Job:
        """The inverse of :func:`dataclasses.asdict`.

        Raises:
            KeyError: it names no target.
            TypeError: it is not a job of this release.
        """
        target, stated = Target(**content["target"]), content.get("distribution")
        distribution = None if stated is None else Distribution(**stated)
        return cls(**{**content, "target": target, "distribution": distribution})

    def work(self, folder: JobFolder) -> Work:
        """What the compute target is to run."""
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


class JobFolder:
    """The folder of a job and the paths in it."""

    def __init__(self, name: str, base: Path | None = None) -> None:
        self.name = name
        self.path = (base or jobs_folder()) / name
        self.job = self.path / "job.json"
        self.snapshot = self.path / "snapshot.zip"
        self.work = self.path / "work"
        self.log = self.path / "std_log.txt"
        self.build_log = self.path / "image_build_log.txt"
        self.definition = self.path / "environment.json"
        self.packages = self.path / "packages.txt"
        self.end = self.path / "end"
        self.data = self.path / "data"
        self.journal = self.path / "journal"
        self.sending = self.path / "sending"
        self.relay = self.path / "relay"
        self.processes = self.path / "processes"
        self.failure = self.processes / "failure.json"
        self.outcome = self.path / "outcome.json"
        self.unsent = self.path / "unsent.json"
        self.secret = self.path / "secret"
        self.agent_log = self.path / "agent.log"
        self._alive = self.path / "alive"

    def make(self) -> None:
        """Make the folder for its owner alone."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.mkdir(mode=0o700)
        handle = os.open(self.secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
        self.journal.mkdir(mode=0o700)
        self.sending.mkdir(mode=0o700)  # now, since a disk may be full later

    def write(self, job: Job) -> None:
        """Write the job whole or not at all; it holds the environment, so it is the user's own."""
        self.put(self.job, dataclasses.asdict(job))

    def put(self, path: Path, content: dict[str, Any]) -> None:
        """Write a JSON file of the folder whole or not at all."""
        whole_files.write_text(path, json.dumps(content), whole_files.OWN)

    def read(self) -> Job:
        """The job.

        Raises:
            FileNotFoundError: it is not there, or not any more.
            OSError: it cannot be read, or is not one of this release.
        """
        text = self.job.read_text(encoding="utf-8")
        try:
            job = Job.from_content(json.loads(text))
        except (ValueError, TypeError, KeyError) as error:
            raise OSError(f"{self.job} is not a job of this release of amlflow.") from error
        if job.name != self.name:
            raise OSError(f"{self.job} is about another job.")
        return job

    def process_log(self, number: int) -> Path:
        """The log of a process of a distributed script."""
        return self.log if number == 0 else self.processes / f"{number}.txt"

    def process_logs(self) -> dict[str, Path]:
        """The logs of a distributed script's processes, by their names in the run."""
        if not self.processes.is_dir():
            return {}
        numbers = [int(path.stem) for path in self.processes.glob("*.txt") if path.stem.isdecimal()]
        return {
            PROCESS_LOG.format(number=number): path
            for number in (0, *sorted(numbers))
            if (path := self.process_log(number)).exists()
        }

    def unsent_files(self) -> list[str]:
        """Of each file that the agent could not send, why. Raises OSError: it cannot be read."""
        try:
            return [str(text) for text in json.loads(self.unsent.read_bytes())["files"]]
        except (ValueError, TypeError, KeyError) as error:
            raise OSError(f"{self.unsent} is not what an agent writes.") from error

    def nudge(self) -> None:
        """Tell the agent, if it is on this machine, to look into the tracker now."""
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            self.end.touch(0o600)

    def take(self) -> int | None:
        """Lock the job for an agent: the lock's file descriptor, or None if another has it."""
        return file_lock.take(self._alive)

    def has_agent(self) -> bool:
        """Whether an agent for the job is alive on this machine, or it is being submitted."""
        return file_lock.is_taken(self._alive)
