"""The features that this tracker has itself. The plugin's module and its tracker both use them."""

from __future__ import annotations

from amlflow.spec import Feature

FEATURES = frozenset(Feature) - {Feature.DELETE, Feature.METRICS, Feature.MODELS, Feature.ORDER}
