"""Data sets whose definitions somebody else may have written to the tracker."""

from __future__ import annotations

import contextlib
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.data.dataset import open_dataset
from amlflow.core.data.lineage import describe
from amlflow.core.workspace import Workspace
from amlflow.data.definition import parse_definition
from amlflow.data.registry import (
    DEFINITION,
    DIGEST,
    EXPERIMENT,
    ID,
    NAME,
    VERSION,
    WRITER,
    Registry,
)
from amlflow.data.tables import _unique_names
from amlflow.exceptions import AzureMLException
from amlflow.spec import RunDraft, RunRecord, Status
from amlflow.testing.memory import MemoryTracker
from amlflow.tracker_data import Malformed
from helpers.flaky_tracker import START
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

STORE = "workspaceblobstore"


def text(**changes: Any) -> str:
    content = {
        "kind": "tabular", "format": "delimited", "sources": [[STORE, "data/a.csv"]],
        "options": {}, "steps": [],
    }  # fmt: skip
    return json.dumps({**content, **changes})


BAD = {
    "a local file": text(sources=[[None, "/etc/passwd"]]),
    "a file address": text(sources=[[None, "file:///etc/passwd"]]),
    "out of the datastore": text(sources=[[STORE, "../../etc/passwd"]]),
    "a datastore of another form": text(sources=[["file:///", "etc/passwd"]]),
    "a chain of addresses": text(sources=[[None, "simplecache::file:///etc/passwd"]]),
    "no host": text(sources=[[None, "http://[x/a.csv"]]),
    "no port": text(sources=[[None, "http://a::file:///etc/passwd"]]),
    "a line feed in an address": text(sources=[[None, "http://a/\n"]]),
    "as many paths": text(sources=[[STORE, "a"]] * 100_001),
    "a long path": text(sources=[[STORE, "a" * 5000]]),
    "wildcards": text(sources=[[STORE, "*a" * 30]]),
    "an encoding": text(options={"encoding": "rot13"}),
    "a header": text(options={"header": "x"}),
    "a separator": text(options={"separator": "(a+)+$"}),
    "no separator": text(options={"separator": ""}),
    "a type": text(options={"column_types": {"a": "long"}}),
    "another type": text(options={"column_types": {"a": {"type": "pickle"}}}),
    "formats": text(options={"column_types": {"a": {"type": "datetime", "formats": 5}}}),
    "a group": text(options={"partition_format": "/{1a}/x"}),
    "many wildcards of a path": text(options={"partition_format": "/{a}/" + "*a" * 32}),
    "groups side by side": text(options={"partition_format": "/" + "{a}{b}{c}{d}{e}{f}"}),
    "takes less than nothing": text(steps=[["take", -1]]),
    "a share": text(steps=[["sample", 7, 1]]),
    "a seed": text(steps=[["split", 0.5, -1, True]]),
    "a time": text(steps=[["time", "when", "yesterday", None, True]]),
    "an empty condition": text(steps=[["filter", []]]),
    "a sign that is a list": text(steps=[["filter", [["=="], "a", 1]]]),
    "a condition on a number": text(steps=[["filter", ["~", 5]]]),
    "a column that is none": text(steps=[["filter", ["==", "a", ["column"]]]]),
    "a deep condition": text(
        steps=[["filter", json.loads('["~",' * 30 + '["null","a"]' + "]" * 30)]]
    ),
    "a kind": text(kind="pickle"),
    "a format": text(format="pickle"),
    "an object": text(options=[]),
}  # fmt: skip


def plant(tracker: MemoryTracker, properties: dict[str, str], **more: Any) -> RunRecord:
    experiment = tracker.ensure_experiment(EXPERIMENT)
    draft = RunDraft(
        experiment_id=experiment.id, created=START, status=Status.COMPLETED,
        properties=properties, **more,
    )  # fmt: skip
    [record] = tracker.create_runs([draft])
    return record


@pytest.mark.parametrize("definition", BAD.values(), ids=BAD)
def test_a_definition_that_is_not_one_is_no_data_set(definition: str) -> None:
    with pytest.raises(Malformed):
        parse_definition(definition)


def test_each_bad_definition_leaves_the_others_there(
    workspace: Workspace, tracker: MemoryTracker
) -> None:
    plant(tracker, {NAME: "good", VERSION: "1", DEFINITION: text()})
    for number, definition in enumerate(BAD.values()):
        plant(tracker, {NAME: f"bad {number}", VERSION: "1", DEFINITION: definition})
    plant(tracker, {NAME: "bad version", VERSION: "9" * 50, DEFINITION: text()})
    plant(tracker, {NAME: "x" * 300, VERSION: "1", DEFINITION: text()})
    plant(tracker, {NAME: "no snapshot", VERSION: "1", DIGEST: "../../etc/passwd"})
    assert list(workspace.datasets) == ["bad version", "good"]
    with pytest.raises(AzureMLException, match="cannot read"):
        Registry(tracker).by_name("bad 0")


