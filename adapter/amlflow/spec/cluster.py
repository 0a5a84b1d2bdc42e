"""A cluster: a queue of jobs elsewhere, which outlives everybody who submits to it.

What a job runs is amlflow's agent, on the first of its nodes. The agent gets what it needs from its
environment variables and from the tracker, so a cluster needs no folder that is shared with the
submitter.

A job is known by the name that amlflow gives it, and by nothing else: a submitter that ends right
after it has submitted has lost nothing, since anybody of the same user can look for the name.

=========  ===============================================  ===========================  ========
method     what it does                                     errors                       atomic
=========  ===============================================  ===========================  ========
identify   says which cluster it is, and for whom           ComputeTargetException,      --
                                                            Unavailable
check      says whether the cluster can take a work         ComputeTargetException,      --
                                                            Unavailable
submit     puts works into the queue                        ComputeTargetException,      each
                                                            Unavailable                  work
look       says what the cluster knows of jobs              Unavailable                  --
cancel     takes jobs out of the queue, and ends those      Unavailable                  --
           that run
nudge      tells a job's command that its run is to end         Unavailable                  --
addresses  says how a job's nodes reach each other          ComputeTargetException,      --
                                                            Unavailable
describe   says what nodes and queue do                     ComputeTargetException,      --
                                                            Unavailable
spread     says how a job starts processes on its nodes     --                           --
=========  ===============================================  ===========================  ========

``Unavailable`` means that the cluster does not answer. Nothing is concluded from that.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

ATTEMPT = "AMLFLOW_ATTEMPT"
"""The name of the variable that tells a job how often it has been started: 1, 2 after it was put
back into the queue, and so on. The cluster sets it for the job at each start."""


NUDGE = "SIGURG"
"""The signal that tells a job's command that its run is to end. The command then ends the script at
once, and asks the tracker how the run ends. It is ignored by programs that do not know it."""


SIGTERM_FOR_SCRIPT = "AMLFLOW_SIGTERM_FOR_SCRIPT"
"""The name of a variable that the cluster sets to 1 for a job whose command gets SIGTERM some time
before the cluster ends the job, because the user has asked for that. This SIGTERM is for the
script."""


START_FAILURE = "AMLFLOW_START_FAILURE"
"""The name of a variable that the cluster sets for a job that it could not prepare on its node. Its
value is a sentence that says what is wrong. The command then does not run the script: the run is
Failed, with this sentence."""


JOB_IMAGE = "AMLFLOW_JOB_IMAGE"
"""The name of a variable that the cluster sets for a job that runs in a container. Its value is the
name of the image. Environments made there are not used elsewhere, since their Python is not there.
"""


PROCESS = "AMLFLOW_PROCESS"
"""The name of the variable that tells a process its number, when :meth:`Cluster.spread` has started
it: 0 for the first on the first node, and so on, node by node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterWork:
    """A job for a cluster.

    ``name`` is unique and consists of letters and digits. The first of the job's nodes runs
    ``python`` with ``arguments``; the target's settings may name another Python of the nodes.
    ``environment`` is added to the environment that the cluster gives its jobs. It may hold
    passwords: it is never part of a command line, and nobody else can read it. ``max_seconds`` is
    how long the script may run; the job may take longer, since it prepares and ends the script.
    ``image`` is the container image that was requested; a cluster that does not run the job in it
    refuses the work. The job gets ``nodes`` nodes, with room for ``processes_per_node`` processes
    on each; only a cluster that :attr:`~Cluster.is_distributed` gets a work with more than one of
    either. ``distribution`` says what connects the processes: ``mpi``, ``pytorch`` or
    ``tensorflow``; None if the job is one process.

    These are what a run asks for. Processors, GPUs and memory of a job are settings of its target,
    which the hook ``amlflow_cluster`` gets, as v1's runs get a cluster's size of machines.
    """

    name: str
    python: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    nodes: int = 1
    processes_per_node: int = 1
    distribution: str | None = None
    max_seconds: float | None = None
    image: str | None = None


