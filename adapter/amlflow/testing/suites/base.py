"""What all parts of the suite share: fixtures, awkward texts, points and races.

Each test's docstring quotes the sentences of ``amlflow.spec`` that do not hold when it fails, as
``owner: sentence``.
"""

from __future__ import annotations

import string
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

import pytest

from amlflow.exceptions import AzureMLException
from amlflow.layers.stack import open_direct
from amlflow.spec import (
    TICK,
    ExperimentRecord,
    Feature,
    Kind,
    Point,
    PropertyConflict,
    Refused,
    RunChange,
    RunDraft,
    RunRecord,
    Tracker,
)
from amlflow.testing.plugin import NOT_CLAIMED
from amlflow.testing.suites.cleaning import Cleaning, new_name

T = TypeVar("T")

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
MILLISECOND = timedelta(milliseconds=1)
UTC = timedelta(0)
"""What a time in UTC is off it."""

AWKWARD = [
    "plain",
    "with space",
    " leading and trailing ",
    string.punctuation,
    *(f"a{mark}b" for mark in string.punctuation),
    "it's",
    'say "no"',
    "back\\slash",
    "100%",
    "under_score",
    "a//b",
    "/a",
    "a/",
    ".",
    "..",
    "../up",
    ":u41:",
    ":u",
    "::",
    "größer",
    "日本語",
    "עברית",
    "العربية",
    "हिन्दी",
    "Ελληνικά",
    "кириллица",
    "ไทย",
    "😀 emoji",
    "e\u0301 combining",
    "line\nbreak",
    "tab\there",
    "mlflow.runName",
    "amlflow.root",
    "property.x",
    "--comment",
    "a AND b = 'c'",
    "NULL",
]


def awkward_values() -> list[str]:
    """Texts that a tracker must give back as they are, the empty one and a long one too."""
    like_json = ["1", "1.0", "true", "null", "nan", '{"a": 1}', "[1]"]
    return [*AWKWARD, *like_json, "", "\u200b", "\u200b\u200b", "long " * 1000]


ALIKE = ["alike", "Alike", "alike ", "al\u00efke", "ali\u0308ke", "al_ke", "\uff41like"]
"""Texts that some databases take for one."""


HARD = [
    "", " ", "\t", "\n", "\r\n", "line\r\nline\r", " both ", "end ", "end\t", "\u00a0hard\u00a0",
    "\0", "nul\0in it", "nul at the end\0",
    "\ud800", "half \udcff of a pair", "\ude00\ud83d",
    "\u00e9 composed", "e\u0301 decomposed", "\u212b", "\ufb01", "\uff21", "\u1e9e \u0130 \u0131",
    "C0 " + "".join(f"{chr(code)}." for code in range(1, 32)),
    "C1 " + "".join(f"{chr(code)}." for code in range(127, 160)),
    "\x01", "\x0b", "\x1b[0m", "\x1f", "\x7f", "\x85", "\x9f",
    "\ufeffmark", "\u2028\u2029", "\u200d\u200e\u202e", "\ufffe\uffff", "\U0010ffff",
    "\U0001f469\u200d\U0001f4bb",
    "%", "_", "%_%", "\\", "\\%", "''", '""', "`", "$1", "{}", "%s", "%00", "&amp;", "<b>",
    "\\u0041",
    "x" * 256, "x" * 5_001, "ü" * 8_001, "long " * 13_200,
]  # fmt: skip
"""Texts that a tracker returns as they are, or refuses: what databases, files and JSON change."""


FEW = [
    string.punctuation, "it's", 'say "no"', "a//b", "größer 日本語 עברית", "😀", "line\nbreak",
    " blanks ", "mlflow.runName", "%41",
]  # fmt: skip
"""The worst of them, for what takes a tracker a call for each."""
LONG = 10_000
"""Characters that a tracker keeps or refuses."""


