"""Opens the mutants that several processes share, by a URI."""

from __future__ import annotations

from amlflow.per_process import PerProcess
from amlflow.spec import Tracker
from helpers.shared_tracker import SharedTracker

from mutants import keeping, sharing, sharing_away

_open: PerProcess[Tracker] = PerProcess()


def open_mutant(uri: str) -> Tracker:
    """The mutant that a URI names, ``NAME:<path>``, one for each process."""
    modules = (sharing, sharing_away, keeping)
    mutants = [each for module in modules for each in module.MUTANTS]
    classes = {each.__name__: each for each in (SharedTracker, *mutants)}
    return _open.get(uri, lambda uri: classes[uri.partition(":")[0]](uri))
