"""Fixtures: a tracker with a journal. The tracker is away, slow or refuses calls on demand."""

from __future__ import annotations

from helpers.journal_fixtures import (  # noqa: F401
    journaled,
    memory,
    moody,
    opened,
    run,
    settings,
)
