"""Whatever somebody writes into a run's notes, nobody's calls break: SDK, command line and page.

The notes are written into MLflow's database past amlflow, so that nothing checks them before.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import amlflow_mlflow.records as mlflow_records
import amlflow_mlflow.spelling as mlflow_names
import pytest
from amlflow import tracker_data, tracker_notes
from amlflow.cli.commands import COMMANDS
from amlflow.core.data.entry import Dataset
from amlflow.core.models.model import Model
from amlflow.core.runs.run import Run
from amlflow.core.scripts.environment import Environment
from amlflow.core.widgets.run_details import RunDetails
from amlflow.exceptions import AzureMLException
from amlflow.jobs.job import this_host
from amlflow.journal.offline_runs import MARK
from amlflow.layers.write_once import OF
from amlflow.spec import LAUNCHED, RunDraft, Status
from helpers import hostile_reads
from helpers.hostile_reads import BASE, open_page, read_by_command, read_by_page, strictly
from helpers.hostile_runs import NASTY, ThreeRuns, change, read_all, read_members
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

WRITER = "a" * 32
SPILLED = f"amlflow/points/{WRITER}-000000.json"
DOCUMENT = "document.json"


def tag_keys() -> list[str]:
    """Every tag of MLflow that amlflow reads, from the modules that name them."""
    named = [
        value
        for module in (mlflow_names, mlflow_records)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and value.startswith(("mlflow.", "amlflow."))
    ]
    notes = [*tracker_notes.NOTES, LAUNCHED, MARK, OF, "property_a"]
    return sorted(
        {
            *(key + WRITER if key == mlflow_names.POINTS else key for key in named),
            *(mlflow_names.SYSTEM + key for key in notes),
        }
    )


PARAMS = (mlflow_names.CLAIM, f"{mlflow_names.PROPERTY}amlflow.agent")
TIMES = ("start_time", "end_time")

# --- what somebody may write --------------------------------------------------------------------

FIELDS = [
    "name", "host", "proof", "status", "error", "message", "code", "heartbeat", "since", "files",
    "tail", "script", "version", "definition", "deleted", "by",
]  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from([
        10**400, "\ud800", "Canceled", "Running", "2026-01-01T00:00:00+00:00", "a" * 32,
        this_host(),
        "scalar", "table", "image", "type:int", "../..", "0", "x" * 300,
    ]),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=6), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=12,
)
ENTRIES = st.lists(
    st.one_of(
        VALUES,
        st.tuples(
            st.sampled_from(["m", "", "loss", 3]),
            st.sampled_from([*(kind.value for kind in tracker_data.Kind), "type:int", "type:?", 1]),
            VALUES, st.one_of(st.none(), st.integers(), LEAVES), st.one_of(st.integers(), LEAVES),
            st.one_of(st.integers(), LEAVES),
        ),
    ),
    max_size=5,
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=50).filter(
        lambda text: not any("\ud800" <= each <= "\udfff" for each in text)
    ),
    VALUES.map(json.dumps),
    st.builds(lambda files, tail: json.dumps({"files": files, "tail": tail}), LEAVES, ENTRIES),
    st.builds(lambda tail: json.dumps({"files": 1, "tail": tail}), ENTRIES),
)
MOMENTS = st.one_of(
    st.sampled_from([0, -1, 2**62, -(2**62), 1_767_225_600_000_000_000, -10**14, 10**15]),
    st.integers(0, 2_000_000_000_000),
)  # fmt: skip


@dataclass
class Damage:
    """What the damaged run is made to say."""

    tags: dict[str, str]
    params: dict[str, str]
    status: str
    times: dict[str, int | None]
    name: str | None
    metrics: list[tuple[str, float, int, int]]
    files: dict[str, bytes]


LAUNCHED_TAG = mlflow_names.SYSTEM + LAUNCHED
DAMAGES = st.builds(
    Damage,
    tags=st.fixed_dictionaries({}, optional=dict.fromkeys(tag_keys(), TEXTS)).flatmap(
        lambda tags: st.sampled_from([tags, {**tags, LAUNCHED_TAG: "yes"}])
    ),
    params=st.fixed_dictionaries({}, optional=dict.fromkeys(PARAMS, TEXTS)),
    status=st.sampled_from(["RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED"]),
    times=st.fixed_dictionaries(dict.fromkeys(TIMES, MOMENTS)),
    name=st.one_of(st.none(), st.text("ab\x1b", max_size=5)),
    metrics=st.lists(
        st.tuples(
            st.sampled_from(["m", "loss", ":u", ":ud800:"]), st.floats(allow_infinity=False),
            st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1),
        ),
        max_size=3, unique=True,
    ),
    files=st.fixed_dictionaries(
        {},
        optional={
            name: st.one_of(TEXTS.map(str.encode), st.binary(max_size=20))
            for name in (SPILLED, DOCUMENT, "amlflow/log/0", "user_logs/std_log.txt")
        },
    ),
)  # fmt: skip


# --- the store ----------------------------------------------------------------------------------


class Store(ThreeRuns):
    """They are in an embedded database."""

    def __init__(self, uri: str) -> None:
        self.path = uri.removeprefix("sqlite:///")
        super().__init__()
        Path(DOCUMENT).write_text("{}")
        self.damaged.upload_file(DOCUMENT, DOCUMENT)
        [self.artifacts] = self._rows("SELECT artifact_uri FROM runs WHERE run_uuid = ?")[0]
        self.own: list[str] = []

    def register(self) -> None:
        """Register things named damaged, which are damaged with the run, and sound ones."""
        store = self.workspace.get_default_datastore()
        for name in ("damaged", "sound"):
            store.upload_files([DOCUMENT], target_path=name, show_progress=False)
            Dataset.File.from_files((store, name)).register(self.workspace, name)
            Environment(name).register(self.workspace)
            Model.register(self.workspace, DOCUMENT, name)
        self.own = self._find_own()
        assert len(self.own) >= 2

    def read_registered(self) -> None:
        """Read what is registered: what is sound is there, as it was."""
        assert "sound" in Environment.list(self.workspace)
        assert "sound" in self.workspace.datasets
        assert "sound" in self.workspace.models
        assert Environment.get(self.workspace, "sound").name == "sound"
        assert Dataset.get_by_name(self.workspace, "sound").to_path() == [f"/{DOCUMENT}"]
        assert Model(self.workspace, "sound").download("got", exist_ok=True)
        damaged = Run.get(self.workspace, self.damaged.id)
        for find in (
            lambda: Environment.get(self.workspace, "damaged"),
            lambda: Dataset.get_by_name(self.workspace, "damaged"),
            lambda: Model(self.workspace, "damaged"),
            lambda: damaged.get_environment(),
            lambda: RunDetails(damaged),
        ):
            with contextlib.suppress(AzureMLException):
                read_members(find())
        with contextlib.suppress(AzureMLException):
            list(damaged.input_datasets)

    def _rows(self, statement: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            return database.execute(statement, (self.damaged.id,)).fetchall()

    def _find_own(self) -> list[str]:
        """The ids of the runs in which amlflow keeps the data set and the environment."""
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            rows = database.execute(
                "SELECT DISTINCT runs.run_uuid FROM runs JOIN experiments USING (experiment_id)"
                " WHERE experiments.name LIKE 'amlflow.%' AND runs.name LIKE '%damaged%'"
            )
            return [run_id for (run_id,) in rows]

    def _damage_registered(self, database: sqlite3.Connection, damage: Damage) -> None:
        """Add it to what the data set, the environment and the model of this name say."""
        for table, entries in (("tags", damage.tags), ("params", damage.params)):
            database.executemany(
                f"INSERT OR REPLACE INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)",
                [(key, value, run_id) for run_id in self.own for key, value in entries.items()],
            )
        database.executemany(
            "INSERT OR REPLACE INTO model_version_tags (name, version, key, value, workspace)"
            " VALUES ('damaged', 1, ?, ?, 'default')",
            damage.tags.items(),
        )

    def damage(self, damage: Damage) -> None:
        """Write it, in place of all that the run said before."""
        run_id = self.damaged.id
        with contextlib.closing(sqlite3.connect(self.path, timeout=60)) as database, database:
            for table in ("tags", "params", "metrics", "latest_metrics"):
                database.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run_id,))
            for table, entries in (("tags", damage.tags), ("params", damage.params)):
                database.executemany(
                    f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)",
                    [(key, value, run_id) for key, value in entries.items()],
                )
            for table in ("metrics", "latest_metrics"):
                database.executemany(
                    f"INSERT OR REPLACE INTO {table}"
                    " (key, value, timestamp, step, run_uuid, is_nan) VALUES (?, ?, ?, ?, ?, ?)",
                    [
                        (key, 0.0 if value != value else value, time, step, run_id, value != value)
                        for key, value, time, step in damage.metrics
                    ],
                )
            self._damage_registered(database, damage)
            database.execute(
                "UPDATE runs SET status = ?, start_time = ?, end_time = ?, name = ?"
                " WHERE run_uuid = ?",
                (damage.status, *(damage.times[key] for key in TIMES), damage.name, run_id),
            )
        root = Path(unquote(urlsplit(self.artifacts).path))
        for name in (SPILLED, DOCUMENT, "amlflow/log/0", "user_logs/std_log.txt"):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            if name in damage.files:
                path.write_bytes(damage.files[name])


@pytest.fixture
def hostile(store: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("AMLFLOW_JOURNAL", "off")
    return Store(store)


@pytest.fixture
def registered(hostile: Store) -> Store:
    hostile.register()
    return hostile


@pytest.fixture
def page(hostile: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with open_page(hostile.path, monkeypatch) as client:
        yield client


# --- the tests ----------------------------------------------------------------------------------

EXAMPLES = int(os.environ.get("AMLFLOW_TESTS_EXAMPLES", "15"))
often = settings(
    max_examples=EXAMPLES,
    deadline=None,
    # Making an example smaller takes minutes here, and each is printed whole.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@often
@given(damage=DAMAGES)
def test_arbitrary_notes_break_nobodys_calls(registered: Store, damage: Damage) -> None:
    registered.damage(damage)
    read_all(registered)
    registered.read_registered()
    change(registered)
    read_all(registered)


@settings(often, max_examples=max(1, EXAMPLES // 3))  # 36 commands and 40 routes for each
@given(damage=DAMAGES)
def test_arbitrary_notes_break_no_command_and_no_page(
    registered: Store, page: Any, damage: Damage
) -> None:
    registered.damage(damage)
    read_by_command(registered)
    read_by_page(registered, page)


def test_each_command_and_route_that_reads_is_tried(page: Any) -> None:
    """A new one must be added to the tables in hostile_reads.py."""
    known = hostile_reads.tried_commands() | hostile_reads.CHANGES | {*hostile_reads.NOT_TRIED}
    assert sorted(known) == sorted(COMMANDS)
    routes = {
        rule.rule.removeprefix(f"{BASE}/")
        for rule in page.application.url_map.iter_rules()
        if rule.rule.startswith(f"{BASE}/")
    }
    assert sorted(hostile_reads.tried_routes() | hostile_reads.NO_RUNS) == sorted(routes)


LONG = "x" * 200_000


@pytest.mark.parametrize(
    "body",
    [
        {"cursor": 12}, {"cursor": []}, {"cursor": ""}, {"cursor": "9" * 30 + ".a"},
        {"cursor": "1." + LONG}, {"sort": "name", "cursor": "1.-5"},
        {"sort": "name", "cursor": "1.0"},
        {"query": LONG}, {"query": 5}, {"query": "(" * 9000},
        {"query": "||".join("a" * 3000)}, {"query": "[?" + "!" * 5000 + "a]"},
        {"text": LONG}, {"tags": [LONG]}, {"tags": ["a"] * 2000}, {"statuses": {"a": 1}},
        {"sort": 3}, {"sort": "x" * 20_000}, {"size": True}, {"size": 1e3}, {"size": 10**30},
        [], "text", None, 3,
    ],
    ids=lambda body: repr(body)[:40],
)  # fmt: skip
def test_a_request_that_is_something_else_is_told_so(page: Any, body: Any) -> None:
    answer = page.post(f"{BASE}/runs/search", json=body)
    assert answer.status_code == 400
    message = answer.get_json()["message"]
    assert message.endswith((".", "parts within each other"))
    assert len(message) < 1000


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not count all memory")
def test_a_query_that_doubles_a_text_is_given_up(page: Any) -> None:
    """It took all memory of the server's machine within seconds."""
    doubled = "|".join(["to_string(@)", *["join('', [@, @])"] * 60])
    answer = page.post(f"{BASE}/runs/search", json={"query": f"[?{doubled} == 'x']"})
    assert answer.status_code == 400
    assert "more than 2 GB of memory" in answer.get_json()["message"]
    assert len(strictly(page.post(f"{BASE}/runs/search", json={"query": "[?status]"}))["rows"]) == 2