ARCHIVES: dict[str, Callable[[zipfile.ZipFile], None]] = {
    "another entry": lambda archive: archive.writestr("other.json", "{}"),
    "other content": lambda archive: archive.writestr("definition.json", text()),
    "a large entry": lambda archive: archive.writestr("definition.json", "[" * 15_000_000),
}


@pytest.mark.parametrize("kind", [*ARCHIVES, "no archive", "a damaged entry", "an unknown method"])
def test_a_snapshot_that_is_not_a_definition_hides_no_other(
    tracker: MemoryTracker, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "archive"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        ARCHIVES.get(kind, ARCHIVES["other content"])(archive)
    content = bytearray(path.read_bytes())
    if kind == "no archive":
        content = bytearray(b"PK\x03\x04")
    elif kind == "a damaged entry":
        content[60:90] = b"\xff" * 30
    elif kind == "an unknown method":
        content[8:10] = b"\x63\x00"
        start = content.index(b"PK\x01\x02")
        content[start + 10 : start + 12] = b"\x63\x00"
    path.write_bytes(content)
    tracker.put_snapshot("a" * 64, path)
    plant(tracker, {NAME: "bad", VERSION: "1", DIGEST: "a" * 64})
    plant(tracker, {NAME: "good", VERSION: "1", DEFINITION: text()})
    assert [item.name for item in Registry(tracker).read_all()] == ["good"]


def test_many_columns_of_one_name_take_no_time() -> None:
    start = time.process_time()
    names = _unique_names(["a"] * 50_000)
    assert time.process_time() - start < 5
    assert len(set(names)) == 50_000
    assert names[:3] == ["a", "a_1", "a_2"]


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from([
        STORE, "data/*.csv", "http://a/b", "utf8", "delimited", "files", "tabular", "file", "==",
        "a", "column", "filter", "keep_columns", "2026-01-01", "{a}", "long", 10**400,
    ]),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["type", "formats", "a", "encoding"]), inner, max_size=3),
    ),
    max_leaves=8,
)
DEFINITIONS = st.one_of(
    st.text(max_size=30),
    VALUES.map(json.dumps),
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["tabular", "file"]),
            "format": st.sampled_from(["delimited", "parquet", "json-lines", "files"]),
            "sources": st.lists(st.tuples(st.sampled_from([STORE, None]), LEAVES), max_size=3),
            "options": st.dictionaries(
                st.sampled_from([
                    "encoding", "separator", "header", "column_types", "partition_format",
                    "timestamp",
                ]),
                VALUES, max_size=3,
            ),
            "steps": st.lists(
                st.one_of(
                    VALUES,
                    st.tuples(st.sampled_from(["take", "skip"]), LEAVES).map(list),
                    st.tuples(st.sampled_from(["filter", "keep_columns"]), VALUES).map(list),
                    st.tuples(st.just("time"), LEAVES, LEAVES, LEAVES, st.booleans()).map(list),
                ),
                max_size=3,
            ),
        }
    ).map(json.dumps),
)  # fmt: skip
PROPERTIES = st.fixed_dictionaries(
    {NAME: st.sampled_from(["bad", "", "\x1b[2J", "x" * 300])},
    optional={
        VERSION: st.sampled_from(["1", "0", "-1", "²", "9" * 30, "x"]), ID: st.text(max_size=5),
        DEFINITION: DEFINITIONS, DIGEST: st.sampled_from(["", "../..", "a" * 64]),
        WRITER: st.text(max_size=5),
    },
)  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(properties=PROPERTIES, tags=st.dictionaries(st.text(max_size=5), st.text(max_size=9)))
def test_arbitrary_registrations_break_no_read(
    workspace: Workspace,
    tracker: MemoryTracker,
    write: Callable[..., Path],
    datastore: Any,
    properties: dict[str, str],
    tags: dict[str, str],
) -> None:
    datastore.upload_files([str(write("a.csv", "a,b\n1,2\n"))], ".", "data", show_progress=False)
    record = plant(tracker, properties, tags=tags, name="bad")
    for registration in Registry(tracker).read_all():
        dataset = open_dataset(workspace, registration)
        repr(dataset)
        describe(workspace, dataset)
        is_local = all(source.store for source in registration.definition.sources)
        if is_local:  # unit tests do not call a server
            read = getattr(dataset, "to_pandas_dataframe", None) or dataset.to_path
            with contextlib.suppress(AzureMLException):
                read()
    assert workspace.datasets is not None
    tracker.delete_run(record.id)  # else each example would also read the ones before it
