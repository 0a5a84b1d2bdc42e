"""Finds out which requested ids are the ids of other runs.

Everybody who may edit a run can write another run's id into the tag of its requested id. An id
comes before an alias, so such an alias counts as absent. Otherwise a list would show two runs with
one id, and a command for the one would change the other.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Iterable

from amlflow.exceptions import AuthenticationException
from amlflow.spec import RunNotFound, RunRecord
from amlflow.tracker_data import leave_out, show_value

from amlflow_mlflow.spelling import ALIAS
from amlflow_mlflow.store import Store

Exist = Callable[[Iterable[str]], Iterable[str]]
"""A function that returns those of the ids that runs have."""

MAX_KNOWN = 10_000
"""For how many ids a server's answer is kept. MLflow makes ids at random, so it stays true."""


def is_own_id(run_id: str) -> bool:
    """Whether an id has the form of the ids that MLflow makes."""
    return re.fullmatch("[0-9a-f]{32}", run_id) is not None


def taken(aliases: Iterable[tuple[str, str | None]], exist: Exist) -> set[str]:
    """Return the ids of the runs whose alias is another run's id, and name each once on the log.

    ``aliases`` are pairs of a run's id and its alias. Only an alias that has the form of MLflow's
    ids is looked up.
    """
    asked = {
        run_id: alias
        for run_id, alias in aliases
        if alias is not None and alias != run_id and is_own_id(alias)
    }
    existing = set(exist(asked.values())) if asked else set[str]()
    found = {run_id: alias for run_id, alias in asked.items() if alias in existing}
    for run_id, alias in found.items():
        leave_out(run_id, ALIAS, "an id that no other run has", show_value(alias))
    return {*found}


class Lookup:
    """Looks for single runs in a store. Each id is looked up until the store has answered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._look_once = functools.lru_cache(MAX_KNOWN)(self._look)

    def exist(self, run_ids: Iterable[str]) -> Iterable[str]:
        """Return those of the ids that runs have, deleted or not."""
        return filter(self._is_run, run_ids)

    def _is_run(self, run_id: str) -> bool:
        try:
            return self._look_once(run_id)
        except AuthenticationException:
            # Others may read that run. As a token may have expired instead, this is not kept.
            return True

    def _look(self, run_id: str) -> bool:
        try:
            self._store.get_run(run_id)
        except RunNotFound:
            return False
        return True

    def check(self, run: RunRecord) -> RunRecord:
        """Return a run without its alias if that is another run's id."""
        if taken([(run.id, run.alias)], self.exist):
            return dataclasses.replace(run, alias=None)
        return run
