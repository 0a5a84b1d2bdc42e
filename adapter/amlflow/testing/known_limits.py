"""Known limits of a plugin: tests of the suites that may fail, and the summary at the end."""

from __future__ import annotations

from typing import Any

import pytest

MARKER = "known_limit"
SUITES = "amlflow.testing."
"""The beginning of the names of the suites' modules."""

_used: set[str] = set()
"""The limits, as ``switch: reason``, that have applied in the current test."""


def has_limit(plugin: Any, switch: str) -> bool:
    """Return whether a tracker or compute target declares a limit. If so, the summary prints it.

    This is for a case within a test. The switch of a whole test is its name, or the one in its
    marker ``known_limit(switch)``.
    """
    for limit in getattr(plugin, "known_limits", ()):
        if limit.switch == switch:
            _used.add(f"{switch}: {limit.reason}")
            return True
    return False


def excuse(item: pytest.Item, report: pytest.TestReport) -> None:
    """Count a failure as expected if the plugin declares a limit with the test's name or switch.

    A plugin's test that replaces a test of the suite also needs a limit with the test's name.
    """
    name = name_of(item)
    arguments = getattr(item, "funcargs", {})
    plugin = arguments.get("tracker", arguments.get("compute"))
    if name in replaced_tests(getattr(item, "cls", None)) and not has_limit(plugin, name):
        report.outcome = "failed"
        report.longrepr = (
            f"{name} replaces a test of the suite and nothing says why. Declare it with the "
            f'reason: known_limits = [KnownLimit(switch="{name}", reason="…")].'
        )
    switches = [switch for marker in item.iter_markers(MARKER) for switch in marker.args]
    if report.failed and any(has_limit(plugin, switch) for switch in (name, *switches)):
        report.outcome = "skipped"
        report.wasxfail = "a known limit of the plugin"
    # With pytest-xdist, only the report reaches the process that prints the summary.
    report.user_properties.extend((MARKER, line) for line in sorted(_used))
    _used.clear()


def name_of(item: pytest.Item) -> str:
    """Return the name of a test without its parameters."""
    return str(getattr(item, "originalname", None) or item.name)


def replaced_tests(suite: type | None) -> set[str]:
    """Return the names of the suites' tests that a subclass replaces or removes."""
    own: set[str] = set()
    replaced: set[str] = set()
    for part in getattr(suite, "__mro__", ()):
        names = {name for name in vars(part) if name.startswith("test_")}
        if part.__module__.startswith(SUITES):
            replaced |= own & names
        else:
            own |= names
    return replaced
