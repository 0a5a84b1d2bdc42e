"""Settings that v1 has and amlflow has not: none of them is taken and then silently left out."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from amlflow.core.absent.members import refuse_member
from amlflow.exceptions import UserErrorException

logger = logging.getLogger("amlflow")


class Settings:
    """An object whose attributes are settings.

    Setting one that is unknown here warns that it is ignored, as v1's compute and history have many
    that only Azure minds; one that a script would miss is refused. The known ones are a dataclass's
    fields, or else ``_KNOWN``.
    """

    _KNOWN: ClassVar[Collection[str]] = ()
    _REFUSED: ClassVar[Mapping[str, str]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        known = getattr(type(self), "__dataclass_fields__", self._KNOWN)
        if not name.startswith("_") and name not in known:
            where = f"{type(self).__name__}.{name}"
            if name in self._REFUSED:
                raise UserErrorException(f"{where}: {self._REFUSED[name]}.")
            logger.warning("%s is ignored: amlflow has no such setting.", where)
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        refuse_member(type(self), name, self._REFUSED.get(name, "it is Azure's; leave it out"))
