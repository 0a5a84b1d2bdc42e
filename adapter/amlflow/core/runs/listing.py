"""Runs as a notebook's table, and as rows of a data frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from amlflow.core import html
from amlflow.core.listing import Columns
from amlflow.core.runs.base import record_of
from amlflow.core.store import store_of, tracker_of


def to_cells(run: Any) -> dict[str, str]:
    """Return the cells of a run's row as HTML, by the heads of the columns."""
    return {
        "Experiment": html.link(run.experiment.get_portal_url(), run.experiment.name),
        "Id": html.link(run.get_portal_url(), run.id),
        "Type": html.text(run.type),
        "Status": html.text(run.status),
        "Details Page": html.page_link(run.get_portal_url(), store_of(run).uri),
    }


def _to_listed_cells(run: Any) -> dict[str, str]:
    record = record_of(run)
    return {
        "Experiment": html.text(run.experiment.name),
        "Run": html.link(run.get_portal_url(), run.display_name or run.id),
        "Id": html.text(run.id),
        "Status": html.text(record.status),
        "Started (UTC)": html.time(record.started),
        "Tags": html.entries(record.tags),
    }


def _to_documents(runs: Sequence[Any]) -> Iterator[dict[str, Any]]:
    if not runs:
        return
    # Queries need jmespath, which takes time to import.
    from amlflow.query.ask import documents
    from amlflow.query.search import Scope

    names = {run.experiment.id: run.experiment.name for run in runs}
    yield from documents([record_of(run) for run in runs], Scope(tracker_of(runs[0]), names))


RUNS = Columns(_to_listed_cells, _to_documents)
