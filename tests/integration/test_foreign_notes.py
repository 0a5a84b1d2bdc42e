"""Notes of environments, models and clusters' jobs that somebody else may have written.

tests/faults/test_hostile_notes.py does the same for runs on MLflow, and test_foreign_definitions.py
for data sets.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from amlflow import tracker_notes
from amlflow.core.environments.registry import EXPERIMENT, Registry, digest_of
from amlflow.core.experiment import Experiment
from amlflow.core.models.model import Model
from amlflow.core.runs.run import Run
from amlflow.core.scripts.environment import Environment
from amlflow.core.workspace import Workspace
from amlflow.exceptions import AzureMLException
from amlflow.jobs.cluster.canceling import cancel_at_cluster
from amlflow.jobs.cluster.looking import cluster_change, look_at_cluster
from amlflow.jobs.run_notes import CLUSTER, END, JOB_NOTE
from amlflow.layers.models import REGISTRY, Models
from amlflow.own_runs import to_run_id
from amlflow.spec import (
    LAUNCHED,
    ClusterJob,
    JobState,
    ModelChange,
    ModelDraft,
    RunChange,
    RunDraft,
)
from amlflow.testing.memory import MemoryTracker
from amlflow.testing.memory_cluster import MemoryCluster
from amlflow.tracker_data import parse
from amlflow.tracker_notes import (
    NOTES,
    EnvironmentEntry,
    Note,
    parse_cluster,
    parse_model,
    parse_waiting,
    to_environment_entry,
)
from amlflow.waiting_text import waiting_text
from helpers.hostile_runs import NASTY, READS
from helpers.memory_workspace import tracker, workspace
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

__all__ = ["tracker", "workspace"]

START = datetime(2026, 1, 2, tzinfo=timezone.utc)
numbers = itertools.count()
FEW = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["1", "a" * 64, "0" * 32, "e", "2026-01-02T00:00:00+00:00", "-r /etc/passwd"]),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def damaged(**valid: Any) -> st.SearchStrategy[str]:
    """JSON of an object with one or two values that are something else, and texts of all kinds."""
    changes = st.dictionaries(st.sampled_from(sorted(valid)), VALUES, min_size=1, max_size=2)
    return st.one_of(
        changes.map(lambda change: json.dumps({**valid, **change})), st.sampled_from(NASTY)
    )


AT = "2026-01-02T00:00:00+00:00"
ENTRIES = st.dictionaries(
    st.sampled_from(["entry-1", "entry-2", "entry-0", "entry-999999", "entry-²", "entry-x"]),
    st.one_of(
        damaged(at=AT, version="1", digest="DIGEST", labels=["a"], gone=False),
        damaged(at=AT, version="1", labels=["a"]),
        st.just(json.dumps({"at": AT, "version": "1", "digest": "DIGEST"})),
    ),
    min_size=1,
)
SECTIONS = st.dictionaries(
    st.sampled_from(["name", "version", "python", "docker", "environmentVariables", "r", "spark"]),
    st.one_of(
        VALUES,
        st.dictionaries(
            st.sampled_from([
                "condaDependencies", "userManagedDependencies", "interpreterPath", "baseImage",
                "arguments", "baseDockerfile", "baseImageRegistry",
            ]),
            st.one_of(
                VALUES, st.fixed_dictionaries({"dependencies": st.lists(VALUES, max_size=3)})
            ),
            max_size=4,
        ),
    ),
)  # fmt: skip


@FEW
@given(entries=ENTRIES, definition=SECTIONS, tag=st.sampled_from(["bad", "", "x" * 300, "\x1b[2J"]))
def test_arbitrary_environments_break_no_read(
    workspace: Workspace,
    tracker: MemoryTracker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    entries: dict[str, str],
    definition: dict[str, Any],
    tag: str,
) -> None:
    # Nobody writes the 70 curated environments, and each list would make all of them.
    monkeypatch.setattr("amlflow.core.environments.curated.curated_definitions", dict)
    registry = Registry(tracker)
    registry.register("good", {"name": "good", "python": {}})
    digest = digest_of(definition)
    name = f"{tag}{digest[:8]}{next(numbers)}"
    draft = RunDraft(
        experiment_id=tracker.ensure_experiment(EXPERIMENT).id,
        run_id=to_run_id("environment", name),
        created=START,
        status="Completed",
        tags={"environment": name},
        properties={key: text.replace("DIGEST", digest) for key, text in entries.items()},
    )
    [record] = tracker.create_runs([draft])
    path = tmp_path / "definition.json"
    path.write_text(json.dumps(definition), encoding="utf-8")
    tracker.put_files(record.id, {f"definitions/{digest}.json": path}, replace=True)
    assert "good" in Environment.list(workspace)
    with contextlib.suppress(AzureMLException):
        repr(Environment.get(workspace, name))
    with contextlib.suppress(AzureMLException):  # else each example would read all before it
        tracker.delete_run(record.id)


MODEL_NOTES = st.dictionaries(
    st.sampled_from([
        "framework", "framework_version", "sample_input", "sample_output", "run", "experiment",
        "resources", "dataset_", "dataset_a", "created", "x",
    ]),
    st.one_of(
        damaged(name="training", id="1"), damaged(cpu=1, memoryInGB=0.5, gpu=1), VALUES.map(str)
    ),
)  # fmt: skip


@FEW
@given(notes=MODEL_NOTES)
def test_arbitrary_notes_of_a_model_break_no_read(
    workspace: Workspace, tracker: MemoryTracker, tmp_path: Path, notes: dict[str, str]
) -> None:
    path = tmp_path / "model.pkl"
    path.write_text("content")
    record = tracker.register_model(
        ModelDraft(name="bad", path="model.pkl", files={"model.pkl": path})
    )
    tracker.update_model("bad", record.version, ModelChange(system=notes))
    models = Model.list(workspace)
    assert models
    for model in (*models[:1], Model(workspace, "bad")):
        repr(model)
        json.dumps(model.serialize(), allow_nan=False)
    assert list(Model.list(workspace, name="bad", latest=True))


@FEW
@given(
    note=damaged(name="bad", version=1, path="model", run_id="bad", is_uploaded=True),
    run_id=st.sampled_from(["bad", to_run_id("model", "1 bad")]),
)
def test_arbitrary_runs_among_models_break_no_read(note: str, run_id: str) -> None:
    """Where the tracker has no registry, each version is a run."""
    inner = MemoryTracker()
    draft = RunDraft(
        experiment_id=inner.ensure_experiment(REGISTRY).id,
        run_id=run_id,
        created=START,
        status="Completed",
        system={parse_model.key: note},
    )
    inner.create_runs([draft])
    layer = Models(inner)
    for model in layer.find_models():
        assert isinstance(model.name, str)
        assert model.version > 0
    with contextlib.suppress(AzureMLException):
        layer.get_model("bad", 1)
        layer.list_model_files("bad", 1)


RUN_NOTES = st.fixed_dictionaries(
    {
        LAUNCHED: st.sampled_from(["", "yes"]),
        CLUSTER: st.sampled_from([*NASTY, "slurm"]),
        JOB_NOTE: damaged(name="0" * 32, host="h", proof="a" * 64),
        parse_waiting.key: damaged(reason="Priority", before=1, id="1", attempt=1),
        END: damaged(status="Canceled", error={"error": {"message": "", "code": ""}}),
        "input.a": damaged(name="a", version=1, input="a", mode="mount").map("[{}]".format),
        "output.": st.one_of(st.sampled_from(NASTY), st.lists(VALUES, max_size=3).map(json.dumps)),
    },
)  # fmt: skip


@FEW
@given(notes=RUN_NOTES, text=st.sampled_from(NASTY), status=st.sampled_from(["Queued", "Running"]))
def test_arbitrary_notes_of_a_clusters_job_break_no_look(
    workspace: Workspace, tracker: MemoryTracker, notes: dict[str, str], text: str, status: str
) -> None:
    assert parse_cluster.key in NOTES
    cluster = MemoryCluster()
    experiment = Experiment(workspace, "clusters")
    draft = RunDraft(experiment_id=experiment.id, created=START, status=status, system=notes)
    [record] = tracker.create_runs([draft])
    waiting_text(record)
    for state in JobState:
        cluster_change(record, ClusterJob(state=state, reason=text, id=text))
    look_at_cluster(tracker, record, lambda: cluster)
    cancel_at_cluster(tracker, tracker.get_run(record.id), lambda: cluster)
    tracker.update_run(record.id, RunChange(status="Failed"))
    run = Run.get(workspace, record.id)
    for read in READS.values():
        read(run)


JOB = "0" * 32
COMPLETE: dict[str, Any] = {
    "job": {"name": JOB, "host": "machine", "proof": "a" * 64, "base": "b" * 64},
    "waiting": {"reason": "Priority", "before": 1, "id": "1", "attempt": 1},
    "end": {"status": "Failed", "error": {"error": {"message": "m", "code": "c"}}},
    "error": {"error": {"message": "m", "code": "c"}},
    "silent": {"heartbeat": AT, "since": AT},
    "warnings": ["w"],
    "definition": {"script": "a.py"},
    "model": {"name": "m", "version": 1, "path": "p", "run_id": "r", "is_uploaded": True},
    "environment": {"name": "e", "version": "1", "is_made": True, "key": "a" * 64},
}
"""Notes that are objects or lists, each with all that it can have."""
OTHERS = (None, True, 0, -1, 1, 1.5, 2**70, "", "a", "a" * 5000, AT, [], [1], {}, {"a": 1})
"""Values of each kind, to be put in the place of each value of a note."""


def replaced(value: Any) -> Iterator[Any]:
    """All forms of a value in which one value within it is another one, or is left out."""
    yield from OTHERS
    if isinstance(value, dict):
        for key, item in value.items():
            yield {name: other for name, other in value.items() if name != key}
            yield from ({**value, key: other} for other in replaced(item))
    if isinstance(value, list):
        yield from ([other] for item in value for other in replaced(item))


def declared_types() -> dict[str, Any]:
    """What each note is when it parses, by its key, as its annotation declares it."""
    hints = get_type_hints(tracker_notes)
    return {
        note.key: get_args(hints[name])[0]
        for name, note in vars(tracker_notes).items()
        if isinstance(note, Note)
    }


def check_type(value: Any, kind: Any) -> None:
    """Raise ValidationError for a value that is not of a type, or has a field that is not."""
    if dataclasses.is_dataclass(kind):
        assert type(value) is kind
        for name, declared in get_type_hints(kind).items():
            check_type(getattr(value, name), declared)
    else:
        TypeAdapter(kind).validate_python(value, strict=True)


@pytest.mark.parametrize("key", sorted(NOTES))
def test_a_note_with_any_other_value_in_it_is_absent_or_has_its_types(key: str) -> None:
    kind, note = declared_types()[key], NOTES[key]
    if key in COMPLETE:
        value = note.among("run", {key: json.dumps(COMPLETE[key])})
        assert value is not None
        check_type(value, kind)
    for other in replaced(COMPLETE.get(key)):
        texts = [json.dumps(other), *([other] if isinstance(other, str) else [])]
        for text in texts:
            value = note.among("run", {key: text})
            if value is not None:
                check_type(value, kind)
            if value is not None and key == "error":
                check_type(value["error"]["message"], str)
                check_type(value["error"].get("code"), str | None)


def test_an_entry_with_any_other_value_in_it_is_absent_or_has_its_types() -> None:
    entry = {"at": AT, "version": "1", "digest": "a" * 64, "labels": ["a"], "gone": False}
    for other in (entry, *replaced(entry)):
        value = parse("run", "entry-1", json.dumps(other), to_environment_entry)
        assert value is not None or other is not entry
        if value is not None:
            check_type(value, EnvironmentEntry)
