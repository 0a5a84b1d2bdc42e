"""Several points in one call, for a tracker that only accepts one point a call."""

from __future__ import annotations

from collections.abc import Sequence

from amlflow.layers.layer import Layer
from amlflow.spec import Feature, Point


class Batches(Layer):
    """A layer that sends each point in a call of its own.

    After an error you may send all points again: the tracker stores each point once.
    """

    adds = Feature.BATCHES

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        for point in points:
            self.inner.write_points(run_id, [point])
