"""An agent that a cluster has started: it is the job itself, on the first of the job's nodes.

It differs from an agent of the submitter's machine in these points:

* It gets the job from an environment variable, and the snapshot from the tracker. Its folder is on
  the node.
* The script gets the node's environment, with the cluster's variables for the job.
* The cluster may end it and start it again elsewhere. Each attempt claims the run for itself.
* If the cluster ends it, the job may start again later. So it sends all logs and files, and reports
  the run's end only if a user has requested it or the cluster has named a reason.
* It removes its folder, unless it could not send what the script has logged.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import shutil
import signal
import socket
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import FrameType

from amlflow.exceptions import AzureMLException, ComputeTargetException
from amlflow.jobs.agent.attempts import keep_earlier_log
from amlflow.jobs.agent.hearing import Superseded
from amlflow.jobs.agent.node_job import adapt_to_node, make_working_folder
from amlflow.jobs.agent.nudges import Nudges
from amlflow.jobs.agent.passed_signals import PassedSignals
from amlflow.jobs.agent.report import Report
from amlflow.jobs.agent.supervise import Agent
from amlflow.jobs.cluster.payload import NODE_KIND, attempt_of, take_job
from amlflow.jobs.distribution import is_spread
from amlflow.jobs.job import FOLDER_SETTING, NODE_PREFIX, Job, JobFolder
from amlflow.jobs.queue import NoQueue
from amlflow.jobs.run_notes import LEFT_OPEN, RUN_FAILED, EndRequest
from amlflow.layers.stack import open_direct
from amlflow.plugins import open_cluster, open_compute
from amlflow.run_errors import to_error
from amlflow.spec import (
    JOB,
    SIGTERM_FOR_SCRIPT,
    START_FAILURE,
    Cluster,
    ClusterJob,
    Compute,
    JobState,
    PropertyConflict,
    RunNotFound,
    Started,
    Status,
    without_place,
)

logger = logging.getLogger("amlflow.agent")

REQUEST_S = 2.0
"""How long to wait for the request to end a run, after a nudge."""
REQUEST_PAUSE_S = 0.02
"""Between two looks for that request."""
_TOLD = EndRequest(Status.CANCELED)
"""How a run ends after a nudge, unless the tracker says how it is to end."""


def run_cluster_job() -> int:
    """Run the job of this process's environment to its end. Returns the agent's exit code."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.umask(0o077)
    nudges, signals = Nudges(), PassedSignals()
    for name in os.environ.keys() - without_place(os.environ).keys():
        del os.environ[name]  # it is that of a process that has submitted this job
    job = take_job(os.environ)
    passes_sigterm = os.environ.pop(SIGTERM_FOR_SCRIPT, "") == "1"
    attempt = attempt_of(os.environ)
    not_ready = os.environ.pop(START_FAILURE, None)
    if not_ready is not None:
        _end_without_script(job, attempt, f"{_node()} is not ready for the job: {not_ready}")
        return RUN_FAILED
    submitted = job
    is_all_sent = True
    try:
        base = _make_folder(os.environ.get(FOLDER_SETTING))
    except OSError as failure:
        _end_without_folder(job, attempt, failure)
        return RUN_FAILED
    try:
        folder = JobFolder(job.name, base)
        try:
            folder.make()
            job = adapt_to_node(job, folder)
            folder.write(dataclasses.replace(job, environ={}))
        except OSError as failure:  # such as a full disk
            _end_without_folder(job, attempt, failure)
            return RUN_FAILED
        os.environ[JOB] = job.name
        with contextlib.suppress(OSError):  # the submitter's folder is not on this node
            os.chdir(job.submitted_from or folder.path)
        agent = ClusterAgent(
            folder, job, attempt, submitted, nudges, signals, passes_sigterm=passes_sigterm
        )
        agent.run()
        is_all_sent = agent.is_all_sent
    finally:
        if is_all_sent:
            shutil.rmtree(base, ignore_errors=True)
    if not is_all_sent:
        logger.error(
            "Some files or records of run %s could not be sent. They are on the node %s in %s. To "
            "send the records, set AMLFLOW_JOURNAL_FOLDER=%s there and run `amlflow sync`.",
            job.run_id, socket.gethostname(), folder.path, folder.journal,
        )  # fmt: skip
    return agent.exit_code


