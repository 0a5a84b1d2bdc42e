"""The run object of a script that was not submitted. It prints what the script logs.

Source: ``Run.get_context()`` of azureml-core 1.61 returns such an object outside of a run.
"""

from __future__ import annotations

import uuid
from types import TracebackType
from typing import Any, NoReturn

from amlflow.core.runs.metric_values import text_of


class OfflineRun:
    """Accepts v1's logging calls and prints them. Nothing is stored."""

    DELIM = "#"

    def __init__(self, run_id: str | None = None) -> None:
        self._run_id = run_id or f"OfflineRun_{uuid.uuid4()}"

    @property
    def id(self) -> str:
        """``OfflineRun_`` and random characters."""
        return self._run_id

    @property
    def identity(self) -> str:
        """A name for the run in log messages."""
        return f"{type(self).__name__}#{self._run_id}"

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"An offline run has no {name!r}: this script was not submitted, so its run is not "
            "recorded anywhere. Submit it with experiment.submit(), or record a run with "
            "experiment.start_logging().",
            name=name,
            obj=self,
        )

    def log(self, name: str, value: Any, description: str = "", step: int | None = None) -> None:
        _report_attempt("scalar", name, value)

    def log_list(self, name: str, value: Any, description: str = "") -> None:
        _report_attempt("list", name, value)

    def log_row(self, name: str, description: str | None = None, **kwargs: Any) -> None:
        _report_attempt("row", name, kwargs)

    def log_table(self, name: str, value: Any, description: str = "") -> None:
        _report_attempt("table", name, value)

    def log_image(
        self, name: str, path: str | None = None, plot: Any = None, description: str = ""
    ) -> None:
        _report_attempt("image", name, path if plot is None else plot)

    def log_accuracy_table(self, name: str, value: Any, description: str = "") -> None:
        _report_attempt("accuracy_table", name, value)

    def log_confusion_matrix(self, name: str, value: Any, description: str = "") -> None:
        _report_attempt("confusion_matrix", name, value)

    def log_residuals(self, name: str, value: Any, description: str = "") -> None:
        _report_attempt("residual", name, value)

    def log_predictions(self, name: str, value: Any, description: str = "") -> None:
        _report_attempt("predictions", name, value)

    def tag(self, name: str, value: Any = None) -> None:
        _print(f"Attempted to add tag {name} with value ", value)

    def set_tags(self, tags: dict[str, Any]) -> None:
        _print("Attempted to set tags ", tags)

    def add_properties(self, properties: dict[str, Any]) -> None:
        _print("Attempted to add properties ", properties)

    def upload_file(
        self, name: str, path_or_stream: Any, datastore_name: str | None = None
    ) -> None:
        print(f"Attempted to track file {name} at {path_or_stream}")

    def upload_files(
        self,
        names: Any,
        paths: Any,
        return_artifacts: bool = False,
        timeout_seconds: int | None = None,
        datastore_name: str | None = None,
    ) -> None:
        print(f"Attempted to track files {names} at {paths} with timeout {timeout_seconds}s")

    def upload_folder(self, name: str, path: str, datastore_name: str | None = None) -> None:
        print(f"Attempted to track folder {name} at {path}")

    def child_run(
        self, name: str | None = None, run_id: str | None = None, outputs: str | None = None
    ) -> OfflineRun:
        return type(self)(run_id or f"{self._run_id}.{name or uuid.uuid4()}")

    def flush(self, timeout_seconds: int = 300) -> None:
        print(f"Attempted to flush run with id {self._run_id}")

    def complete(self, _set_status: bool = True) -> None:
        pass

    def fail(
        self, error_details: Any = None, error_code: str | None = None, _set_status: bool = True
    ) -> None:
        _print(f"Run failed with error code {error_code}:\n", error_details)

    def cancel(self) -> None:
        pass

    def __enter__(self) -> OfflineRun:
        print(f"[START] Run {self._run_id} context")
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        exc_traceback: TracebackType | None,
    ) -> None:
        print(f"[STOP] Run {self._run_id} context")


# Scripts recognise an offline run by its class name: "_OfflineRun" in str(run).
OfflineRun.__name__ = OfflineRun.__qualname__ = "_OfflineRun"
OfflineRun.__module__ = "azureml.core.run"


def _report_attempt(kind: str, name: str, value: Any) -> None:
    _print(f"Attempted to log {kind} metric {name}:\n", value)


def _print(what: str, value: Any) -> None:
    print(f"{what}{text_of(value, str)}")
