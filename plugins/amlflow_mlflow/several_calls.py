"""Makes several calls at the same time, where MLflow has no call for all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def call_for_each(
    call: Callable[[Item], Result], items: Collection[Item], threads: int
) -> list[Result]:
    """Make a call for each item, in up to ``threads`` threads. Returns the results in order.

    The calls know what the caller's thread knows, such as :func:`amlflow.spec.is_tried_once`. If a
    call fails, its error is raised, and calls that have not begun are not made.
    """
    threads = min(threads, len(items))
    if threads < 2:
        return [call(item) for item in items]
    contexts = [copy_context() for _ in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda context, item: context.run(call, item), contexts, items))