@pytest.mark.parametrize(
    "text", ['{"size": NaN}', "{", "", "[" * 50_000, "\udc80", '{"a": 1e999}'], ids=repr
)
def test_a_body_that_is_not_json_is_told_so(page: Any, text: str) -> None:
    data = text.encode(errors="surrogateescape")
    for path in ("runs/search", "runs/cancel", "views/create", "views/save", "views/delete"):
        answer = page.post(f"{BASE}/{path}", data=data, content_type="application/json")
        assert answer.status_code == 400
        assert answer.get_json()["message"].endswith(".")


@pytest.mark.parametrize(
    "definition",
    [[], {"a": float("nan")}, {"query": 5}, {"tags": [1]}, {"children": "yes"}, {"columns": {}}],
    ids=repr,
)
def test_a_view_that_no_page_could_show_is_not_saved(page: Any, definition: Any) -> None:
    asked = json.dumps({"name": "v", "definition": definition})
    answer = page.post(f"{BASE}/views/create", data=asked, content_type="application/json")
    assert answer.status_code == 400
    assert strictly(page.get(f"{BASE}/views"))["views"] == []


@pytest.mark.parametrize("version", ["version-1", "version-2", "version-²", "version-99999999999"])
def test_a_stored_view_that_does_not_parse_is_left_out(
    hostile: Store, page: Any, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    definition = {"query": "[?a]", "later": [1.5]}
    good = strictly(page.post(f"{BASE}/views/create", json={"name": "g", "definition": definition}))
    views = hostile.workspace._tracker.ensure_experiment("amlflow.views")
    for text in ('{"a": NaN}', "[" * 5000, "", "null", '{"name": 1}', '{"name": "a"}'):
        draft = RunDraft(
            experiment_id=views.id,
            created=datetime.now(timezone.utc),
            status=Status.COMPLETED,
            properties={version: text},
        )
        [record] = hostile.workspace._tracker.create_runs([draft])
        listed = strictly(page.get(f"{BASE}/views"))["views"]
        assert [view["id"] for view in listed] == [good["view"]["id"]]
        assert listed[0]["definition"] == definition
        named = [each for each in caplog.records if record.id in each.getMessage()]
        assert len(named) == version[-1].isascii() * (len(version) < 15)


def whole(**more: Any) -> Damage:
    """A run that nothing is wrong with."""
    defaults: dict[str, Any] = {
        "tags": {}, "params": {}, "status": "RUNNING", "name": "damaged", "metrics": [],
        "times": {"start_time": 1_767_225_600_000, "end_time": None}, "files": {},
    }  # fmt: skip
    return Damage(**{**defaults, **more})


@pytest.mark.parametrize("key", tag_keys())
def test_no_value_of_a_single_note_breaks_a_read(hostile: Store, key: str) -> None:
    # Only what a job notes is read otherwise of a job.
    kinds = ({}, {LAUNCHED_TAG: "yes"}) if key.startswith(mlflow_names.SYSTEM) else ({},)
    for text, launched in itertools.product(NASTY, kinds):
        hostile.damage(whole(tags={**launched, key: text}))
        run = Run.get(hostile.workspace, hostile.damaged.id)
        run.get_status()
        run.get_details()
        run.get_metrics()
        assert len(list(hostile.experiment.get_runs(include_children=True))) == 3
