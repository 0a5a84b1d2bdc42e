"""A journaled tracker around one that can be away, slow or unwilling."""

from __future__ import annotations

from helpers.journal_fixtures import (  # noqa: F401
    journaled,
    left,
    memory,
    moody,
    opened,
    place,
    run,
    settings,
)
