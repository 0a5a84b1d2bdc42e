"""The numbers of runs in their experiments, which MLflow does not count.

MLflow has no counter and no call that counts. Its database does. A server's page tokens are
offsets, so whether there are more than n runs is one small search, and the count is found by
halving. Every so often a number is noted on its run, from which the next is counted: it never
changes, since runs do not change their order and deleted ones count too.
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
"""Runs that are read sooner than counted."""
SETTLED_MS = 60_000
"""From this age on, no other process makes a run that counts as earlier."""
PAGE = 5000
GROWTH = 8
UNKNOWN = 0
"""The number of a run that has been removed meanwhile."""

Position = tuple[int, str]
"""What orders the runs of an experiment: when they were made, and their ids."""


class Numbers:
    """Counts the runs of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, runs: Sequence[RunRecord]) -> list[int]:
        """See :meth:`amlflow.spec.Tracker.run_numbers`."""
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
        # The record has the nearest time that it can hold.
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
        """The numbers by id of an experiment's runs, given in their order."""
        first, last = positions[0], positions[-1]
        noted_place, number = self._find_noted(experiment_id, first)
        gap = self._between(experiment_id, noted_place, first)
        number += gap
        numbers = {first[1]: number}
        if last != first:
            span = f"{_TIME} >= {first[0]} AND {_TIME} <= {last[0]}"
            for position in sorted(self._find_positions(experiment_id, span)):
                if first < position <= last:
                    number += 1
                    numbers[position[1]] = number
        is_settled = last[0] < time.time() * 1000 - SETTLED_MS
        if is_settled and number - numbers[first[1]] + gap > FEW:
            self._note(last[1], number)
        return {run_id: numbers.get(run_id, UNKNOWN) for _, run_id in positions}

    def _find_noted(self, experiment_id: str, position: Position) -> tuple[Position, int]:
        """The nearest run up to a position whose number is noted."""
        condition = f"{_TIME} <= {position[0]} AND tags.`{NUMBER}` LIKE '%'"
        for run in self._page(experiment_id, condition, 2):
            candidate = (run.info.start_time, run.info.run_id)
            number = parse(run.info.run_id, NUMBER, run.data.tags.get(NUMBER), to_count)
            if candidate <= position and number is not None:
                return candidate, number
        return (-1, ""), 0

    def _note(self, run_id: str, number: int) -> None:
        try:
            self._store.log_batch(run_id, tags={NUMBER: str(number)})
        except (
            Refused,
            RunNotFound,
        ) as error:  # read only, or deleted; the number is right all the same
            logger.debug("The number of run %s is not noted: %s", run_id, error.message)

    def _between(self, experiment_id: str, start: Position, end: Position) -> int:
        """How many runs come after one position, up to and with another."""
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
        while high - low > 1:
            middle = (low + high) // 2
            if self._more_than(experiment_id, condition, middle):
                low = middle
            else:
                high = middle
        return high

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
"""The numbers of the runs from one position to another."""
