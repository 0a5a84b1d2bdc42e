"""Known limits of a plugin in the suites: what may fail, and what is printed at the end."""

from __future__ import annotations

from typing import Any

import pytest

MARKER = "known_limit"

_used: set[str] = set()
"""The limits, as ``switch: reason``, that have counted in the test that runs now."""


def has_limit(plugin: Any, switch: str) -> bool:
    """Whether a tracker or compute target declares a limit; it is printed at the end then.

    For a case within a test. A whole test has the marker ``known_limit(switch)``.
    """
    for limit in getattr(plugin, "known_limits", ()):
        if limit.switch == switch:
            _used.add(f"{switch}: {limit.reason}")
            return True
    return False


def excuse(item: pytest.Item, report: pytest.TestReport) -> None:
    """Count a failure as expected if the test's marker names a limit that the plugin declares."""
    arguments = getattr(item, "funcargs", {})
    plugin = arguments.get("tracker", arguments.get("compute"))
    switches = [switch for marker in item.iter_markers(MARKER) for switch in marker.args]
    if report.failed and any(has_limit(plugin, switch) for switch in switches):
        report.outcome = "skipped"
        report.wasxfail = "a known limit of the plugin"
    # With pytest-xdist, only the report reaches the process that prints the summary.
    report.user_properties.extend((MARKER, line) for line in sorted(_used))
    _used.clear()


def used_limits(reports: list[Any]) -> list[str]:
    """Each limit that has counted in a test, as ``switch: reason``."""
    properties = [entry for report in reports for entry in getattr(report, "user_properties", ())]
    return sorted({str(value) for key, value in properties if key == MARKER})
