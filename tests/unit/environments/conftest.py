"""Fixtures: a workspace whose tracker is in memory."""

from __future__ import annotations

from helpers.memory_workspace import tracker, workspace

__all__ = ["tracker", "workspace"]
