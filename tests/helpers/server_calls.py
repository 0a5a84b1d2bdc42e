"""The calls of MLflow's store and of its tracker to a server, each by a part of its path."""

from __future__ import annotations

import contextlib
import dataclasses
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from amlflow.exceptions import AzureMLException
from amlflow.spec import (
    ModelDraft,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
    Unavailable,
)
from amlflow_mlflow.entities import InputDataset, MetricPoint

from helpers.flaky_proxy import PASS, Proxy, always_pass

NOW = datetime(2031, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def new_run(tracker: Tracker, **more: Any) -> RunRecord:
    experiment = tracker.ensure_experiment(f"answers-{uuid.uuid4().hex}")
    draft = RunDraft(experiment_id=experiment.id, created=NOW, writer="w", **more)
    return tracker.create_runs([draft])[0]


def only(part: str, reply: Any) -> Callable[[str, Any], Any]:
    """A rule: this answer to calls whose path has a part."""
    return lambda path, content: reply if part in path else PASS


def believed(
    proxy: Proxy, calls: dict[str, Callable[[], Any]], replies: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Which replies are taken for MLflow's, by a part of a path, whose call succeeds without."""
    pairs = []
    for part, call in calls.items():
        for kind, reply in replies.items():
            proxy.rule = only(part, reply)
            try:
                call()
            except Unavailable:
                pass
            else:
                pairs.append((part, kind))
        proxy.rule = always_pass
        call()
    return pairs


def change_back(store: Any, stage: str, identity: str) -> None:
    """Delete an active experiment or run, or restore a deleted one; it is made so before."""
    is_active, of_run = stage.startswith("active"), stage.endswith("run")
    restore = store.restore_run if of_run else store.restore_experiment
    delete = store.delete_run if of_run else store.delete_experiment
    with contextlib.suppress(AzureMLException):
        (restore if is_active else delete)(identity)
    (delete if is_active else restore)(identity)


class Calls:
    """The calls of a store: each by a part of its path. ``trusted`` are those that change nothing
    and whose answer may be ``{}``."""

    def __init__(self, tracker: Tracker, path: Path) -> None:
        store: Any = tracker._store  # type: ignore[attr-defined]
        run = self.run = new_run(tracker)
        path.write_text("content")
        tracker.put_files(run.id, {"file.txt": path})
        store.set_tag(run.id, "gone", "yes")
        name = self.name = f"model-{uuid.uuid4().hex}"
        model = ModelDraft(name=name, run_id=run.id, path="file.txt")
        registry: Any = tracker._models._registry  # type: ignore[attr-defined]
        tracker.register_model(dataclasses.replace(model, tags={"gone": "yes"}))
        other = tracker.ensure_experiment(f"other-{uuid.uuid4().hex}").id
        self.looked_at: dict[str, Callable[[], Any]] = {
            "runs/log-batch": lambda: store.log_batch(
                run.id, metrics=[MetricPoint("m", 1.5, 1000, 1)], params={"p": "v"}
            ),
            "runs/set-tag": lambda: store.set_tag(run.id, "t", "v"),
            "runs/delete-tag": lambda: store.delete_tag(run.id, "gone"),
            "runs/update": lambda: tracker.update_run(run.id, RunChange(status=Status.RUNNING)),
            "runs/create": lambda: new_run(tracker),
            "runs/get": lambda: tracker.get_run(run.id),
            "experiments/get": lambda: tracker.get_experiment(run.experiment_id),
            "experiments/create": lambda: tracker.ensure_experiment(f"fresh-{uuid.uuid4().hex}"),
            "mlflow-artifacts/artifacts/": lambda: tracker.put_files(
                run.id, {"logs/x": path}, replace=True
            ),
            "registered-models/create": lambda: tracker.register_model(model),
            "model-versions/create": lambda: tracker.register_model(model),
            "model-versions/get?": lambda: tracker.get_model(name, 1),
            "model-versions/update": lambda: registry.describe_version(name, 1, "text"),
            "model-versions/set-tag": lambda: registry.set_version_tag(name, 1, "t", "v"),
            "model-versions/delete-tag": lambda: registry.delete_version_tag(name, 1, "gone"),
            "model-versions/delete": lambda: tracker.delete_model(name, 2),
            "set-experiment-tag": lambda: store.set_experiment_tag(
                run.experiment_id, "t", f"v{uuid.uuid4().hex}"
            ),
            "experiments/update": lambda: store.rename_experiment(
                other, f"other-{uuid.uuid4().hex}"
            ),
            "experiments/delete": lambda: change_back(store, "active", other),
            "experiments/restore": lambda: change_back(store, "deleted", other),
            "runs/delete": lambda: change_back(store, "active run", run.id),
            "runs/restore": lambda: change_back(store, "deleted run", run.id),
            "runs/log-inputs": lambda: store.log_inputs(
                run.id, [InputDataset("data", uuid.uuid4().hex, "amlflow", "{}", {"mode": "mount"})]
            ),
        }
        self.trusted: dict[str, Callable[[], Any]] = {
            "runs/search": lambda: list(
                tracker.find_runs(RunQuery(experiment_ids=[run.experiment_id]))
            ),
            "experiments/search": lambda: list(tracker.list_experiments()),
            "model-versions/search": lambda: list(tracker.find_models()),
            "metrics/get-history": lambda: store.metric_rows(run.id, ["m"]),
            "mlflow-artifacts/artifacts?": lambda: tracker.list_files(run.id),
        }