class JobState(Enum):
    """What a cluster does with a job."""

    QUEUED = "it waits, also if it has run before and was put back"
    PREPARING = "its nodes are made ready"
    RUNNING = "it runs"
    SUSPENDED = "it has run, and its processes are stopped until the cluster lets them go on"
    ENDING = "its processes are being ended, and it may be put back into the queue"
    COMPLETED = "its command has ended with the exit code 0"
    FAILED = "its command has ended with another exit code, or the cluster has ended it for a fault"
    CANCELED = "somebody has cancelled it, or its time was over"
    UNKNOWN = "the cluster does not know it: it never did, or has forgotten it after its end"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterJob:
    """What a cluster knows of a job.

    ``id`` is the job's id in the cluster, for people. ``reason`` says in the cluster's own words
    why the job waits, or in a sentence why it has ended or is being ended; it is None where the
    command has ended by itself. ``before`` is the number of jobs that wait before it.
    ``attempt`` is as :data:`ATTEMPT`; while a job waits, it is the attempt that comes next. What
    the cluster does not tell is None.
    """

    state: JobState
    id: str | None = None
    reason: str | None = None
    before: int | None = None
    nodes: str | None = None
    attempt: int = 1
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A part of a cluster whose jobs wait in one queue, and how many of its nodes do what.

    ``away`` counts the nodes that take no jobs now.
    """

    name: str
    in_use: int
    idle: int
    away: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatus:
    """What a cluster does now: its partitions, and the jobs of all users in them.

    ``running`` and ``waiting`` are amlflow's jobs; ``others_running`` and ``others_waiting`` are
    all others.
    """

    partitions: Sequence[Partition]
    running: int
    waiting: int
    others_running: int
    others_waiting: int


class Cluster(Protocol):
    """A queue of jobs elsewhere.

    When a job's command has ended, or was killed, the cluster ends the processes that it has left.
    """

    @property
    @abstractmethod
    def is_distributed(self) -> bool:
        """Whether :meth:`addresses` and :meth:`spread` are there, for jobs of several processes."""

    @abstractmethod
    def identify(self) -> str:
        """Which cluster this is, and whose jobs it knows: a short text.

        It is the same wherever the same jobs are known, and different where they are not, as for
        another user. Only where it is that of the submitter does :attr:`JobState.UNKNOWN` say
        something of a job. Raises :class:`ComputeTargetException` and :class:`Unavailable`.
        """

    @abstractmethod
    def check(self, work: ClusterWork, tracking_uri: str) -> None:
        """Raise :class:`ComputeTargetException` with what to do if the cluster cannot take a work.

        Called before a run is created; it puts nothing into the queue. ``tracking_uri`` is the
        tracker that the job has to reach. Raises :class:`Unavailable`, too.
        """

    @abstractmethod
    def submit(self, works: Sequence[ClusterWork]) -> None:
        """Put works into the queue, each once.

        Works that are alike may become parts of one job, as in a job array. Each of them is looked
        at and cancelled by its own name all the same.

        If the answer of the cluster is lost, it is asked for the work's name before the work is
        submitted again. Raises :class:`ComputeTargetException` if the cluster refuses a work; those
        before it are in the queue. Raises :class:`Unavailable` if the cluster does not answer for a
        minute; the work may be in the queue all the same.
        """

    @abstractmethod
    def look(self, names: Sequence[str], *, now: bool = False) -> Mapping[str, ClusterJob]:
        """What the cluster knows of jobs, by their names.

        One question asks for all. The answer may be some seconds old, so that many who look do not
        burden the cluster; a job that is younger than that may be missing in the answer. With
        ``now`` the cluster is asked at once, and each name is in the answer. A job is
        :attr:`JobState.UNKNOWN` only by an answer that is younger than the call. Raises
        :class:`Unavailable`.
        """

    @abstractmethod
    def cancel(self, names: Sequence[str]) -> None:
        """Take jobs out of the queue, and end those that run; unknown ones are ignored.

        Returns when the cluster has accepted that. The cluster may forget a job at once that it
        had not started: the job is :attr:`JobState.UNKNOWN` then. A job that is over keeps its end,
        or is forgotten. Raises :class:`Unavailable`.
        """

    @abstractmethod
    def nudge(self, names: Sequence[str]) -> None:
        """Send the signal :data:`NUDGE` to the commands of jobs that run, on their first nodes.

        Other jobs are not changed, and unknown ones are ignored. A cluster that cannot send it does
        nothing: the command asks the tracker once a second anyway. Raises :class:`Unavailable`.
        """

    @abstractmethod
    def addresses(self) -> Sequence[str]:
        """The addresses of the nodes of the job that this process is part of.

        Called on the job's first node, which is the first of them. The nodes reach each other by
        these addresses. Raises :class:`ComputeTargetException` and :class:`Unavailable`.
        """

    @abstractmethod
    def spread(self, nodes: int, processes: int, *, is_mpi: bool = False) -> Sequence[str]:
        """The words to put before a command so that it runs as processes of a job's nodes.

        Called on the job's first node. Each node gets the same number of processes, the first ones
        one more if that is not even, and each process its number (:data:`PROCESS`). With ``is_mpi``
        a program of theirs that calls MPI finds them all. The processes have the caller's
        environment. What is written to the standard input goes to all of them, and what they write
        to their standard output comes back by lines. They begin with SIGUSR1 and SIGUSR2 ignored,
        and get those that the command gets. The command ends when all of them have. They are ended
        if it is killed, or if one of them ends with another exit code than 0.
        """

    @abstractmethod
    def describe(self) -> ClusterStatus | None:
        """What the part of the cluster that the settings name does now; None: it does not tell.

        The answer may be some seconds old. Raises :class:`ComputeTargetException` and
        :class:`Unavailable`.
        """
