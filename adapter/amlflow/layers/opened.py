"""Opens a tracker with the layers that it needs, the innermost first."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator

from amlflow import plugins
from amlflow.layers.archive import Archive
from amlflow.layers.batches import Batches
from amlflow.layers.layer import Layer
from amlflow.layers.models import Models
from amlflow.layers.nesting import Nesting
from amlflow.layers.noted import Noted
from amlflow.layers.search import Search
from amlflow.layers.statuses import Statuses
from amlflow.layers.write_once import WriteOnce
from amlflow.spec import Feature, RunKeeper, Tracker

LAYERS: dict[Feature, type[Layer]] = {
    Feature.BATCHES: Batches,
    Feature.WRITE_ONCE: WriteOnce,
    Feature.NESTING: Nesting,
    Feature.CANCEL: Statuses,
    Feature.ARCHIVE: Archive,
    Feature.MODELS: Models,
}


def open_layered(uri: str) -> Tracker:
    """The tracker at an absolute URI as the facade uses it.

    Raises what :func:`amlflow.plugins.open_tracker` raises.
    """
    return _layered(uri, os.getpid())


@functools.cache
def _layered(uri: str, process: int) -> Tracker:
    # A connection does not survive a fork, so each process has its own.
    return layered(plugins.open_tracker(uri))


def open_keeper(uri: str) -> RunKeeper:
    """What an agent needs of the tracker at an absolute URI, as light as a plugin offers it.

    Raises what :func:`amlflow.plugins.open_tracker` raises.
    """
    keeper = plugins.open_keeper(uri)
    return open_layered(uri) if keeper is None else keeper


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