def _make_folder(parent: str | None) -> Path:
    """Make a folder for the job on this node. The submitter's setting may name a new ``parent``."""
    if parent is not None:
        Path(parent).mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=NODE_PREFIX, dir=parent))


def _end_without_folder(job: Job, attempt: int, failure: OSError) -> None:
    """Report that the node cannot run the job, since its folder cannot be made there."""
    message = (
        f"{_node()} could not make a folder for the job: {failure}. Set {FOLDER_SETTING} to a "
        "folder that the nodes have, and which has room."
    )
    _end_without_script(job, attempt, message)


def _end_without_script(job: Job, attempt: int, message: str) -> None:
    """Report that the run is Failed, and that its script was not started."""
    report = Report(JobFolder(job.name, Path()), job, NoQueue(), attempt)
    outcome = EndRequest(Status.FAILED, to_error(message))
    with contextlib.suppress(PropertyConflict, RunNotFound, Superseded):  # it was cancelled
        report.claim(uuid.uuid4().hex)
        report.note((report.end_request or outcome).change())


def _node() -> str:
    return f"The node {socket.gethostname()}"


_TOO_LATE = EndRequest(
    Status.FAILED,
    to_error(
        "The job got the SIGTERM that its target's options ask for before its script had started, "
        "so the script was not started. Ask for a longer time, or prepare the environment before "
        "you submit.",
        "ServiceError",
    ),
)
"""How a run ends if its time is nearly over before the script has started."""


