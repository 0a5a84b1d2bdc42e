"""Each method that writes is interrupted and killed, and each method meets a store that is away."""

from __future__ import annotations

import inspect

import pytest
from amlflow.spec import ModelRegistry, ShowsInputs, Tracker
from amlflow.testing.suites import interrupted, killed, outages, process_base

READS = {
    "check_name", "count_runs", "experiment_link", "features", "field_values", "find_experiment",
    "find_models", "find_runs", "first_runs", "get_experiment", "get_file", "get_model",
    "get_model_files", "get_run", "get_snapshot", "has_snapshot", "list_experiments", "list_files",
    "list_model_files", "model_link", "own_paths", "read_points", "run_link", "run_numbers", "uri",
}  # fmt: skip
"""Methods that change nothing in the store."""
WRITES = {
    name
    for part in (Tracker, ModelRegistry, ShowsInputs)
    for name in vars(part)
    if not name.startswith("_") and name not in READS
}
WITHOUT_INTERRUPTION = {
    # Their arguments are texts, in whose middle nothing can be raised.
    "ensure_experiment", "delete_experiment", "delete_run", "restore_run", "delete_model",
    "show_inputs",  # for the tracker's page only: a part of what it shows is no harm
}  # fmt: skip
WITHOUT_KILL = {"show_inputs"}
WITHOUT_OUTAGE = {
    "check_name", "experiment_link", "features", "model_link", "own_paths", "run_link", "uri",  # no
    # store is asked
    "count_runs", "field_values", "find_experiment", "first_runs", "show_inputs",  # may be left out
}  # fmt: skip


def test_the_reads_are_methods() -> None:
    members = {name for part in (Tracker, ModelRegistry) for name in dir(part)}
    assert READS - members == {"count_runs", "first_runs", "field_values"}
    assert len(WRITES) > 12


@pytest.mark.parametrize("name", sorted(WRITES))
def test_a_write_is_interrupted(name: str) -> None:
    calls = [
        line
        for line in inspect.getsource(interrupted).splitlines()
        if f"lambda: tracker.{name}(" in line
    ]
    assert bool(calls) == (name not in WITHOUT_INTERRUPTION), calls


@pytest.mark.parametrize("name", sorted(WRITES))
def test_a_writer_is_killed(name: str) -> None:
    source = inspect.getsource(killed)
    in_other_process = source[source.index("def _write_until_killed") :]
    in_other_process += inspect.getsource(process_base.write_one)
    assert (f"tracker.{name}(" in in_other_process) == (name not in WITHOUT_KILL)


@pytest.mark.parametrize("name", sorted({*WRITES, *READS} - WITHOUT_OUTAGE))
def test_a_call_is_made_while_the_store_is_away(name: str) -> None:
    assert f'"{name}"' in inspect.getsource(outages)
