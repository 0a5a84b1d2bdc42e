"""What pytest says of a suite: the broken sentences of the contract, and what was not claimed."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from typing import Any

import pytest

from amlflow.testing import known_limits

NOT_CLAIMED = "not claimed: "
"""How the reason of a skip begins that is due to a feature."""

pytest.register_assert_rewrite("amlflow.testing.suites", "amlflow.testing.compute_suite")


THOROUGH = "thorough"
"""The marker of tests that take long; ``--quick`` leaves them out."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick", action="store_true", help="leave out the contract's tests that take long"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{known_limits.MARKER}(switch): may fail if the plugin declares this known limit",
    )
    config.addinivalue_line(
        "markers", f"{THOROUGH}: a test of the contract that takes long; --quick leaves it out"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what ``--quick`` or a suite's ``thorough_tests`` leaves out."""
    kept = [item for item in items if not _is_left_out(item, config.getoption("--quick"))]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept


def _is_left_out(item: pytest.Item, is_quick: bool) -> bool:
    if item.get_closest_marker(THOROUGH) is None:
        return False
    selection = getattr(getattr(item, "cls", None), "thorough_tests", None)
    if selection is None:
        return is_quick
    return getattr(item, "originalname", item.name) not in selection


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Name the sentences that do not hold: each test of a suite has them as its docstring.

    Where a fixture fails, the test has not come to them.
    """
    report = yield
    if report.when != "call" or not hasattr(getattr(item, "cls", None), "amlflow_contract"):
        return report
    known_limits.excuse(item, report)
    if report.failed:
        sentences = inspect.getdoc(getattr(item, "function", None)) or ""
        report.sections.insert(0, ("does not hold in amlflow.spec", sentences))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List the features for want of which tests were skipped, and the known limits that counted."""
    features = sorted(
        {feature for reason in skips(terminalreporter) if (feature := unclaimed(reason))}
    )
    if features:
        terminalreporter.section("features not claimed")
        for feature in features:
            terminalreporter.write_line(feature)
    limits = known_limits.used_limits(
        [report for reports in terminalreporter.stats.values() for report in reports]
    )
    if limits:
        terminalreporter.section("known limits")
        for limit in limits:
            terminalreporter.write_line(limit)


def skips(terminalreporter: Any) -> list[str]:
    """The reasons of all skips."""
    reports = terminalreporter.stats.get("skipped", [])
    return [report.longrepr[2] if isinstance(report.longrepr, tuple) else "" for report in reports]


def unclaimed(reason: str) -> str:
    """The feature that a skip is due to; empty if it is due to something else."""
    return reason.partition(NOT_CLAIMED)[2]
