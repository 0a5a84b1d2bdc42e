"""A tracker that is away, is slow or refuses calls on demand, and runs and points for it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from amlflow.layers.journaled import Journaled
from amlflow.layers.layer import Layer
from amlflow.spec import TICK, Point, RunDraft, RunRecord, Unavailable

START = datetime(2026, 1, 2, tzinfo=timezone.utc)
URI = "memory://"
MAX_WAIT_S = 60
"""After this time, a test that hangs fails. On an idle machine, each wait takes milliseconds."""
MAX_STALL_S = 10
"""A call that takes longer has waited for the tracker, which would take 20 s."""


class Moody(Layer):
    """A tracker whose calls can raise: ``error`` gets the name and the arguments of each call."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.calls: list[str] = []
        self.times: list[float] = []
        self.error: Callable[..., BaseException | None] = lambda name, *arguments: None
        self.answer_lost: Callable[..., BaseException | None] = lambda name, *arguments: None

    def _call(self, name: str, *arguments: Any, **more: Any) -> Any:
        self.calls.append(name)
        self.times.append(time.monotonic())
        error = self.error(name, *arguments)
        if error is not None:
            raise error
        answer = getattr(self.inner, name)(*arguments, **more)
        error = self.answer_lost(name, *arguments)
        if error is not None:
            raise error
        return answer

    def ensure_experiment(self, *arguments: Any, **more: Any) -> Any:
        return self._call("ensure_experiment", *arguments, **more)

    def create_runs(self, *arguments: Any, **more: Any) -> Any:
        return self._call("create_runs", *arguments, **more)

    def get_run(self, *arguments: Any, **more: Any) -> Any:
        return self._call("get_run", *arguments, **more)

    def update_run(self, *arguments: Any, **more: Any) -> Any:
        return self._call("update_run", *arguments, **more)

    def write_points(self, *arguments: Any, **more: Any) -> Any:
        return self._call("write_points", *arguments, **more)

    def read_points(self, *arguments: Any, **more: Any) -> Any:
        return self._call("read_points", *arguments, **more)

    def put_files(self, *arguments: Any, **more: Any) -> Any:
        return self._call("put_files", *arguments, **more)

    def put_snapshot(self, *arguments: Any, **more: Any) -> Any:
        return self._call("put_snapshot", *arguments, **more)

    def has_snapshot(self, *arguments: Any, **more: Any) -> Any:
        return self._call("has_snapshot", *arguments, **more)


def away(name: str, *_: object) -> BaseException:
    """The failure of a tracker that does not answer."""
    return Unavailable("It is away.")


def die(journaled: Journaled) -> None:
    """Leave the journal as a killed process leaves it."""
    sender = journaled.journal.sender()
    if journaled.journal._recovery is not None:
        journaled.journal._recovery.join()  # else it would find the records that are left here
    sender.stop(5)
    sender.folder.release()
    journaled.journal.running_sender = None


def start_run(tracker: Any, **values: Any) -> RunRecord:
    """Create a run of the experiment `explore`, whose fields are ``values``."""
    experiment = tracker.ensure_experiment("explore")
    now = datetime.now(timezone.utc)
    draft = RunDraft(**{"experiment_id": experiment.id, "created": now, "writer": "w", **values})
    [record] = tracker.create_runs([draft])
    return record


_orders = itertools.count()


def point(value: Any = 1.0, name: str = "m", **values: Any) -> Point:
    """Make a point that is later than all before it."""
    order = next(_orders)
    time = START + order * TICK
    return Point(**{"name": name, "value": value, "order": order, "time": time, "writer": "w",
                    **values})  # fmt: skip


def values(tracker: Any, run: RunRecord, name: str = "m") -> list[object]:
    """Return the values that were logged to a run under a name."""
    return [each.value for each in tracker.read_points(run.id, [name])]


def until(true: Callable[[], Any], seconds: float = MAX_WAIT_S) -> None:
    """Wait until ``true()`` returns a true value, because of another thread."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not true after {seconds} s"
        threading.Event().wait(0.01)
