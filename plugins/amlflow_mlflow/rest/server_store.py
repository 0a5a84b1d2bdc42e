"""Experiments and runs of an MLflow server, over its REST API."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from amlflow.exceptions import AzureMLException
from amlflow.spec import ExperimentNotFound, Refused, RunNotFound, redacted
from amlflow.tracker_data import is_id, keep_id

from amlflow_mlflow.answers import STATES, foreign, holds, text
from amlflow_mlflow.entities import (
    ALL,
    Experiment,
    InputDataset,
    MetricPoint,
    Page,
    Row,
    Run,
    RunInfo,
)
from amlflow_mlflow.errors import BUSY, BUSY_TIMEOUT_S, SAME_POINT, says
from amlflow_mlflow.rest import messages
from amlflow_mlflow.rest.artifacts import open_artifacts
from amlflow_mlflow.rest.calls import Calls
from amlflow_mlflow.rest.connection import Connection
from amlflow_mlflow.rest.old_names import filter_to_server, from_server, to_server
from amlflow_mlflow.rest.server_registry import ServerRegistry
from amlflow_mlflow.rest.version import Abilities, find_least_version
from amlflow_mlflow.several_calls import call_for_each
from amlflow_mlflow.store import ArtifactStore

Result = TypeVar("Result")

THREADS = 8
"""How many calls to make at the same time. A server has many workers."""
HISTORY_PAGE = 25_000
"""How many points one answer may have: MLflow's maximum."""


