"""The parts of the contract that a container cannot keep. Imports nothing of Docker."""

from __future__ import annotations

from amlflow.spec import KnownLimit

LIMITS = [
    KnownLimit(
        switch="exit-code-137",
        reason="Docker reports a script that exits with 137 as it reports one that was killed, so "
        "the reason names both",
    )
]
