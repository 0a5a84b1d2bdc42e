"""What this tracker does natively; the plugin's module and its tracker both say it."""

from __future__ import annotations

from amlflow.spec import Feature

FEATURES = frozenset(Feature) - {Feature.DELETE, Feature.METRICS, Feature.MODELS, Feature.ORDER}