class SuiteBase(Cleaning):
    """What every tracker must do. A subclass gives the fixture ``uri``."""

    amlflow_contract = True
    thorough_tests: Collection[str] | None = None
    """The names of the tests that take long and are to run; None: all, unless with ``--quick``."""
    more_than_a_page = 1300
    """Runs; a tracker whose page is not 1,000 runs says another number."""
    patience = 20.0
    """Seconds that a busy machine may take for one call."""

    @pytest.fixture
    def uri(self) -> str:
        """The address of a tracker, at which other processes open the same one."""
        raise NotImplementedError("a subclass of TrackerSuite gives the fixture `uri`")

    @pytest.fixture
    def tracker(self, uri: str) -> Tracker:
        """The tracker as amlflow uses it: with the layers for what it does not claim."""
        return open_direct(uri)

    def needs(self, tracker: Tracker, feature: Feature) -> None:
        """Skip the test where nothing can stand in for a feature that is not claimed."""
        if feature not in tracker.features:
            pytest.skip(NOT_CLAIMED + feature.value)

    @pytest.fixture
    def experiment(self, tracker: Tracker) -> ExperimentRecord:
        return tracker.ensure_experiment(new_name())

    @pytest.fixture
    def run(self, tracker: Tracker, experiment: ExperimentRecord) -> RunRecord:
        return self.create_run(tracker, experiment)

    def create_run(
        self, tracker: Tracker, experiment: ExperimentRecord, **values: Any
    ) -> RunRecord:
        [record] = tracker.create_runs([self.draft(experiment, **values)])
        return record

    made = create_run
    """Its earlier name, which tests of plugins may still use."""

    def draft(self, experiment: ExperimentRecord, **values: Any) -> RunDraft:
        return RunDraft(**{"experiment_id": experiment.id, "created": current(), **values})

    def quickly(self, tracker: Tracker, method: str, *arguments: object) -> Any:
        """What a method of ``QuickSearch`` gives; None where the tracker does not have it."""
        function = getattr(tracker, method, None)
        return None if function is None else function(*arguments)


def write_accepted(write: Callable[[list[T]], object], items: Sequence[T]) -> list[T]:
    """Write the items in as few calls as the tracker allows; those that it has taken.

    A refused call changes nothing, so its halves are tried, down to the single item.
    """
    if not items or not refuses(write, list(items)):
        return list(items)
    if len(items) == 1:
        return []
    half = len(items) // 2
    return write_accepted(write, items[:half]) + write_accepted(write, items[half:])


def refuses(call: Callable[..., object], *arguments: object) -> bool:
    """Whether a tracker refuses what is hard to keep."""
    try:
        call(*arguments)
    except Refused:
        return True
    return False


def current() -> datetime:
    return datetime.now(timezone.utc)


def later(seconds: float) -> datetime:
    return current() + timedelta(seconds=seconds)


def new_point(
    name: str,
    value: Any,
    *,
    kind: Kind = Kind.SCALAR,
    order: int = 0,
    step: int | None = None,
    time: datetime | None = None,
    writer: str = "writer",
) -> Point:
    return Point(
        name=name,
        value=value,
        kind=kind,
        step=step,
        order=order,
        time=START + order * TICK if time is None else time,
        writer=writer,
    )


def race(threads: int, act: Callable[[int], object]) -> list[object]:
    """What each thread's act returned or raised; all begin at the same moment."""
    barrier = threading.Barrier(threads)

    def enter(me: int) -> object:
        barrier.wait()
        try:
            return act(me)
        except AzureMLException as error:
            return error

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(enter, range(threads)))


def claim(tracker: Tracker, run_id: str, me: int) -> int:
    change = RunChange(
        properties={"owner": f"value {me}", f"own {me}": "x"}, tags={f"tag {me}": "x"}
    )
    tracker.update_run(run_id, change)
    return me


def check_claims(run: RunRecord, outcomes: Sequence[Any]) -> None:
    winners = [outcome for outcome in outcomes if isinstance(outcome, int)]
    losers = [outcome for outcome in outcomes if not isinstance(outcome, int)]
    assert len(winners) == 1, outcomes
    assert run.properties == {"owner": f"value {winners[0]}", f"own {winners[0]}": "x"}
    assert run.tags == {f"tag {winners[0]}": "x"}
    for loser in losers:
        key, kept, refused = (
            (loser.key, loser.kept, loser.refused) if isinstance(loser, PropertyConflict) else loser
        )
        assert (key, kept) == ("owner", f"value {winners[0]}")
        assert refused != kept
