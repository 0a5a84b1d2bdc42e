"""Settings that v1 has and amlflow has not: none of them is taken and then silently left out."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from amlflow.core.absent.members import refuse_member
from amlflow.exceptions import UserErrorException

logger = logging.getLogger("amlflow")


class Settings:
    """An object whose attributes are settings: those that its class annotates, and its properties.

    Setting another one warns that it is ignored, as v1's compute and history have many that only
    Azure minds. One that a script would miss is refused, with the reason in ``_REFUSED``.
    """

    _REFUSED: ClassVar[Mapping[str, str]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        kind: type = type(self)
        if not name.startswith("_") and name not in settings_of(kind):
            where = f"{kind.__name__}.{name}"
            if name in self._REFUSED:
                raise UserErrorException(f"{where}: {self._REFUSED[name]}.")
            logger.warning("%s is ignored: amlflow has no such setting.", where)
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        # copy and pickle ask for names with underscores, which are not v1's settings.
        reason = None if name.startswith("_") else "it is Azure's; leave it out"
        refuse_member(type(self), name, self._REFUSED.get(name, reason))


@functools.cache
def settings_of(kind: type) -> frozenset[str]:
    """The names of the settings of a class."""
    return frozenset(
        name
        for ancestor in kind.__mro__
        for name in (
            *inspect.get_annotations(ancestor),
            *(name for name, member in vars(ancestor).items() if isinstance(member, property)),
        )
        if not name.startswith("_")
    )
