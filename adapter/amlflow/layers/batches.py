"""Many points at once, over a tracker that takes them one by one."""

from __future__ import annotations

from collections.abc import Sequence

from amlflow.layers.layer import Layer
from amlflow.spec import Feature, Point


class Batches(Layer):
    """Sends each point by itself; after an error all may be sent again, since each is kept once."""

    adds = Feature.BATCHES

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        for point in points:
            self.inner.write_points(run_id, [point])
