"""The numbers of runs in their experiments. MLflow does not number runs.

MLflow has no counter, and no call that counts runs. In a database, SQL can count. For a server,
page tokens are offsets, so one small search shows whether there are more than n runs. The count is
found by halving intervals. From time to time, a number is noted in a tag of its run, and later
counts start there. A number never changes: runs do not change their order, and deleted runs also
count.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence

from amlflow.spec import Refused, RunNotFound, RunRecord
from amlflow.times import EARLIEST, LATEST
from amlflow.tracker_data import parse, to_count

from amlflow_mlflow.entities import ALL, Page, Run
from amlflow_mlflow.page_tokens import to_token
from amlflow_mlflow.records import to_ms
from amlflow_mlflow.spelling import NUMBER
from amlflow_mlflow.store import Store

logger = logging.getLogger("amlflow")

FEW = 100
"""So many runs are read, because counting them would take longer."""
SETTLED_MS = 60_000
"""When a run is this old, no other process creates a run that counts as earlier."""
PAGE = 5000
GROWTH = 8
SCATTERED = 10
"""If more than so many runs are read for each number, all numbers are noted: counting took long."""
MAX_NOTES = 500
UNKNOWN = 0
"""The number of a run that has just been removed."""

Position = tuple[int, str]
"""The sort key of runs in an experiment: the time of their creation, and their id."""


class Numbers:
    """The numbers of the runs in one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, runs: Sequence[RunRecord]) -> list[int]:
        """Do what :meth:`amlflow.spec.Tracker.run_numbers` does."""
        count = self._in_database if self._store.dialect is not None else self._of
        numbers: dict[str, int] = {}
        for experiment_id in {run.experiment_id for run in runs}:
            selection = (run for run in runs if run.experiment_id == experiment_id)
            positions = {self._position_of(run) for run in selection}
            numbers.update(count(experiment_id, sorted(positions)))
        return [numbers[run.id] for run in runs]

    def _position_of(self, run: RunRecord) -> Position:
        if EARLIEST < run.created < LATEST:
            return to_ms(run.created), run.id
        # The time is out of a record's range, so the record has the nearest possible time.
        mlflow_run = self._store.get_run(run.id)
        return mlflow_run.info.start_time or 0, run.id

    def _in_database(self, experiment_id: str, positions: list[Position]) -> dict[str, int]:
        (first_time, first_id), (last_time, last_id) = positions[0], positions[-1]
        rows = self._store.select(
            _NUMBERS,
            {
                "experiment": int(experiment_id),
                "first_time": first_time, "first_id": first_id,
                "last_time": last_time, "last_id": last_id,
            },
        )  # fmt: skip
        numbers = {run_id: int(number) for run_id, number in rows}
        return {run_id: numbers.get(run_id, UNKNOWN) for _, run_id in positions}

    def _of(self, experiment_id: str, positions: list[Position]) -> dict[str, int]:
        """Return the numbers of an experiment's runs, by id. ``positions`` are sorted."""
        noted = self._read_noted_between(experiment_id, positions[0], positions[-1])
        numbers = {run_id: number for (_, run_id), number in noted.items()}
        missing = [position for position in positions if position not in noted]
        if missing:
            numbers.update(self._count_up_to(experiment_id, missing, noted))
        return {run_id: numbers.get(run_id, UNKNOWN) for _, run_id in positions}

    def _count_up_to(
        self, experiment_id: str, positions: list[Position], noted: dict[Position, int]
    ) -> dict[str, int]:
        """Count runs without a noted number, from the nearest earlier run that has one."""
        first, last = positions[0], positions[-1]
        start = max((position for position in noted if position < first), default=None)
        if start is None:
            start, number = self._find_noted(experiment_id, first)
        else:
            number = noted[start]
        gap = self._between(experiment_id, start, first)
        number += gap
        numbers = {first[1]: number}
        if last != first:
            span = f"{_TIME} >= {first[0]} AND {_TIME} <= {last[0]}"
            for position in sorted(self._find_positions(experiment_id, span)):
                if first < position <= last:
                    number += 1
                    numbers[position[1]] = number
        read = number - numbers[first[1]]
        if read > FEW * len(positions) / SCATTERED:
            self._note(positions, numbers)
        elif gap + read > FEW:
            self._note([first, last], numbers)
        return numbers

    def _read_noted_between(
        self, experiment_id: str, first: Position, last: Position
    ) -> dict[Position, int]:
        """Read the noted numbers of runs from one position to another."""
        if first == last:
            return {}
        condition = f"{_TIME} >= {first[0]} AND {_TIME} <= {last[0]} AND {_NOTED}"
        return dict(self._parse_notes(self._page(experiment_id, condition, PAGE)))

    def _find_noted(self, experiment_id: str, position: Position) -> tuple[Position, int]:
        """Find the last run up to a position that has a noted number."""
        condition = f"{_TIME} <= {position[0]} AND {_NOTED}"
        for candidate, number in self._parse_notes(self._page(experiment_id, condition, 2)):
            if candidate <= position:
                return candidate, number
        return (-1, ""), 0

    def _parse_notes(self, page: Page[Run]) -> Iterator[tuple[Position, int]]:
        for run in page:
            number = parse(run.info.run_id, NUMBER, run.data.tags.get(NUMBER), to_count)
            if number is not None:
                yield (run.info.start_time or 0, run.info.run_id), number

    def _note(self, positions: list[Position], numbers: dict[str, int]) -> None:
        """Note the numbers of runs that are old enough, so that they are not counted again."""
        settled = time.time() * 1000 - SETTLED_MS
        ids = {run_id for at, run_id in positions[-MAX_NOTES:] if at < settled}
        for run_id in ids & numbers.keys():  # without runs that have just been removed
            try:
                self._store.log_batch(run_id, tags={NUMBER: str(numbers[run_id])})
            except (Refused, RunNotFound) as error:  # read only, or deleted: the numbers are right
                logger.debug("The number of run %s is not noted: %s", run_id, error.message)
                return

    def _between(self, experiment_id: str, start: Position, end: Position) -> int:
        """Count the runs after one position, up to and including another."""
        same = [
            position
            for time in {start[0], end[0]}
            for position in self._find_positions(experiment_id, f"{_TIME} = {time}")
            if start < position <= end
        ]
        inner = f"{_TIME} > {start[0]} AND {_TIME} < {end[0]}"
        return len(same) + self._count(experiment_id, inner)

    def _count(self, experiment_id: str, condition: str) -> int:
        page = self._page(experiment_id, condition, FEW)
        if not page.token:
            return len(page)
        low, high = FEW, FEW * GROWTH  # there are more than low, and not more than high
        while self._more_than(experiment_id, condition, high):
            low, high = high, high * GROWTH
        while high - low > FEW:
            middle = (low + high) // 2
            if self._more_than(experiment_id, condition, middle):
                low = middle
            else:
                high = middle
        return low + len(self._page(experiment_id, condition, high - low, to_token(low)))

    def _more_than(self, experiment_id: str, condition: str, count: int) -> bool:
        token = to_token(count)
        return bool(self._page(experiment_id, condition, 1, token))

    def _find_positions(self, experiment_id: str, condition: str) -> Iterator[Position]:
        token = None
        while True:
            page = self._page(experiment_id, condition, PAGE, token)
            yield from ((run.info.start_time, run.info.run_id) for run in page)
            token = page.token
            if not token:
                return

    def _page(
        self, experiment_id: str, condition: str, size: int, token: str | None = None
    ) -> Page[Run]:
        return self._store.search_runs(
            [experiment_id], condition, view=ALL, size=size, order=[f"{_TIME} DESC"], token=token
        )


_TIME = "attributes.start_time"
_NOTED = f"tags.`{NUMBER}` LIKE '%'"
_NUMBERS = """
    SELECT run_uuid, (SELECT count(*) FROM runs
                      WHERE experiment_id = :experiment
                      AND (start_time < :first_time
                           OR start_time = :first_time AND run_uuid < :first_id))
                     + row_number() OVER (ORDER BY start_time, run_uuid)
    FROM runs
    WHERE experiment_id = :experiment
    AND (start_time > :first_time OR start_time = :first_time AND run_uuid >= :first_id)
    AND (start_time < :last_time OR start_time = :last_time AND run_uuid <= :last_id)
"""
"""Selects the numbers of the runs from one position to another."""
