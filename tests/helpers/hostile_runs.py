"""A damaged run among healthy ones, and a function that reads them in every way of the SDK."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import AzureMLException
from amlflow.jobs.job import this_host
from amlflow.spec import FINAL, Status

NASTY = [
    "", "null", "NaN", "-Infinity", "[]", "{}", "[[]]", '""', "abc", "yes", "no", "-1", "1e999",
    "²", "9" * 30, "9" * 5000, "[" * 5000, "[" * 50 + "]" * 50, '{"a":' * 400 + "1" + "}" * 400,
    "x" * 100_000, "\x1b[31m\u202e", "\ufeff{}", r'"\ud800"', r'{"\udc80": 1}', "../../etc",
    *(json.dumps({"name": name, "host": this_host()}) for name in ("", "..", "/", "a" * 32)),
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01", "2026-13-45T99:00Z",
    '{"error": null}', '{"error": {"error": "x"}}', r'{"error": {"message": "\ud800"}}',
    '{"files": 1, "tail": []}', '{"files": 1000000000, "tail": []}', '{"files": -1, "tail": {}}',
    '{"script": {"a": [1]}}', '{"script": NaN}',
]  # fmt: skip


class ThreeRuns:
    """A damaged run with a healthy child, beside a healthy run."""

    def __init__(self) -> None:
        self.workspace = Workspace.from_config()
        self.experiment = Experiment(self.workspace, "hostile")
        self.damaged = self._start("damaged")
        self.child = self.damaged.child_run(name="child")
        self.healthy = self._start("healthy")
        for run in (self.healthy, self.child):
            run.log("loss", 0.5)
            run.log_table("table", {"a": [1, 2]})
            run.complete()

    def _start(self, name: str) -> Run:
        return self.experiment.start_logging(snapshot_directory=None, name=name, outputs=False)


READS: dict[str, Callable[[Run], Any]] = {
    "get_status": lambda run: run.get_status(),
    "get_detailed_status": lambda run: run.get_detailed_status(),
    "get_details": lambda run: json.dumps(run.get_details(), allow_nan=False),
    "get_details_with_logs": lambda run: run.get_details_with_logs(),
    "get_metrics": lambda run: run.get_metrics(),
    "get_metrics by name": lambda run: run.get_metrics("loss"),
    "get_metrics recursive": lambda run: run.get_metrics(recursive=True),
    "get_metrics populate": lambda run: run.get_metrics(populate=True),
    "get_tags": lambda run: run.get_tags(),
    "get_properties": lambda run: run.get_properties(),
    "get_children": lambda run: list(run.get_children()),
    "get_children recursive": lambda run: list(run.get_children(recursive=True)),
    "get_file_names": lambda run: run.get_file_names(),
    "get_all_logs": lambda run: run.get_all_logs("logs"),
    "number": lambda run: run.number,
    "link": lambda run: run.get_portal_url(),
    "repr": lambda run: f"{run!r} {run._repr_html_()} {run.display_name} {run.type} {run.tags}",
}
MAY_REFUSE: dict[str, Callable[[Run], Any]] = {
    "parent": lambda run: run.parent,
    "get_snapshot_id": lambda run: run.get_snapshot_id(),
    "log": lambda run: run.log("more", 1),
    "log text": lambda run: run.log("more", "text"),
    "cancel": lambda run: run.cancel(),
}
QUERIES = (
    "[]", "[?status=='Running']", "[?error]", "[?script_name=='a']", "[?target=='sdk']",
    "sort_by(@, &created_utc)", "[?parent_run_id]", "[].run_number", "length(@)",
    "[?end_time_utc > '2026']", "[].warnings[]",
)  # fmt: skip


READERS = ("get_", "list", "to_path", "serialize", "refresh")
"""How the names of methods begin that read."""
ELSEWHERE = {"get_sas_urls"}
"""What reads nothing here, and only says so."""


def read_members(thing: Any) -> None:
    """Read all properties of an object, and call all its methods that read without an argument.

    So each new one is tried, too. It may say in a sentence why it has no answer.
    """
    for name in dir(type(thing)):
        member = inspect.getattr_static(type(thing), name)
        is_reader = name.startswith(READERS) and inspect.isfunction(member)
        if (
            name.startswith("_")
            or name in ELSEWHERE
            or not (isinstance(member, property) or (is_reader and not needs_arguments(member)))
        ):
            continue
        try:
            value = getattr(thing, name)
            if is_reader:
                value = value()
            repr(list(value) if isinstance(value, Iterator) else value)
        except AzureMLException as refusal:
            assert refusal.message, name  # noqa: PT017
        except Exception as error:
            raise AssertionError(f"{type(thing).__name__}.{name}: {error!r}") from error


def needs_arguments(function: Any) -> bool:
    """Whether a method has a parameter without a default, besides self."""
    _, *parameters = inspect.signature(function).parameters.values()
    return any(
        each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        for each in parameters
    )


def read_all(store: ThreeRuns) -> None:
    """Read the damaged run and the others in every way of the SDK."""
    read_members(Run.get(store.workspace, store.damaged.id))
    read_members(Experiment(store.workspace, store.experiment.name))
    read_members(store.workspace)
    for name, read in READS.items():
        try:
            read(Run.get(store.workspace, store.damaged.id))
        except Exception as error:
            raise AssertionError(f"{name} of the damaged run: {error!r}") from error
    for run in (store.healthy, store.child):
        healthy = Run.get(store.workspace, run.id)
        assert healthy.get_metrics() == {"loss": 0.5, "table": {"a": [1, 2]}}
        assert healthy.get_status() == Status.COMPLETED
        assert healthy.number > 0
    assert store.child.id in store.damaged.get_metrics(recursive=True)
    listed = {run.id: run for run in store.experiment.get_runs(include_children=True)}
    # The id that the damaged run shows to users may be damaged, too.
    assert {store.healthy.id, store.child.id} <= listed.keys()
    assert len(listed) == 3
    for query in QUERIES:
        store.experiment.query(query, include_children=True)
    damaged = Run.get(store.workspace, store.damaged.id)
    if damaged.get_status() in FINAL:
        with contextlib.redirect_stdout(io.StringIO()):
            damaged.wait_for_completion(show_output=True, raise_on_error=False)


def change(store: ThreeRuns) -> None:
    """Make each call that a damaged run may refuse. It must raise an error of v1's, if any."""
    for read in MAY_REFUSE.values():
        with contextlib.suppress(AzureMLException):
            read(Run.get(store.workspace, store.damaged.id))
