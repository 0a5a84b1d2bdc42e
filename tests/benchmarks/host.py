"""What the host adds to a call that goes straight through: ``python tests/benchmarks/host.py``.

``run.tag`` on the reference tracker against the same change given to the tracker directly, measured
in turn in this very run. The best of the rounds counts: what else the machine does only adds to it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

# Behind the standard library, which has a module called like the benchmark of logging.
sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).parent.parent))

from runs import report, seconds

CALLS = 200
ROUNDS = 100


def plugged() -> None:
    """Have the reference tracker take URIs as a plugin's tracker does.

    At ``shared:`` it says that other processes can reach it, so amlflow keeps a journal before it.
    """
    from amlflow.plugins import load_plugins
    from amlflow.spec import Feature, Tracker, hookimpl
    from amlflow.testing.memory import MemoryTracker

    class Shared(MemoryTracker):
        features = frozenset(Feature)

    @hookimpl
    def amlflow_tracker(uri: str) -> Tracker | None:
        trackers = {"memory:": MemoryTracker, "shared:": Shared}
        return trackers[uri](uri) if uri in trackers else None

    module = ModuleType("memory")
    module.amlflow_tracker = amlflow_tracker  # type: ignore[attr-defined]
    load_plugins().manager.register(module, name="memory")


def again(act: Callable[[], object]) -> Callable[[], None]:
    def acts() -> None:
        for _ in range(CALLS):
            act()

    return acts


def added(uri: str) -> tuple[float, float]:
    """The microseconds of a call through the host, and of the same call to the tracker."""
    os.environ["MLFLOW_TRACKING_URI"] = uri
    from amlflow.core.experiment import Experiment
    from amlflow.core.workspace import Workspace
    from amlflow.plugins import open_tracker
    from amlflow.spec import RunChange

    experiment = Experiment(Workspace.from_config(), "host")
    run = experiment.start_logging(snapshot_directory=None, outputs=None)
    tracker, run_id = open_tracker(uri), run.id
    acts = (
        again(lambda: run.tag("quality", "fantastic run")),
        again(lambda: tracker.update_run(run_id, RunChange(tags={"quality": "fantastic run"}))),
    )
    rounds = [[seconds(act) for act in acts] for _ in range(ROUNDS)]
    through, direct = map(min, zip(*rounds, strict=True))
    assert tracker.get_run(run_id).tags == {"quality": "fantastic run"}
    run.complete()
    return through / CALLS * 1e6, direct / CALLS * 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ.update(XDG_STATE_HOME=folder, XDG_CONFIG_HOME=folder)
        plugged()
        for uri, what, target in (
            ("memory:", "run.tag / the reference tracker's own call: added, µs", "<= 15"),
            ("shared:", "the same through the journal, which is waited for, µs", ""),
        ):
            through, direct = added(uri)
            report(what, through - direct, target, f"{through:.1f} µs against {direct:.1f} µs")


if __name__ == "__main__":
    main()