class ServerStore:
    """An :class:`amlflow_mlflow.store.Store` on a server."""

    is_server = True
    is_atomic = False
    threads = THREADS
    dialect: str | None = None

    def __init__(self, uri: str) -> None:
        """Open the server. Raises :class:`amlflow.spec.Unavailable` within seconds."""
        self.uri, self.where = uri, redacted(uri)
        self.connection = Connection(uri)
        self.connection.probe()
        self._calls = Calls(self.connection)
        version = self.connection.version
        least = None if version is not None else find_least_version(self._calls.ask)
        self._abilities = Abilities(version, self.where, least)
        self.filters_null = self._abilities.filters_null
        self.known_limits = self._abilities.known_limits
        self._check_workspace()
        self.registry = ServerRegistry(self._calls, self._abilities)

    def at_once(self) -> AbstractContextManager[object]:
        return nullcontext()  # a server has no transactions

    def _check_workspace(self) -> None:
        """Raise :class:`Refused` if a workspace is set but the server has no workspaces."""
        name = os.environ.get("MLFLOW_WORKSPACE", "").strip()
        if name and self.connection.info.get("workspaces_enabled") is not True:
            raise Refused(
                f"MLFLOW_WORKSPACE is {name!r}, and the MLflow server at {self.where} has no "
                "workspaces. Unset it, or start the server with --enable-workspaces."
            )

    # experiments

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        nothing = ExperimentNotFound(name, self.where)
        path = "experiments/get-by-name"
        try:
            experiment = self._calls.read(
                "GET",
                path,
                {"experiment_name": name},
                "experiment",
                messages.to_experiment,
                nothing,
            )
        except ExperimentNotFound:
            return None
        if experiment.name != name:
            raise self._calls.about_another(path)
        if not is_id(experiment.experiment_id):
            raise self._calls.foreign(path)
        return experiment

    def create_experiment(self, name: str, tags: Mapping[str, str]) -> str:
        content = {"name": name, "tags": self._entries(tags)}
        path = "experiments/create"
        experiment_id = self._calls.read("POST", path, content, "experiment_id", text)
        if not is_id(experiment_id):
            raise self._calls.foreign(path)
        return experiment_id

    def get_experiment(self, experiment_id: str) -> Experiment:
        path = "experiments/get"
        experiment = self._calls.read(
            "GET",
            path,
            {"experiment_id": experiment_id},
            "experiment",
            messages.to_experiment,
            ExperimentNotFound(experiment_id, self.where),
        )
        if experiment.experiment_id != experiment_id:
            raise self._calls.about_another(path)
        return experiment

    def search_experiments(self, size: int, token: str | None) -> Page[Experiment]:
        content = {"view_type": ALL, "max_results": size, "page_token": token}
        page = self._calls.read_page(
            "POST",
            "experiments/search",
            {key: value for key, value in content.items() if value is not None},
            "experiments",
            messages.to_experiment,
        )
        experiments = (item for item in page if keep_id(item.experiment_id, "experiment_id"))
        return Page(experiments, page.token)

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        self._change_experiment("update", experiment_id, new_name=name)

    def restore_experiment(self, experiment_id: str) -> None:
        self._change_experiment("restore", experiment_id)

    def delete_experiment(self, experiment_id: str) -> None:
        self._change_experiment("delete", experiment_id)

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        self._change_experiment("set-experiment-tag", experiment_id, key=key, value=value)

    def check_removes_experiment_tags(self, experiment_id: str) -> None:
        if self.known_limits:
            self.get_experiment(experiment_id)
        self._abilities.check_removes_experiment_tags()

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        self._change_experiment("delete-experiment-tag", experiment_id, key=key)

    def _change_experiment(self, name: str, experiment_id: str, **change: str) -> None:
        path = f"experiments/{name}"
        content = {"experiment_id": experiment_id, **change}
        if "key" in change:
            content["key"] = self._key(change["key"])
        missing = ExperimentNotFound(experiment_id, self.where)
        if not self._patiently(partial(self._calls.change, "POST", path, content, missing)):
            self._check_state(path, self.get_experiment(experiment_id), change)

    def _check_state(
        self, path: str, state: Experiment | RunInfo, change: Mapping[str, str]
    ) -> None:
        """Raise an error if a change is not done. Needed if its answer did not show that."""
        if not STATES[path](state, change):
            raise foreign(self.where, f"it reports success, and {path} is not done")

    # runs

    def create_run(
        self, experiment_id: str, user: str, start_ms: int, tags: Mapping[str, str],
        name: str | None,
    ) -> Run:  # fmt: skip
        self._abilities.check_tags(tags)
        content = {
            "experiment_id": experiment_id,
            "user_id": user,
            "start_time": start_ms,
            "tags": self._entries(tags),
        }
        if name is not None:
            content["run_name"] = name
        missing = ExperimentNotFound(experiment_id, self.where)
        run = self._calls.read("POST", "runs/create", content, "run", messages.to_run, missing)
        if not is_id(run.info.run_id):
            raise self._calls.foreign("runs/create")
        return run

    def get_run(self, run_id: str) -> Run:
        run = self._of_run("GET", "runs/get", {"run_id": run_id}, "run", messages.to_run)
        if run.info.run_id != run_id:
            raise self._calls.about_another("runs/get")
        return run

    def delete_run(self, run_id: str) -> None:
        self._change_stage("runs/delete", run_id)

    def restore_run(self, run_id: str) -> None:
        self._change_stage("runs/restore", run_id)

    def _change_stage(self, path: str, run_id: str) -> None:
        if not self._change_run(path, {"run_id": run_id}):
            self._check_state(path, self.get_run(run_id).info, {})

    def update_run_info(self, run_id: str, status: str | None, ended_ms: int | None) -> RunInfo:
        content: dict[str, Any] = {"run_id": run_id}
        if status is not None:
            content["status"] = status
        if ended_ms is not None:
            content["end_time"] = ended_ms
        info = self._of_run("POST", "runs/update", content, "run_info", messages.to_run_info)
        if info.run_id != run_id:
            raise self._calls.about_another("runs/update")
        return info

    def log_batch(
        self, run_id: str, *, metrics: Sequence[MetricPoint] = (),
        params: Mapping[str, str] | None = None, tags: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._abilities.check_tags(tags or {})
        content: dict[str, Any] = {
            "run_id": run_id,
            "metrics": [
                {
                    "key": self._key(point.key),
                    "value": messages.from_value(point.value),
                    "timestamp": point.timestamp,
                    "step": point.step,
                }
                for point in metrics
            ],
            "params": self._entries(params or {}),
            "tags": self._entries(tags or {}),
        }
        if not self._change_run("runs/log-batch", content):
            self._check_done(run_id, content)

    def log_inputs(self, run_id: str, datasets: Sequence[InputDataset]) -> None:
        content = {
            "run_id": run_id,
            "datasets": [
                {
                    "tags": [{"key": key, "value": value} for key, value in item.tags.items()],
                    "dataset": {
                        "name": item.name,
                        "digest": item.digest,
                        "source_type": item.source_type,
                        "source": item.source,
                    },
                }
                for item in datasets
            ],
        }
        if not self._change_run("runs/log-inputs", content):
            found = self._of_run("GET", "runs/get", {"run_id": run_id}, "run", messages.to_inputs)
            if not {(item.name, item.digest) for item in datasets} <= found:
                raise foreign(self.where, "what was sent is not there")

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self._abilities.check_tags({key: value})
        content = {"run_id": run_id, "key": self._key(key), "value": value}
        if not self._change_run("runs/set-tag", content):
            self._check_done(run_id, {"tags": [content]})

    def delete_tag(self, run_id: str, key: str) -> None:
        content = {"run_id": run_id, "key": self._key(key)}
        if not self._change_run("runs/delete-tag", content):
            self._check_done(run_id, {"removed": [content]})

    def search_runs(
        self, experiment_ids: Sequence[str], condition: str, *, view: str, size: int,
        order: Sequence[str], token: str | None = None,
    ) -> Page[Run]:  # fmt: skip
        spell = partial(filter_to_server, takes_colons=self._abilities.takes_colons)
        content = {
            "experiment_ids": list(experiment_ids),
            "filter": spell(condition) if condition else None,
            "run_view_type": view,
            "max_results": size,
            "order_by": [spell(column) for column in order],
            "page_token": token,
        }
        page = self._calls.read_page(
            "POST",
            "runs/search",
            {key: value for key, value in content.items() if value is not None},
            "runs",
            messages.to_run,
        )
        return Page((run for run in page if keep_id(run.info.run_id)), page.token)

    def metric_rows(self, run_id: str, keys: Sequence[str]) -> dict[str, list[Row]]:
        rows = call_for_each(partial(self._metric_rows, run_id), keys, THREADS)
        return dict(zip(keys, rows, strict=True))

    def _metric_rows(self, run_id: str, key: str) -> list[Row]:
        path = "metrics/get-history"
        content: dict[str, Any] = {
            "run_id": run_id,
            "metric_key": self._key(key),
            # Servers from 3.1 to 3.12 refuse their own page tokens without it.
            "max_results": HISTORY_PAGE,
        }
        rows: list[Row] = []
        while True:
            page = self._calls.read_page(
                "GET", path, content, "metrics", messages.to_row, RunNotFound(run_id, self.where)
            )
            rows += page
            if not page.token:
                return sorted(rows)
            if page.token == content.get("page_token"):
                raise self._calls.foreign(path)
            content["page_token"] = page.token

    def _of_run(
        self,
        method: str,
        path: str,
        content: Mapping[str, Any],
        key: str,
        take: Callable[[Any], Result],
    ) -> Result:
        missing = RunNotFound(str(content["run_id"]), self.where)
        return self._patiently(partial(self._calls.read, method, path, content, key, take, missing))

    def _change_run(self, path: str, content: Mapping[str, Any]) -> bool:
        missing = RunNotFound(str(content["run_id"]), self.where)
        return self._patiently(partial(self._calls.change, "POST", path, content, missing))

    def _check_done(self, run_id: str, batch: Mapping[str, Any]) -> None:
        """Raise an error if a write is not done. Needed if its answer did not show that."""
        path = "runs/get"
        answer = {
            "run": self._of_run("GET", path, {"run_id": run_id}, "run", lambda message: message)
        }
        later = holds(answer, run_id, batch, self.where)
        for key, points in later.items():
            rows = self._metric_rows(run_id, from_server(key))
            if not points <= {(row.timestamp, row.step) for row in rows}:
                raise foreign(self.where, "what was logged is not there")

    # names

    def _key(self, key: str) -> str:
        """Encode a key for this server."""
        return to_server(key, takes_colons=self._abilities.takes_colons)

    def _entries(self, entries: Mapping[str, str]) -> list[dict[str, str]]:
        return [{"key": self._key(key), "value": value} for key, value in entries.items()]

    def _patiently(self, call: Callable[[], Result]) -> Result:
        """Make a call again while another client has the lock of the server's own database."""
        deadline, pause = time.monotonic() + BUSY_TIMEOUT_S, 0.02
        while True:
            try:
                return call()
            except AzureMLException as error:
                if not _is_in_the_way(error) or time.monotonic() + pause > deadline:
                    raise
            time.sleep(random.uniform(0, pause))  # noqa: S311  (no secret)
            pause = min(1.0, 2 * pause)

    # this machine

    def select(self, statement: str, values: Mapping[str, Any]) -> list[Any]:
        raise Refused("A server takes no SQL.")

    def database(self) -> Path | None:
        return None

    def open_artifacts(self, root: str) -> ArtifactStore:
        return open_artifacts(root, self.connection)


def _is_in_the_way(error: AzureMLException) -> bool:
    """Whether another client is in the way, so that the same call may soon succeed."""
    return says(error, BUSY) or says(error, SAME_POINT)
