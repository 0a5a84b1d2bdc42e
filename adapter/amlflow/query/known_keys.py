"""Says which keys of a query the newest runs do not have, and what was probably meant.

A key that no run has is valid, but it is probably misspelled if the query finds nothing.
"""

from __future__ import annotations

import difflib
import itertools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amlflow.claims import without_claims
from amlflow.query.expression import Expression
from amlflow.spec import METRIC_FIELDS, RunQuery, Tracker

logger = logging.getLogger("amlflow")

MAX_READ = 500
"""The most runs that are read."""
MAX_DOUBTS = 5
"""The most keys of one query that are named. To find the nearest key of each takes long."""
CUTOFF = 0.7
"""How alike two keys must be, from 0 to 1."""
_NAMES = {"tags": "tag", "properties": "property", "params": "param", "metrics": "metric"}
"""The fields with keys, and what an entry of each is called."""


@dataclass(frozen=True)
class KnownKeys:
    """The keys of tags, properties, params and metrics that the newest runs have, by field.

    ``runs`` is the number of runs that were read.
    """

    runs: int
    by_field: Mapping[str, frozenset[str]]

    @staticmethod
    def read(tracker: Tracker, experiments: Mapping[str, str]) -> KnownKeys:
        """Read the newest runs of experiments (names by id), at most :data:`MAX_READ`."""
        query = RunQuery(experiment_ids=list(experiments), limit=MAX_READ, fields=frozenset(_NAMES))
        names: dict[str, set[str]] = {field: set() for field in _NAMES}
        records = list(itertools.islice(tracker.find_runs(query), MAX_READ))
        for record in records:
            for field, keys in names.items():
                keys.update(getattr(record, field))
        names["properties"] = set(without_claims(dict.fromkeys(names["properties"], "")))
        return KnownKeys(len(records), {field: frozenset(keys) for field, keys in names.items()})

    def doubt(self, field: str, key: str) -> str | None:
        """Return a sentence about a key that none of the runs has; None if one has it."""
        field = "metrics" if field in METRIC_FIELDS else field
        if not self.runs or key in self.by_field[field]:
            return None
        runs = "run does" if self.runs == 1 else f"{self.runs} runs do"
        return f"The newest {runs} not have the {_NAMES[field]} {key!r}{self._near(field, key)}"

    def _near(self, field: str, key: str) -> str:
        """Return ``; did you mean …?``, or a full stop."""
        folded = {each.casefold(): each for each in sorted(self.by_field[field])}
        others = [other for other, known in self.by_field.items() if key in known]
        if key.casefold() not in folded and others:
            return f"; did you mean the {_NAMES[others[0]]} {key!r}?"
        near = difflib.get_close_matches(key.casefold(), folded, n=1, cutoff=CUTOFF)
        return f"; did you mean {folded[near[0]]!r}?" if near else "."


def doubts(expression: Expression, tracker: Tracker, experiments: Mapping[str, str]) -> list[str]:
    """Return sentences about keys in an expression that the newest runs do not have.

    There are at most :data:`MAX_DOUBTS`.
    """
    keys = expression.use.keys
    if not keys:
        return []
    known = KnownKeys.read(tracker, experiments)
    sentences = dict[str, None]()
    for field, key in keys:
        if len(sentences) == MAX_DOUBTS:
            break
        if doubt := known.doubt(field, key):
            sentences[doubt] = None
    return list(sentences)


def warn(
    expression: Expression, tracker: Tracker, experiments: Mapping[str, str], value: Any
) -> None:
    """Log these sentences as warnings if the expression's value is empty."""
    if not value:
        for doubt in doubts(expression, tracker, experiments):
            logger.warning("%s", doubt)
