"""MLflow's store, with patience for a busy database and with errors of the contract."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import tenacity
from amlflow.exceptions import AzureMLException
from amlflow.spec import ExperimentNotFound, RunNotFound, redacted
from mlflow.exceptions import MlflowException

from amlflow_mlflow.errors import BUSY, BUSY_TIMEOUT_S, NO_TAG, SAME_POINT, says, translated
from amlflow_mlflow.opening import open_store
from amlflow_mlflow.rest_client import Server

Result = TypeVar("Result")

DATABASE_THREADS = 4

ON_A_RUN = (
    "delete_run",
    "delete_tag",
    "get_metric_history",
    "get_run",
    "log_batch",
    "log_inputs",
    "restore_run",
    "set_tag",
    "update_run_info",
)
ON_AN_EXPERIMENT = (
    "create_run",
    "delete_experiment",
    "delete_experiment_tag",
    "get_experiment",
    "rename_experiment",
    "restore_experiment",
    "set_experiment_tag",
)
OTHERS = ("create_experiment", "get_experiment_by_name", "search_experiments", "search_runs")


class Store:
    """MLflow's store at a URI: the methods above, each as MLflow has it but for what fails.

    A method is called again while another program holds the database's lock, for
    :data:`BUSY_TIMEOUT_S`. Where MLflow finds no run, or no experiment, it raises
    :class:`RunNotFound` or :class:`ExperimentNotFound` with the id, which is the first argument;
    other failures are as :mod:`amlflow_mlflow.errors` says.

    ``server`` is MLflow's client where the store is a server, ``engine`` the database's where it
    is a database; the other is None.
    """

    get_experiment_by_name: Callable[..., Any]
    create_experiment: Callable[..., Any]
    search_experiments: Callable[..., Any]
    search_runs: Callable[..., Any]
    create_run: Callable[..., Any]
    get_experiment: Callable[..., Any]
    rename_experiment: Callable[..., Any]
    restore_experiment: Callable[..., Any]
    delete_experiment: Callable[..., Any]
    set_experiment_tag: Callable[..., Any]
    delete_experiment_tag: Callable[..., Any]
    get_run: Callable[..., Any]
    delete_run: Callable[..., Any]
    restore_run: Callable[..., Any]
    update_run_info: Callable[..., Any]
    log_batch: Callable[..., Any]
    log_inputs: Callable[..., Any]
    set_tag: Callable[..., Any]
    delete_tag: Callable[..., Any]
    get_metric_history: Callable[..., Any]

    def __init__(self, uri: str) -> None:
        """Open the store. Raises :class:`amlflow.spec.Unavailable`."""
        self.uri, self.where = uri, redacted(uri)
        self.inner = open_store(uri)
        self.server = self.inner if isinstance(self.inner, Server) else None
        self.engine = getattr(self.inner, "engine", None)
        # Within one call MLflow holds up to three of its fifteen database connections, so with
        # too many threads each would wait for the others' until the pool gives up.
        is_server = uri.startswith(("http:", "https:", "databricks"))
        self._room = (
            contextlib.nullcontext() if is_server else threading.Semaphore(DATABASE_THREADS)
        )
        for names, missing in (
            (ON_A_RUN, RunNotFound),
            (ON_AN_EXPERIMENT, ExperimentNotFound),
            (OTHERS, None),
        ):
            for name in names:
                setattr(self, name, functools.partial(self._call, name, missing))

    def _call(
        self,
        name: str,
        missing: Callable[[str, str], AzureMLException] | None,
        *args: Any,
        **more: Any,
    ) -> Any:
        absent = None if missing is None else missing(args[0], self.where)
        return self.patiently(functools.partial(getattr(self.inner, name), *args, **more), absent)

    def patiently(
        self, call: Callable[[], Result], missing: AzureMLException | None = None
    ) -> Result:
        """What a call to MLflow's store returns; it is made again while a lock is in the way."""
        with translated(self.uri, missing), self._room:
            return tenacity.Retrying(
                retry=tenacity.retry_if_exception(_is_in_the_way),
                wait=tenacity.wait_random_exponential(multiplier=0.02, max=1),
                stop=tenacity.stop_after_delay(BUSY_TIMEOUT_S),
                reraise=True,
            )(call)

    @property
    def has_sessions(self) -> bool:
        """Whether SQL can be sent to MLflow's database by :meth:`session`."""
        return hasattr(self.inner, "ManagedSessionMaker")

    def session(self) -> contextlib.AbstractContextManager[Any]:
        """A session of MLflow's database, for use within :meth:`patiently`."""
        return self.inner.ManagedSessionMaker()  # type: ignore[no-any-return]

    def metric_rows(self, run_id: str, key: str) -> list[tuple[int, int, float]]:
        """A metric's points (milliseconds, step, value), in this order."""
        missing = RunNotFound(run_id, self.where)
        if self.server is not None:
            return self.patiently(functools.partial(self.server.metric_rows, run_id, key), missing)
        history = self.get_metric_history(run_id, key)
        return [(point.timestamp, point.step, point.value) for point in history]


def _is_in_the_way(error: BaseException) -> bool:
    """Whether another process is, so that the same call may pass soon."""
    return isinstance(error, MlflowException) and (says(error, BUSY) or says(error, SAME_POINT))


def remove_tag(delete: Callable[[str, str], Any], record_id: str, key: str) -> None:
    """Delete a tag of a run or an experiment; one that is not there is as good as deleted."""
    try:
        delete(record_id, key)
    except AzureMLException as error:
        if not says(error, NO_TAG):
            raise
