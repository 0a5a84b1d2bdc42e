"""The base of all parts of the tracker suite: fixtures, awkward texts, points and races.

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
"""The offset of a time in UTC."""

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
    """Return texts that a tracker must return unchanged, among them "" and a long text."""
    like_json = ["1", "1.0", "true", "null", "nan", '{"a": 1}', "[1]"]
    return [*AWKWARD, *like_json, "", "\u200b", "\u200b\u200b", "long " * 1000]


ALIKE = ["alike", "Alike", "alike ", "al\u00efke", "ali\u0308ke", "al_ke", "\uff41like"]
"""Different texts that some databases treat as equal."""


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
"""Texts that databases, files or JSON may change. A tracker returns them unchanged or refuses."""


FEW = [
    string.punctuation, "it's", 'say "no"', "a//b", "größer 日本語 עברית", "😀", "line\nbreak",
    " blanks ", "mlflow.runName", "%41",
]  # fmt: skip
"""The hardest of these texts, for tests that make one call for each text."""
LONG = 10_000
"""The number of characters of a long text, which a tracker keeps or refuses."""


class SuiteBase(Cleaning):
    """The base class of all tests for trackers. A subclass defines the fixture ``uri``."""

    amlflow_contract = True
    thorough_tests: Collection[str] | None = None
    """The names of the long tests to run. None: all of them, or none with ``--quick``."""
    more_than_a_page = 1300
    """A number of runs that fills more than one page. Change it if a page is not 1,000 runs."""
    patience = 20.0
    """How many seconds one call may take on a busy machine."""
    few_examples = False
    """Whether the tests that make a call for each of many search conditions try fewer of them."""

    def some(self, examples: Sequence[T]) -> Sequence[T]:
        """Return the examples to try: all of them, or every third with ``few_examples``."""
        return examples[::3] if self.few_examples else examples

    @pytest.fixture
    def uri(self) -> str:
        """Return the address of a tracker. Other processes open the same tracker with it."""
        raise NotImplementedError("a subclass of TrackerSuite gives the fixture `uri`")

    @pytest.fixture
    def tracker(self, uri: str) -> Tracker:
        """Return the tracker as amlflow uses it: with layers for the features it does not claim."""
        return open_direct(uri)

    def needs(self, tracker: Tracker, feature: Feature) -> None:
        """Skip the test if a feature is not claimed and no layer can add it."""
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
    """An older name of ``create_run``, which tests of plugins may still use."""

    def draft(self, experiment: ExperimentRecord, **values: Any) -> RunDraft:
        return RunDraft(**{"experiment_id": experiment.id, "created": current(), **values})

    def quickly(self, tracker: Tracker, method: str, *arguments: object) -> Any:
        """Call a method of ``QuickSearch``. Returns None if the tracker does not have it."""
        function = getattr(tracker, method, None)
        return None if function is None else function(*arguments)


def write_accepted(write: Callable[[list[T]], object], items: Sequence[T]) -> list[T]:
    """Write the items in as few calls as possible, and return the items that were accepted.

    A refused call changes nothing, so both halves of its items are tried, down to single items.
    """
    if not items or not refuses(write, list(items)):
        return list(items)
    if len(items) == 1:
        return []
    half = len(items) // 2
    return write_accepted(write, items[:half]) + write_accepted(write, items[half:])


def refuses(call: Callable[..., object], *arguments: object) -> bool:
    """Make a call, and return whether the tracker raises ``Refused``."""
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
    """Call ``act(number)`` in several threads at once.

    Returns for each thread what the call returned, or the AzureMLException that it raised.
    """
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
        assert isinstance(loser, (PropertyConflict, tuple, list)), loser
        key, kept, refused = (
            (loser.key, loser.kept, loser.refused) if isinstance(loser, PropertyConflict) else loser
        )
        assert (key, kept) == ("owner", f"value {winners[0]}")
        assert refused != kept
