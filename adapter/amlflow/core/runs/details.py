"""v1's details and logs of a run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from amlflow.claims import without_claims
from amlflow.core.runs.data_notes import inputs_of, outputs_of
from amlflow.core.runs.environment_used import describe_environment, environment_of
from amlflow.core.runs.files import fetch_listed, read_text_of
from amlflow.core.runs.state import RunState
from amlflow.jobs.run_notes import is_launched
from amlflow.local_paths import LocalPaths
from amlflow.spec import FINAL, FileNotInRun, Status
from amlflow.times import to_iso
from amlflow.tracker_notes import parse_definition, parse_error, parse_target, parse_warnings
from amlflow.waiting_text import waiting_text
from amlflow.working_folder import local_path

if TYPE_CHECKING:
    from amlflow.core.scripts.environment import Environment

logger = logging.getLogger("amlflow")

LOG_FOLDERS = ("azureml-logs/", "logs/", "user_logs/")


class RunDetails(RunState):
    """Details and logs of a run."""

    def get_detailed_status(self) -> dict[str, Any]:
        """Return a dict with ``status`` and ``details``: the reason for it as a text, or None."""
        status = self.get_status()
        error = self._error()
        details = waiting_text(self._record) if error is None else error["error"]["message"]
        return {"status": status, "details": details}

    def get_details(self) -> dict[str, Any]:
        """Return the run's state and definition as a dict with v1's keys, without absent values.

        Keys: runId, target, status, statusDetails (what a cluster's job waits for), startTimeUtc
        and endTimeUtc (ISO 8601 in UTC), error, warnings, properties, inputDatasets,
        outputDatasets, runDefinition, logFiles (name to link), submittedBy. The key environment is
        amlflow's own. It has the environment's name and version. If the environment was made for
        the script, it also has the hash, and the packages as ``pip freeze`` lists them.
        """
        record = self._reload()
        link = self._tracker.run_link(record)
        return self._details({name: f"{link}/artifacts/{name}" for name in self._log_names()})

    def get_environment(self) -> Environment:
        """Return the environment of a submitted run, without the values of its variables.

        Raises:
            UserErrorException: the run was not submitted.
        """
        return environment_of(self._tracker, self._reload())

    def get_details_with_logs(self) -> dict[str, Any]:
        """Return :meth:`get_details` with the texts of the logs instead of links.

        A log that cannot be read is left out, and a warning names it.
        """
        record = self._reload()
        grows = is_launched(record) and record.status not in FINAL
        texts = {}
        for name in self._log_names():
            try:
                texts[name] = self._log_text(name, grows)
            except FileNotInRun as missing:
                logger.warning("%s", missing.message)
        return self._details(texts)

    def _log_text(self, name: str, grows: bool) -> str:
        # Only a submitted run needs these modules. They lock files, which not every system can.
        from amlflow.jobs.job import LOG
        from amlflow.jobs.log_reader import LogReader

        if name == LOG and grows:
            return "".join(LogReader(self._tracker, self._record).so_far())
        return read_text_of(self._tracker, self._record, name)

    def _details(self, log_files: dict[str, str]) -> dict[str, Any]:
        record = self._record
        details: dict[str, Any] = {
            "runId": self.id,
            "target": parse_target(record) or "sdk",
            "status": record.status,
            "statusDetails": waiting_text(record),
            "startTimeUtc": None if record.started is None else to_iso(record.started),
            "endTimeUtc": None if record.ended is None else to_iso(record.ended),
            "error": self._error(),
            "warnings": parse_warnings(record),
            "runDefinition": parse_definition(record),
            "submittedBy": record.user,
            "environment": describe_environment(self._tracker, record),
        }
        return {
            **{key: value for key, value in details.items() if value is not None},
            "properties": without_claims(record.properties),
            "inputDatasets": inputs_of(record),
            "outputDatasets": outputs_of(record),
            "logFiles": log_files,
        }

    def _error(self) -> dict[str, Any] | None:
        ended_badly = self._record.status in (Status.FAILED, Status.CANCELED)
        return parse_error(self._record) if ended_badly else None

    def _log_names(self) -> list[str]:
        run_id = self._record.id
        return sorted(
            name for folder in LOG_FOLDERS for name in self._tracker.list_files(run_id, folder)
        )

    def get_all_logs(self, destination: str | None = None) -> list[str]:
        """Write the run's logs into a folder (default: the working folder). Returns the paths.

        A log whose name leads out of the folder is left out, and a warning names it.
        """
        below = LocalPaths(local_path(destination or "."))
        paths = [
            fetch_listed(self._tracker, self._record, name, name, below)
            for name in self._log_names()
        ]
        return [str(path) for path in paths if path is not None]
