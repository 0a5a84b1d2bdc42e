"""Searches for runs through MLflow's store, page by page."""

from __future__ import annotations

import functools
import heapq
from collections.abc import Callable, Iterator, Sequence

from amlflow.spec import ExperimentRecord, RunQuery

from amlflow_mlflow.entities import ACTIVE, ALL, Page, Run
from amlflow_mlflow.search import to_filter, to_order
from amlflow_mlflow.store import Store

PAGE = 1000
FEW = 100
LATER_PAGE = 5000
"""Each page is a new search, so later pages are larger."""


class RunPages:
    """Reads runs from one store, which may be more than a query asks for.

    MLflow's filters find too many where they cannot say what a condition says.
    """

    def __init__(
        self,
        store: Store,
        get_experiment: Callable[[str], ExperimentRecord],
        list_experiments: Callable[[], Iterator[ExperimentRecord]],
    ) -> None:
        self._store = store
        self._get_experiment, self._list_experiments = get_experiment, list_experiments

    def candidates(self, query: RunQuery) -> Iterator[Run]:
        """MLflow's runs among which are all that match, in the query's order."""
        experiment_ids = query.experiment_ids
        size = min(query.limit, PAGE) if query.limit else PAGE
        condition = to_filter(query.conditions, filters_null=self._store.filters_null)
        order = to_order(query.order)
        pages = functools.partial(self._pages, condition=condition, order=order, size=size)
        if 0 < query.limit <= FEW:
            wider = to_filter(query.conditions, filters_null=False)
            pages = functools.partial(pages, wider=wider)
        # MLflow counts the runs of an archived experiment as deleted, all of them.
        if experiment_ids is not None and len(experiment_ids) == 1:
            has_runs = False
            for run in pages(experiment_ids):
                has_runs = True
                yield run
            if not has_runs and self._get_experiment(experiment_ids[0]).archived is not None:
                yield from pages(experiment_ids, view=ALL)
            return
        active, archived = list[str](), list[str]()
        for experiment in self._list_experiments() if experiment_ids != [] else ():
            if experiment.archived is None and (
                experiment_ids is None or experiment.id in experiment_ids
            ):
                active.append(experiment.id)
            elif experiment_ids is not None and experiment.id in experiment_ids:
                archived.append(experiment.id)
        if query.order is not None and archived:
            # One search: how the database compares values is not known here.
            for run in pages([*active, *archived], view=ALL):
                if run.info.lifecycle_stage == "active" or run.info.experiment_id in archived:
                    yield run
            return
        searches = ((active, ACTIVE), (archived, ALL))
        yield from heapq.merge(
            *(pages(ids, view=view) for ids, view in searches if ids),
            key=lambda run: (-run.info.start_time, run.info.run_id),
        )

    def page(
        self,
        experiment_ids: Sequence[str],
        condition: str,
        order: list[str],
        size: int,
        token: str | None,
        view: str,
    ) -> Page[Run]:
        """One page of MLflow's runs."""
        return self._store.search_runs(
            experiment_ids, condition, view=view, size=size, order=order, token=token
        )

    def _pages(
        self,
        experiment_ids: Sequence[str],
        condition: str,
        order: list[str],
        size: int,
        view: str = ACTIVE,
        wider: str | None = None,
    ) -> Iterator[Run]:
        """All runs that meet a condition; with ``wider``, the first may be more than those.

        A database looks through all runs for those without a tag. If few are wanted, they are
        mostly among the first that meet the ``wider`` condition.
        """
        before, first = set[str](), condition
        if wider not in (None, condition):
            page = self.page(experiment_ids, str(wider), order, 2 * size, None, view)
            yield from page
            if not page.token:
                return
            before.update(run.info.run_id for run in page)
            if order == to_order(None):  # also without runs that are created meanwhile
                first = _until(condition, page[-1].info.start_time)
        page = self.page(experiment_ids, first, order, size, None, view)
        yield from (run for run in page if run.info.run_id not in before)
        before.update(run.info.run_id for run in page)
        size = max(size, LATER_PAGE)
        bounded, bound = condition, None
        while page.token:
            token: str | None = page.token
            created = page[-1].info.start_time
            # MLflow's pages are offsets: a run that is created, or no longer matches, shifts them.
            # So a page begins with the moment at which the last one ended. Only where a page is one
            # moment, the offset leads on.
            if order == to_order(None) and created != bound:
                token, bound = None, created
                bounded = _until(condition, created)
            page = self.page(experiment_ids, bounded, order, size, token, view)
            yield from (run for run in page if run.info.run_id not in before)
            before.update(run.info.run_id for run in page)


def _until(condition: str, start_time: int | None) -> str:
    """A condition, and that a run has begun by a time."""
    until = f"attributes.start_time <= {start_time}"
    return f"{condition} AND {until}" if condition else until
