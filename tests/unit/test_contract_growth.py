"""Version 1 of the contract must not change which arguments its methods take by position."""

from __future__ import annotations

import inspect

import pytest
from amlflow.spec import (
    Cluster,
    ClusterBase,
    Compute,
    ComputeBase,
    Images,
    ModelRegistry,
    QuickSearch,
    Started,
    Tracker,
    TrackerBase,
)

VERSION_1 = {
    Tracker: {
        "check_name": "name",
        "create_runs": "drafts",
        "delete_experiment": "experiment_id",
        "delete_run": "run_id",
        "ensure_experiment": "name",
        "experiment_link": "experiment_id",
        "find_experiment": "name",
        "find_runs": "query",
        "get_experiment": "experiment_id",
        "get_file": "run_id name destination",
        "get_run": "run_id experiment_id",
        "get_snapshot": "digest destination",
        "has_snapshot": "digest",
        "list_experiments": "",
        "list_files": "run_id prefix",
        "own_paths": "",
        "put_files": "run_id files",
        "put_snapshot": "digest archive",
        "read_points": "run_id names",
        "restore_run": "run_id",
        "run_link": "run",
        "run_numbers": "runs",
        "update_experiment": "experiment_id change",
        "update_run": "run_id change",
        "write_points": "run_id points",
    },
    ModelRegistry: {
        "delete_model": "name version",
        "find_models": "conditions",
        "get_model": "name version",
        "get_model_files": "name version files",
        "list_model_files": "name version",
        "model_link": "model",
        "register_model": "draft",
        "update_model": "name version change",
    },
    QuickSearch: {
        "count_runs": "query",
        "field_values": "query fields",
        "first_runs": "query field last",
    },
    Compute: {
        "check": "work",
        "clean": "name",
        "start": "work",
    },
    Started: {
        "end": "grace",
        "ending": "",
    },
    Images: {
        "add": "image name folder variables labels",
        "build": "folder dockerfile name labels log cancelled",
        "check": "",
        "find": "name",
        "get": "image",
        "look": "image program",
    },
    Cluster: {
        "cancel": "names",
        "check": "work tracking_uri",
        "look": "names",
        "submit": "works",
    },
}
"""The arguments of each method, as plugins have them. A later one is keyword-only."""
BASES = {Tracker: TrackerBase, QuickSearch: TrackerBase, Compute: ComputeBase, Cluster: ClusterBase}


def positional_arguments(protocol: type) -> dict[str, str]:
    """The arguments that each method of a protocol takes by position."""
    return {
        name: " ".join(
            parameter.name
            for parameter in list(inspect.signature(method).parameters.values())[1:]
            if parameter.kind is not parameter.KEYWORD_ONLY
        )
        for name, method in inspect.getmembers(protocol, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize("protocol", VERSION_1, ids=lambda protocol: protocol.__name__)
def test_arguments_by_position_stay(protocol: type) -> None:
    arguments = positional_arguments(protocol)
    assert {name: arguments.get(name) for name in VERSION_1[protocol]} == VERSION_1[protocol]


@pytest.mark.parametrize("protocol", VERSION_1, ids=lambda protocol: protocol.__name__)
def test_a_later_method_has_a_default(protocol: type) -> None:
    later = set(positional_arguments(protocol)) - set(VERSION_1[protocol])
    without = getattr(BASES.get(protocol, protocol), "__abstractmethods__", frozenset())
    assert later & without == set()


@pytest.mark.parametrize("protocol", VERSION_1, ids=lambda protocol: protocol.__name__)
def test_an_argument_by_name_has_a_default(protocol: type) -> None:
    for name in positional_arguments(protocol):
        parameters = inspect.signature(getattr(protocol, name)).parameters.values()
        for parameter in parameters:
            if parameter.kind is parameter.KEYWORD_ONLY:
                assert parameter.default is not parameter.empty, f"{name}: {parameter.name}"
