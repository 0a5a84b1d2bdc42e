"""Provides a job's data before the script starts, and stores its outputs when it has ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from amlflow.data.notes import output_notes
from amlflow.data.provide import Provided, keep, provide
from amlflow.data.script_data import OF_ONE_SCRIPT, ScriptData
from amlflow.data.storage import Datastores
from amlflow.exceptions import AzureMLException
from amlflow.jobs.job import Job, JobFolder
from amlflow.jobs.run_notes import EndRequest
from amlflow.layers.stack import open_direct
from amlflow.run_errors import to_error
from amlflow.spec import RunChange, Status, Tracker, Work


class JobData:
    """The data of one job."""

    def __init__(self, job: Job, folder: JobFolder) -> None:
        self._job, self._folder = job, folder
        self._data = ScriptData.from_content(job.data or {})
        self._stores = Datastores(self._data.stores, self._tracker)
        self._provided = Provided()

    def _tracker(self) -> Tracker:
        return open_direct(self._job.tracking_uri)

    def provide(self, work: Work, cancelled: Callable[[], bool]) -> Work:
        """Provide the inputs, and return the work with their paths.

        Raises:
            ProvidingCanceled: ``cancelled`` returned True.
            UserErrorException: an input cannot be read.
        """
        folder = self._folder
        self._provided = provide(self._data, self._stores, folder.work, folder.data, cancelled)
        taken = {*self._job.environ, *work.environment} - OF_ONE_SCRIPT
        # An input must not replace a variable that the script needs, such as PATH.
        variables = {
            name: value for name, value in self._provided.variables.items() if name not in taken
        }
        return dataclasses.replace(
            work,
            command=self._provided.fill(work.command, is_script=work.is_script),
            environment={**work.environment, **variables},
        )

    def keep(self, outcome: EndRequest) -> tuple[EndRequest, RunChange | None]:
        """Store the data that the script wrote.

        Returns how the run ends, and a change for its notes. A run that would be Completed fails if
        the data cannot be stored.
        """
        if not self._data.outputs:
            return outcome, None
        is_completed = outcome.status == Status.COMPLETED
        try:
            registered = keep(
                self._data,
                self._provided.outputs,
                self._stores,
                self._tracker,
                self._job.run_id,
                is_completed,
            )
        except (AzureMLException, OSError) as failure:
            reason = getattr(failure, "message", None) or str(failure)
            if not is_completed:  # the reason why the script failed is more important
                return outcome, None
            message = f"The script has ended, but its data could not be stored: {reason}"
            return EndRequest(Status.FAILED, to_error(message)), None
        return outcome, RunChange(system=output_notes(registered)) if registered else None
