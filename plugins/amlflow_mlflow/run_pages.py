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
"""The size of the first page of all runs: who asks for all of them may only take the first ones."""
LATER_PAGE = 5000
"""The size of later pages. They are larger, as each page is a new search."""


class RunPages:
    """A reader of runs from one store. It may find more runs than match a query.

    This is because MLflow's filters cannot express every condition.
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
        """Yield MLflow's runs in the query's order: all that match, and perhaps others."""
        experiment_ids = query.experiment_ids
        sizes = (min(query.limit, PAGE),) if query.limit else (FEW, PAGE)
        condition = to_filter(query.conditions, filters_null=self._store.filters_null)
        order = to_order(query.order)
        pages = functools.partial(self._pages, condition=condition, order=order, sizes=sizes)
        if 0 < query.limit <= FEW:
            wider = to_filter(query.conditions, filters_null=False)
            pages = functools.partial(pages, wider=wider)
        # For MLflow, all runs of an archived experiment are deleted.
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
            # Only one search, since results cannot be merged without the database's sort order.
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
        """Read one page of MLflow's runs."""
        return self._store.search_runs(
            experiment_ids, condition, view=view, size=size, order=order, token=token
        )

    def _pages(
        self,
        experiment_ids: Sequence[str],
        condition: str,
        order: list[str],
        sizes: Sequence[int],
        view: str = ACTIVE,
        wider: str | None = None,
    ) -> Iterator[Run]:
        """Yield all runs that meet a condition. With ``wider``, the first page may have others.

        ``sizes`` are those of the first pages. Later pages have ``LATER_PAGE`` runs.

        To find runs without a tag, a database reads all runs. If only a few runs are wanted, the
        first page of the ``wider`` condition usually has them.
        """
        before, first = set[str](), condition
        size, *later_sizes = sizes
        if wider not in (None, condition):
            page = self.page(experiment_ids, str(wider), order, 2 * size, None, view)
            yield from page
            if not page.token:
                return
            before.update(run.info.run_id for run in page)
            if order == to_order(None):  # leave out runs that have just been created
                first = _until(condition, page[-1].info.start_time)
        page = self.page(experiment_ids, first, order, size, None, view)
        yield from (run for run in page if run.info.run_id not in before)
        before.update(run.info.run_id for run in page)
        bounded, bound = condition, None
        while page.token:
            token: str | None = page.token
            created = page[-1].info.start_time
            # MLflow's pages are offsets: a run that is created, or no longer matches, shifts them.
            # So a page begins with the creation time at which the last page ended. The offset is
            # only used if all runs of a page have the same time.
            if order == to_order(None) and created != bound:
                token, bound = None, created
                bounded = _until(condition, created)
            size = later_sizes.pop(0) if later_sizes else LATER_PAGE
            page = self.page(experiment_ids, bounded, order, size, token, view)
            yield from (run for run in page if run.info.run_id not in before)
            before.update(run.info.run_id for run in page)


def _until(condition: str, start_time: int | None) -> str:
    """Add to a condition that a run was created at a time or before."""
    until = f"attributes.start_time <= {start_time}"
    return f"{condition} AND {until}" if condition else until
