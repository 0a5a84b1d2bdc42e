"""Classes of v1 that can be imported beside others, and say at their use why they are not here."""

from __future__ import annotations

from typing import NoReturn

from amlflow.core.absent.members import refuse_member


class Refusing(type):
    """A class that says, for each member that v1's has, why it has none: its ``reason``."""

    reason: str

    def __getattr__(cls, name: str) -> NoReturn:
        is_own = name.startswith("_") or name == "reason"
        refuse_member(cls, name, None if is_own else cls.reason)
