"""Settings of v1 that amlflow does not have. None of them is ignored without a message."""

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
    """An object whose attributes are settings. They are its class's annotations and properties.

    Setting an unknown attribute logs a warning that it is ignored, because most of v1's settings
    for compute and history concern only Azure. A setting in ``_REFUSED`` raises an error with the
    reason, because a script would miss it.
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
        # copy and pickle look up names with underscores. These are not settings.
        reason = None if name.startswith("_") else "it is Azure's; leave it out"
        refuse_member(type(self), name, self._REFUSED.get(name, reason))


@functools.cache
def settings_of(kind: type) -> frozenset[str]:
    """Return the names of the settings of a class."""
    return frozenset(
        name
        for ancestor in kind.__mro__
        for name in (
            *inspect.get_annotations(ancestor),
            *(name for name, member in vars(ancestor).items() if isinstance(member, property)),
        )
        if not name.startswith("_")
    )