class ClusterAgent(Agent):
    """Runs one attempt of a cluster's job."""

    def __init__(
        self,
        folder: JobFolder,
        job: Job,
        attempt: int,
        submitted: Job,
        nudges: Nudges,
        signals: PassedSignals,
        *,
        passes_sigterm: bool,
    ) -> None:
        super().__init__(folder, job, NoQueue(), attempt)
        self._attempt, self._submitted = attempt, submitted
        self._nudges, self._signals = nudges, signals
        self._passes_sigterm, self._has_sigterm = passes_sigterm, False
        self._is_told, self._is_too_late = False, False
        self.is_all_sent = True
        """Whether nothing of the script is on this node only."""
        self.exit_code = 0
        """How this process is to end."""

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTERM and self._passes_sigterm and not self._has_sigterm:
            self._has_sigterm = True  # a handler must not wait for the cluster
        else:
            super()._on_signal(number, frame)

    def _heed_sigterm(self) -> None:
        """Pass on the SIGTERM that the user has asked for, unless the cluster ends the job."""
        self._passes_sigterm = self._has_sigterm = False
        job = self._look()
        if job is not None and job.state is JobState.RUNNING:
            self._is_too_late = not self._signals.pass_on(signal.SIGTERM)
        else:
            self._on_signal(signal.SIGTERM, None)

    def _heed_nudge(self) -> None:
        if self._has_sigterm:
            self._heed_sigterm()
        if self._nudges.take():
            self._is_told = True  # how the run ends is read when the script has ended

    def _requested_end(self) -> EndRequest | None:
        too_late = _TOO_LATE if self._is_too_late else None
        return self._signalled or self._requested_end_by_user() or too_late

    def _pause(self, seconds: float) -> None:
        self._nudges.pause(seconds)

    def _tell(self, outcome: EndRequest, ended: datetime) -> None:
        self._passes_sigterm = False  # the script has ended, so the signal is for this process
        if self._has_sigterm:
            self._report.leave()
        if self._is_told:
            self._wait_for_request()
        if self._report.is_superseded:
            return
        if self._is_told and outcome == _TOLD:
            outcome = self._report.end_request or outcome
        if self._signalled is not None and outcome == self._signalled:
            reason = self._requested_end_by_user() or self._end_by_cluster()
            if reason is None:
                self.exit_code = LEFT_OPEN
                self.is_all_sent = self._report.leave_open() or not self._folder.work.exists()
                return
            outcome = reason
        if outcome.status == Status.FAILED:
            self.exit_code = RUN_FAILED
        super()._tell(outcome, ended)
        self.is_all_sent = not self._folder.work.exists()  # it is removed when all was sent

    def _wait_for_request(self) -> None:
        """Read how the run must end. A canceller may still be writing that."""
        deadline = time.monotonic() + REQUEST_S
        with contextlib.suppress(Superseded, AzureMLException):
            while self._report.end_request is None:
                self._report.hear()
                if self._report.end_request is None:
                    if time.monotonic() > deadline:
                        return
                    time.sleep(REQUEST_PAUSE_S)

    def _requested_end_by_user(self) -> EndRequest | None:
        # Who nudges may still be writing the request, and the script need not wait for that.
        return self._report.end_request or (_TOLD if self._is_told else None)

    def _end_by_cluster(self) -> EndRequest | None:
        """How the run ends, if the cluster says why it ends the job. Otherwise None."""
        job = self._look()
        if job is None or job.state is not JobState.ENDING or job.reason is None:
            return None
        return EndRequest(Status.CANCELED, to_error(job.reason, "ServiceError"))

    def _look(self) -> ClusterJob | None:
        """Return what the cluster says of this job. None if it does not answer."""
        target = self._job.target
        try:
            cluster = open_cluster(target.kind, target.settings)
            return cluster.look([self._job.name], now=True)[self._job.name] if cluster else None
        except AzureMLException as failure:
            logger.warning("The cluster does not say whether it ends the job: %s", failure.message)
            return None

    def _unpack(self) -> None:
        self._keep_earlier_log()
        make_working_folder(self._job, self._folder, self._attempt, self._retry)

    def _retry(self, call: Callable[[], None]) -> None:
        self._report.retry(call, is_to_end=self._is_to_end)

    def _run_script(self) -> EndRequest:
        try:
            return self._run_here_or_spread()
        except AzureMLException:
            # A cluster that ends the job also ends what prepares the script, such as pip. A user
            # may end the run while the agent waits for a tracker that is away.
            request = self._requested_end()
            if request is None:
                raise
            return request

    def _run_here_or_spread(self) -> EndRequest:
        distribution = self._job.distribution
        if distribution is None or not is_spread(distribution):
            return super()._run_script()
        request = self._requested_end()
        if request is not None:
            return request
        # Most scripts are one process, and start sooner if this is not imported for them.
        from amlflow.jobs.agent.spreading import Spreading

        self._keep_earlier_log()
        self._report.preparing()
        with self._reporting():
            spreading = Spreading(self._open_cluster(), self._submitted, distribution)
            on_start = functools.partial(self._report.running, {}, [])
            with self._signals.to(spreading.send_signal):
                outcome = spreading.wait(on_start, self._end_after, self._pause)
                return self._unless_signalled(outcome)

    def _wait_for_end(self, script: Started) -> EndRequest:
        with self._signals.to(getattr(script, "send_signal", None)):
            return self._unless_signalled(super()._wait_for_end(script))

    def _unless_signalled(self, outcome: EndRequest) -> EndRequest:
        """Return how the run ends. The cluster tells the script and this process to end at once.

        So it is by chance whether the script's end is seen first.
        """
        if self._signalled is None or outcome.status != Status.FAILED:
            return outcome
        return self._signalled

    def _keep_earlier_log(self) -> None:
        if self._attempt > 1:
            uri, run_id = self._job.tracking_uri, self._job.run_id
            self._retry(
                lambda: keep_earlier_log(open_direct(uri), run_id, self._folder, self._attempt)
            )

    def _end_after(self, seconds: float) -> EndRequest | None:
        self._heed_nudge()
        return self._requested_end() or self._end_for_time(seconds)

    def _open_cluster(self) -> Cluster:
        target = self._job.target
        cluster = open_cluster(target.kind, target.settings)
        if cluster is None:
            raise ComputeTargetException(
                f"The node has no plugin for compute targets of the kind {target.kind!r}. Install "
                "it in the Python that runs the job."
            )
        return cluster

    def _open_compute(self) -> Compute:
        return open_compute(NODE_KIND, {})
