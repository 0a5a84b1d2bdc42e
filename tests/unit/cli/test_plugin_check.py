"""``amlflow plugins check`` runs the suite of each thing that a plugin offers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from amlflow import plugins
from amlflow.cli.plugin_check import check
from amlflow.exceptions import UserErrorException
from amlflow.spec import hookimpl

HOOKS: dict[str, Callable[..., None]] = {
    "amlflow_tracker": lambda uri: None,
    "amlflow_compute": lambda kind, settings: None,
    "amlflow_cluster": lambda kind, settings: None,
}


@pytest.fixture
def offering() -> Iterator[Callable[..., None]]:
    """Register a plugin ``offers`` with some of the hooks and other attributes."""
    manager = plugins.load_plugins().manager
    module = ModuleType("offers")

    def offer(*hooks: str, **attributes: str) -> None:
        for hook in hooks:
            setattr(module, hook, hookimpl(HOOKS[hook]))
        vars(module).update(attributes)
        manager.register(module, name="offers")

    yield offer
    manager.unregister(module)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """Each command that is run, with its environment; all of them succeed."""
    commands: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], *, env: dict[str, str], **_: Any) -> Any:
        commands.append((command, env))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_each_thing_that_a_plugin_offers_has_its_suite(
    offering: Callable[..., None], runs: list[tuple[list[str], dict[str, str]]]
) -> None:
    offering(*HOOKS, check_uri="mine:{folder}", check_kind="mine", check_cluster="queue")
    check("offers", None)
    [(command, environment)] = runs
    suites = [word.partition("::")[2] for word in command if word.startswith("amlflow.testing")]
    assert suites == ["TestTracker", "TestCompute", "TestCluster"]
    assert environment["AMLFLOW_CHECK_URI"] == "mine:{folder}"
    assert environment["AMLFLOW_CHECK_KIND"] == "mine"
    assert environment["AMLFLOW_CHECK_CLUSTER"] == "queue"


@pytest.mark.parametrize(
    ("hook", "attribute"),
    [
        ("amlflow_tracker", "check_uri"),
        ("amlflow_compute", "check_kind"),
        ("amlflow_cluster", "check_cluster"),
    ],
)
def test_what_a_plugin_does_not_say_is_named(
    offering: Callable[..., None],
    runs: list[tuple[list[str], dict[str, str]]],
    hook: str,
    attribute: str,
) -> None:
    offering(hook)
    with pytest.raises(UserErrorException, match=rf"{hook}, it needs {attribute}"):
        check("offers", None)
    assert runs == []


def test_a_plugin_that_offers_nothing_to_check(offering: Callable[..., None]) -> None:
    offering()
    with pytest.raises(UserErrorException, match="no tracker, compute target or cluster"):
        check("offers", None)
