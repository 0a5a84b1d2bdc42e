"""Interpreters that amlflow itself does not support."""

from __future__ import annotations

import functools
import sys

from amlflow.environments.pythons import OLDEST, choose


@functools.cache
def old_pythons() -> list[str]:
    """The interpreters from 3.6 to 3.9 that are here, the oldest first, or else this one.

    Each is started to be asked, so they are looked for when the first test needs one.
    """
    versions = [f"3.{minor}" for minor in range(6, OLDEST[1])]
    pythons = [choose(version)[0] for version in versions]
    return [python.path for python in pythons if python.minor < OLDEST] or [sys.executable]
