"""Opens a tracker with the layers that it needs, the innermost first."""

from __future__ import annotations

import atexit
import functools
import os
import sys
import threading
from collections.abc import Iterator

from amlflow import plugins
from amlflow.imports import wait_for_imports
from amlflow.journal.settings import from_environment
from amlflow.layers.archive import Archive
from amlflow.layers.batches import Batches
from amlflow.layers.journaled import Journaled
from amlflow.layers.layer import Layer
from amlflow.layers.models import Models
from amlflow.layers.nesting import Nesting
from amlflow.layers.noted import Noted
from amlflow.layers.search import Search
from amlflow.layers.statuses import Statuses
from amlflow.layers.write_once import WriteOnce
from amlflow.spec import Feature, RunKeeper, Tracker, Unavailable

LAYERS: dict[Feature, type[Layer]] = {
    Feature.BATCHES: Batches,
    Feature.WRITE_ONCE: WriteOnce,
    Feature.NESTING: Nesting,
    Feature.CANCEL: Statuses,
    Feature.ARCHIVE: Archive,
    Feature.MODELS: Models,
}


_opened: dict[str, Layer] = {}
_inherited: dict[str, Journaled] = {}
"""What the process that this one was forked from had opened."""
_over = False
"""Whether this process is at its end."""
_opening = threading.Lock()


def open_layered(uri: str) -> Layer:
    """The tracker at an absolute URI as the facade uses it, one object for each URI and process.

    Raises what :func:`amlflow.plugins.open_tracker` raises; with ``AMLFLOW_OFFLINE``, a tracker
    that does not answer is opened when it is back.
    """
    found = _opened.get(uri)
    if found is None:
        with _opening:
            found = _opened.get(uri)
            if found is None:
                found = _opened[uri] = _open(uri)
    return found


def open_unjournaled(uri: str) -> Layer:
    """As :func:`open_layered`, without a journal."""
    return Layer(open_direct(uri))


def open_direct(uri: str) -> Tracker:
    """The tracker with the layers that it needs; every call is done when it returns."""
    return _direct(uri, os.getpid())


@functools.cache
def _direct(uri: str, process: int) -> Tracker:
    # A connection does not survive a fork, so each process has its own.
    return layered(plugins.open_tracker(uri))


def _open(uri: str) -> Layer:
    settings = from_environment()
    if _over or not settings.on:
        return open_unjournaled(uri)
    parent = _inherited.get(uri)
    journaled = Journaled(uri, lambda: open_direct(uri), settings, parent)
    try:
        if not is_journaled(journaled.inner.features):
            return Layer(journaled.inner)
    except Unavailable:
        if not settings.offline:
            raise
    _close_with_multiprocessing()
    return journaled


def is_journaled(features: frozenset[Feature]) -> bool:
    """Whether a tracker has a journal before it; one that dies with its process needs none."""
    return Feature.SHARED in features and from_environment().on


@atexit.register
def _close() -> None:
    """At the end of the process, send what is left; whatever is logged later is sent at once."""
    global _over
    _over = True
    for uri, each in list(_opened.items()):
        if isinstance(each, Journaled):
            del _opened[uri]
            each.journal.close()


def _close_with_multiprocessing() -> None:
    """Processes of multiprocessing end without atexit; they have their own way."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, _close, exitpriority=0)


def _after_fork() -> None:
    # Neither a connection nor a thread survives a fork, and what this process logs is its own.
    global _opening
    _opening = threading.Lock()
    for uri, each in _opened.items():
        if isinstance(each, Journaled):
            each.journal.forked()
            _inherited[uri] = each
    _opened.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=wait_for_imports, after_in_child=_after_fork)


def open_keeper(uri: str) -> RunKeeper:
    """What an agent needs of the tracker at an absolute URI, as light as a plugin offers it.

    Raises what :func:`amlflow.plugins.open_tracker` raises.
    """
    keeper = plugins.open_keeper(uri)
    return open_direct(uri) if keeper is None else keeper


def layered(tracker: Tracker) -> Tracker:
    """A tracker with all features that a layer can add, and no layer that it does not need."""
    for layer, _ in needed(tracker.features):
        tracker = layer(tracker)
    return tracker


def needed(features: frozenset[Feature]) -> Iterator[tuple[type[Layer], str]]:
    """The layers for a tracker with these features, the innermost first, and why each is there."""
    reading = []
    for feature, layer in LAYERS.items():
        if feature not in features:
            yield layer, f"the tracker does not claim {feature.value!r}"
            if issubclass(layer, Noted):
                reading.append(layer.__name__)
    if Feature.SEARCH not in features:
        yield Search, f"the tracker does not claim {Feature.SEARCH.value!r}"
    elif reading:
        yield Search, f"the tracker cannot search what {', '.join(reading)} keeps"
