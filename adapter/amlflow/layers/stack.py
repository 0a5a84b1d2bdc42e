"""Opens a tracker with the layers that it needs, the innermost first."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from amlflow import plugins
from amlflow.fork_safety import wait_for_imports
from amlflow.journal.settings import from_environment
from amlflow.layers.archive import Archive
from amlflow.layers.batches import Batches
from amlflow.layers.kept_in_notes import KeptInNotes
from amlflow.layers.layer import Layer
from amlflow.layers.metrics import MetricsLayer
from amlflow.layers.models import Models
from amlflow.layers.nesting import Nesting
from amlflow.layers.search import SearchLayer
from amlflow.layers.statuses import Statuses
from amlflow.layers.write_once import WriteOnce
from amlflow.per_process import PerProcess
from amlflow.relay.client import open_relay
from amlflow.spec import Feature, RunKeeper, Tracker, Unavailable

if TYPE_CHECKING:
    from amlflow.layers.journaled import Journaled

LAYERS: dict[Feature, type[Layer]] = {
    Feature.BATCHES: Batches,
    Feature.WRITE_ONCE: WriteOnce,
    Feature.NESTING: Nesting,
    Feature.CANCEL: Statuses,
    Feature.ARCHIVE: Archive,
    Feature.MODELS: Models,
}


class OpenTrackers:
    """The trackers that this process has opened, by absolute URI.

    Each tracker is opened once in each process. A forked child opens its own; the parent sends what
    the parent has journaled. At the end of the process, the journals send their last records.
    Whatever is logged after that is sent at once.
    """

    def __init__(self) -> None:
        self._direct: PerProcess[Tracker] = PerProcess()
        self._layered: PerProcess[Layer] = PerProcess(self._on_fork)
        self._parents: dict[str, Journaled] = {}
        self._closed = False
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=wait_for_imports)

    def direct(self, uri: str) -> Tracker:
        """Return a tracker with the layers that it needs and without a journal."""
        return self._direct.get(uri, _open_direct)

    def get_layered(self, uri: str) -> Layer:
        """Return a tracker as the facade uses it."""
        return self._layered.get(uri, self._open)

    def _open(self, uri: str) -> Layer:
        settings = from_environment()
        if self._closed or not settings.on:
            return Layer(self.direct(uri))
        # An agent opens its tracker without a journal, and its script starts sooner without this.
        from amlflow.layers.journaled import Journaled

        parent = self._parents.get(uri)
        layer = Journaled(uri, lambda: self.direct(uri), settings, parent)
        try:
            if not is_journaled(layer.inner.features):
                return Layer(layer.inner)
        except Unavailable:
            if not settings.offline:
                raise
        self._close_with_multiprocessing()
        return layer

    def close(self) -> None:
        """Send what is left at the end of the process. What is logged later is sent at once."""
        self._closed = True
        for uri, layer in _journaled(self._layered.items()):
            self._layered.forget(uri)
            layer.journal.close()

    def finish(self) -> None:
        """Wait for what this process has logged. Raises :class:`Unavailable`."""
        for _, layer in _journaled(self._layered.items()):
            layer.finish()

    def _close_with_multiprocessing(self) -> None:
        """Have multiprocessing call :meth:`close`, as its processes end without atexit."""
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            # Few processes belong to multiprocessing.
            from multiprocessing.util import Finalize

            Finalize(None, self.close, exitpriority=0)

    def _on_fork(self, layers: dict[str, Layer]) -> None:
        for uri, layer in _journaled(layers.items()):
            layer.journal.after_fork()
            self._parents[uri] = layer


def _journaled(layers: Iterable[tuple[str, Layer]]) -> list[tuple[str, Journaled]]:
    """Return those of the opened layers that have a journal."""
    # It is not imported for this: the process may be ending, or be the child of a fork.
    journaled = getattr(sys.modules.get("amlflow.layers.journaled"), "Journaled", None)
    if journaled is None:
        return []
    return [(uri, layer) for uri, layer in layers if isinstance(layer, journaled)]


_open_trackers = OpenTrackers()


def _open_direct(uri: str) -> Tracker:
    """Open a tracker, through the agent if this is a script without the tracker's client."""
    return open_relay(uri) or add_layers(plugins.open_tracker(uri))


def open_layered(uri: str) -> Layer:
    """Return the tracker at an absolute URI, as the facade uses it: one object a URI and process.

    Raises what :func:`amlflow.plugins.open_tracker` raises. With ``AMLFLOW_OFFLINE``, a tracker
    that does not answer is not an error: it is opened when it is back.
    """
    return _open_trackers.get_layered(uri)


def finish() -> None:
    """Wait until all that this process has logged is in its trackers, as at the end of a command.

    Raises :class:`Unavailable` if that takes longer than ``AMLFLOW_FLUSH_SECONDS``. Then the end of
    the process does not wait again.
    """
    _open_trackers.finish()


def open_direct(uri: str) -> Tracker:
    """Return a tracker with the layers that it needs, but no journal: each call sends at once."""
    return _open_trackers.direct(uri)


def open_unjournaled(uri: str) -> Layer:
    """Return the tracker that :func:`open_layered` returns, but without a journal."""
    return Layer(open_direct(uri))


def is_journaled(features: frozenset[str]) -> bool:
    """Whether a tracker gets a journal. A tracker that ends with its process does not need one."""
    return Feature.SHARED in features and from_environment().on


def open_keeper(uri: str) -> RunKeeper:
    """Return what an agent needs of the tracker at an absolute URI: the plugin's light one if any.

    Raises what :func:`amlflow.plugins.open_tracker` raises.
    """
    keeper = plugins.open_keeper(uri)
    return open_direct(uri) if keeper is None else keeper


def add_layers(tracker: Tracker) -> Tracker:
    """Add the layers that a tracker needs, and no others, so it has every feature of a layer."""
    for layer, _ in layers_for(tracker.features):
        tracker = layer(tracker)
    return tracker


def layers_for(features: frozenset[str]) -> Iterator[tuple[type[Layer], str]]:
    """Yield each layer for a tracker with these features, and the reason; the innermost first."""
    reading = []
    for feature, layer in LAYERS.items():
        if feature not in features:
            yield layer, f"the tracker does not claim {feature.value!r}"
            if issubclass(layer, KeptInNotes):
                reading.append(layer.__name__)
    if Feature.SEARCH not in features:
        yield SearchLayer, f"the tracker does not claim {Feature.SEARCH.value!r}"
    elif reading:
        yield SearchLayer, f"the tracker cannot search what {', '.join(reading)} keeps"
    if Feature.METRICS not in features:
        yield MetricsLayer, f"the tracker does not claim {Feature.METRICS.value!r}"
    elif reading:
        yield MetricsLayer, f"the tracker reads no metrics for {', '.join(reading)}"
