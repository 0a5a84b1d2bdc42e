"""The registry of environments: versions by content, labels, removal, and definitions by others."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.environments.registry import (
    EXPERIMENT,
    EnvironmentNotFound,
    Registry,
    digest_of,
)
from amlflow.exceptions import ServiceException, UserErrorException
from amlflow.spec import RunChange, RunQuery
from amlflow.testing.memory import MemoryTracker


@pytest.fixture
def registry() -> Registry:
    return Registry(MemoryTracker())


def definition(*packages: str) -> dict[str, Any]:
    return {"name": "e", "version": None, "python": {"condaDependencies": {"pip": [*packages]}}}


def run_id_of(registry: Registry) -> str:
    experiment = registry.tracker.ensure_experiment(EXPERIMENT)
    [record] = registry.tracker.find_runs(RunQuery(experiment_ids=[experiment.id]))
    return record.id


def test_a_content_has_one_version(registry: Registry) -> None:
    versions = [
        registry.register("e", definition(*packages)).version
        for packages in (["a"], ["b"], ["a"], ["b"], ["c"])
    ]
    assert versions == ["1", "2", "1", "2", "3"]
    assert [item.version for item in registry.versions("e")] == ["1", "2", "3"]
    assert registry.get("e").version == "3"
    assert registry.definition(registry.get("e", "1"))["python"] == definition("a")["python"]


def test_the_name_and_version_are_not_part_of_the_content(registry: Registry) -> None:
    first = registry.register("e", {**definition("a"), "version": "7"})
    second = registry.register("f", {**definition("a"), "name": "f"})
    assert first.digest == second.digest
    assert (first.version, second.version) == ("1", "1")


def test_a_version_that_you_name(registry: Registry) -> None:
    assert registry.register("e", definition("a"), "0.1").version == "0.1"
    assert registry.register("e", definition("a")).version == "0.1"
    assert registry.register("e", definition("a"), "5").version == "5"
    assert registry.register("e", definition("b")).version == "6"
    with pytest.raises(UserErrorException, match="Version 5 of the environment 'e' is registered"):
        registry.register("e", definition("c"), "5")
    with pytest.raises(UserErrorException, match="'a/b' is not a valid version"):
        registry.register("e", definition("c"), "a/b")


def test_labels_move_from_version_to_version(registry: Registry) -> None:
    for package in "ab":
        registry.register("e", definition(package))
    registry.label("e", "1", ["good", "old"])
    assert registry.get("e", label="good").version == "1"
    registry.label("e", "2", ["good"])
    assert registry.get("e", label="good").version == "2"
    assert registry.get("e", label="old").version == "1"
    assert registry.get("e", label="latest").version == "2"
    assert registry.get("e", label="Latest").version == "2"
    registry.label("e", "1", ["latest"])
    assert registry.get("e", label="latest").version == "1"
    with pytest.raises(EnvironmentNotFound, match=r"has no label 'new'\. Its versions are: 1, 2"):
        registry.get("e", label="new")
    with pytest.raises(EnvironmentNotFound, match="has no version '3'"):
        registry.label("e", "3", ["good"])


def test_what_is_removed_is_gone_and_its_number_too(registry: Registry) -> None:
    for package in "ab":
        registry.register("e", definition(package))
    registry.remove("e", "2")
    assert registry.get("e").version == "1"
    assert registry.register("e", definition("b")).version == "3"
    registry.remove("e")
    assert registry.latest() == []
    with pytest.raises(EnvironmentNotFound, match="It has no environments yet"):
        registry.get("e")
    with pytest.raises(EnvironmentNotFound):
        registry.remove("e")
    assert registry.register("e", definition("b")).version == "4"


def test_the_latest_of_each_by_name(registry: Registry) -> None:
    for name, package in (("b", "1"), ("B", "1"), ("a", "1"), ("b", "2")):
        registry.register(name, definition(package))
    versions = [(item.name, item.version) for item, _ in registry.definitions()]
    assert versions == [("a", "1"), ("B", "1"), ("b", "2")]
    with pytest.raises(EnvironmentNotFound, match=r"It has: a, B, b\."):
        registry.get("c")


@pytest.mark.parametrize("name", ["AzureML-mine", "azureml-mine", "Microsoft", "a\nb", "x" * 256])
def test_a_name_that_cannot_be_registered(registry: Registry, name: str) -> None:
    with pytest.raises(UserErrorException, match="name"):
        registry.register(name, definition("a"))
    assert registry.latest() == []


def test_many_processes_register_at_once(registry: Registry) -> None:
    barrier = threading.Barrier(8)
    versions: dict[int, str] = {}

    def register(number: int) -> None:
        barrier.wait()
        versions[number] = registry.register("e", definition(str(number % 4))).version

    threads = [threading.Thread(target=register, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [versions[number] == versions[number + 4] for number in range(4)] == [True] * 4
    assert sorted(set(versions.values())) == ["1", "2", "3", "4"]
    for item in registry.versions("e"):
        assert registry.definition(item)["python"]


@pytest.mark.parametrize(
    "entry",
    [
        "no JSON",
        "[]",
        json.dumps({"version": "2", "digest": "0" * 64}),
        json.dumps({"at": "2026-01-01T00:00:00+00:00", "version": "2", "digest": "../x"}),
        json.dumps({"at": "2026-01-01T00:00:00+00:00", "version": 2, "digest": "0" * 64}),
        json.dumps({"at": "2026-01-01T00:00:00+00:00", "digest": "0" * 64}),
        json.dumps({"at": "2026-01-01T00:00:00+00:00", "version": "x" * 300}),
        json.dumps({"at": "2026-01-01T00:00:00+00:00", "version": "1", "labels": [1]}),
        json.dumps({"at": "2026-01-01T00:00:00+00:00", "version": "1", "labels": ["a"] * 101}),
        json.dumps({"at": "2026-01-01T00:00:00+00:00", "version": "1", "gone": "yes"}),
    ],
)
def test_an_entry_that_does_not_parse_counts_as_absent(
    registry: Registry, entry: str, caplog: pytest.LogCaptureFixture
) -> None:
    registry.register("e", definition("a"))
    registry.tracker.update_run(run_id_of(registry), RunChange(properties={"entry-2": entry}))
    assert [item.version for item in registry.versions("e")] == ["1"]
    assert "'entry-2' of" in caplog.text
    assert registry.register("e", definition("b")).version == "2"


@pytest.mark.parametrize("content", ["{}", "no JSON", "[" * 100000, '{"python": NaN}'])
def test_a_definition_that_was_changed_is_an_error(
    registry: Registry, content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registered = registry.register("e", definition("a"))
    registry.register("f", definition("a"))
    (tmp_path / "file").write_text(content)
    run_id = registry.tracker.find_runs(RunQuery(experiment_ids=["1"]))
    [run_id] = [record.id for record in run_id if record.name == "e"]
    file = {f"definitions/{registered.digest}.json": tmp_path / "file"}
    registry.tracker.put_files(run_id, file, replace=True)
    with pytest.raises(ServiceException, match="is not what was registered: the file 'definitions"):
        registry.definition(registered)
    with caplog.at_level(logging.WARNING):
        assert [item.name for item, _ in registry.definitions()] == ["f"]
    assert "The definition of the environment 'e'" in caplog.text


def test_a_run_under_another_name_is_not_listed(registry: Registry) -> None:
    registry.register("e", definition("a"))
    registry.tracker.update_run(run_id_of(registry), RunChange(tags={"environment": "f"}))
    assert registry.latest() == []
    assert registry.get("e").version == "1"


def test_the_order_of_keys_changes_nothing() -> None:
    assert digest_of({"a": 1, "b": {"c": 2, "d": 3}}) == digest_of({"b": {"d": 3, "c": 2}, "a": 1})
