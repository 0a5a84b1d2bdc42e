"""pytest's plugin for the suites: names broken sentences of the contract and unclaimed features."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from amlflow.testing import known_limits, seeds
from amlflow.testing.failures import broken_sentences, explain_difference

NOT_CLAIMED = "not claimed: "
"""The beginning of the reason of a skip because of a feature that is not claimed."""

pytest.register_assert_rewrite("amlflow.testing.suites", "amlflow.testing.compute_suite")


BROKEN = "does not hold in amlflow.spec"
"""The title of the broken sentences in the report of a failed test."""
DREW = "drawn"
"""The marker of tests that draw random values."""
LEFT = "left"
"""The name of the report's property that says what a suite could not remove."""
SHOWN_LEFT = 5
"""The most trackers for which the summary says what is left. A suite may open one for each test."""
RUNNING_ITEM = pytest.StashKey[pytest.Item]()
"""The key of the current test in the session's stash."""
THOROUGH = "thorough"
"""The marker of tests that take long; ``--quick`` leaves them out."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick", action="store_true", help="leave out the contract's tests that take long"
    )
    seeds.add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    seeds.choose_seed(config)
    config.addinivalue_line(
        "markers",
        f"{known_limits.MARKER}(switch): may fail if the plugin declares this known limit",
    )
    config.addinivalue_line("markers", f"{DREW}: a test of the contract that draws its values")
    config.addinivalue_line(
        "markers", f"{THOROUGH}: a test of the contract that takes long; --quick leaves it out"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests because of ``--quick`` or a suite's ``thorough_tests``.

    Raises:
        pytest.UsageError: a subclass of a suite removes a test.
    """
    for suite in {getattr(item, "cls", None) for item in items if is_of_suite(item)}:
        for name in known_limits.replaced_tests(suite):
            if not callable(getattr(suite, name)):
                raise pytest.UsageError(
                    f"{suite.__name__} removes {name}; to let it fail, declare "  # type: ignore[union-attr]
                    f'KnownLimit(switch="{name}", reason="…")'
                )
    is_quick = config.getoption("--quick")
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        (left_out if _is_left_out(item, is_quick) else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def _is_left_out(item: pytest.Item, is_quick: bool) -> bool:
    if item.get_closest_marker(THOROUGH) is None:
        return False
    selection = getattr(getattr(item, "cls", None), "thorough_tests", None)
    if selection is None:
        return is_quick
    return known_limits.name_of(item) not in selection


def is_of_suite(item: pytest.Item) -> bool:
    """Return whether a test belongs to a suite."""
    return hasattr(getattr(item, "cls", None), "amlflow_contract")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Let :func:`explain_difference` explain failed comparisons in tests of the suites only."""
    global _explains
    item.session.stash[RUNNING_ITEM] = item
    _explains = is_of_suite(item)
    try:
        return (yield)
    finally:
        _explains = False


_explains = False


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show only the first field in which two records differ."""
    return explain_difference(left, right) if _explains and op == "==" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the sentences that do not hold to the report of a suite's test.

    If a fixture fails, no sentence is named, since the test itself has not run.
    """
    report = yield
    if report.when != "call" or not is_of_suite(item):
        return report
    known_limits.excuse(item, report)
    if report.failed:
        raised = call.excinfo
        sentences = broken_sentences(
            getattr(item, "function", None), raised and raised.tb, raised and raised.value
        )
        report.sections.insert(0, (BROKEN, "\n".join(sentences)))
        seed = seeds.seed_of(item.config)
        report.sections.insert(1, ("values", f"drawn with {seeds.OPTION}={seed}"))
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """List unclaimed features, known limits that applied, and what is left; name the seed."""
    reports = [report for each in terminalreporter.stats.values() for report in each]
    features = sorted(
        {feature for reason in skips(terminalreporter) if (feature := unclaimed_feature(reason))}
    )
    if features:
        terminalreporter.section("features not claimed")
        for feature in features:
            terminalreporter.write_line(feature)
    limits = collect_notes(reports, known_limits.MARKER)
    if limits:
        terminalreporter.section("known limits")
        for limit in limits:
            terminalreporter.write_line(limit)
    if left := collect_notes(reports, LEFT):
        terminalreporter.section("left behind")
        for line in left[:SHOWN_LEFT]:
            terminalreporter.write_line(line)
        if len(left) > SHOWN_LEFT:
            terminalreporter.write_line(f"The same at {len(left) - SHOWN_LEFT} other addresses.")
    if any(DREW in getattr(report, "keywords", ()) for report in reports):
        terminalreporter.write_line(
            f"Values were drawn; {seeds.OPTION}={seeds.seed_of(config)} draws them again."
        )


def collect_notes(reports: list[Any], name: str) -> list[str]:
    """Return what tests have noted under a name: limits that applied, or what they left behind."""
    properties = [entry for report in reports for entry in getattr(report, "user_properties", ())]
    return sorted({str(value) for key, value in properties if key == name})


def skips(terminalreporter: Any) -> list[str]:
    """Return the reasons of all skips."""
    reports = terminalreporter.stats.get("skipped", [])
    return [report.longrepr[2] if isinstance(report.longrepr, tuple) else "" for report in reports]


def unclaimed_feature(reason: str) -> str:
    """Return the unclaimed feature in the reason of a skip; "" if the skip has another reason."""
    return reason.partition(NOT_CLAIMED)[2]
