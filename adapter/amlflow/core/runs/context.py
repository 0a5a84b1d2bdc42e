"""The run that this process was submitted as."""

from __future__ import annotations

import functools
import os
from types import TracebackType

from amlflow.core.experiment import Experiment
from amlflow.core.runs.base import logger
from amlflow.core.runs.offline import OfflineRun
from amlflow.core.runs.run import Run
from amlflow.core.workspace import RUN_ID, Workspace
from amlflow.exceptions import RunEnvironmentException


class SubmittedRun(Run):
    """The run seen from inside: its end and its status are its launcher's, by the exit code."""

    def complete(self, _set_status: bool = True) -> None:
        """Flush; the run is Completed when the script ends with exit code 0."""
        self.flush()

    def fail(
        self,
        error_details: str | BaseException | None = None,
        error_code: str | None = None,
        _set_status: bool = True,
    ) -> None:
        """Flush; the run is Failed when the script ends with another exit code than 0."""
        self.flush()

    def cancel(self) -> None:
        """Warn: a script ends itself with an exit code, and is cancelled from outside."""
        logger.warning(
            "run.cancel() has no effect inside of run %s; end the script with sys.exit(), or "
            "cancel it from outside.",
            self.id,
        )

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        exc_traceback: TracebackType | None,
    ) -> None:
        self.flush()


# Scripts tell a submitted run by the name of its class, too.
SubmittedRun.__name__ = SubmittedRun.__qualname__ = "_SubmittedRun"
SubmittedRun.__module__ = "azureml.core.run"


def current_run(allow_offline: bool) -> SubmittedRun | OfflineRun:
    """The submitted run of this process, the same object each time, or else an offline run.

    Raises:
        RunEnvironmentException: this process was not submitted, and ``allow_offline`` is False.
        ServiceException: the run that the environment names is not in the tracker.
    """
    run_id = os.environ.get(RUN_ID)
    if run_id:
        return _submitted(run_id)
    if not allow_offline:
        raise RunEnvironmentException()
    return OfflineRun()


@functools.cache
def _submitted(run_id: str) -> SubmittedRun:
    workspace = Workspace._of_this_job()
    record = workspace._tracker.get_run(run_id)
    experiment = Experiment._of(workspace, workspace._tracker.get_experiment(record.experiment_id))
    run = SubmittedRun.__new__(SubmittedRun)
    run._init(experiment, record, ())
    return run
