"""Names for servers that do not accept a colon in names: those before MLflow 2.16.

:mod:`amlflow_mlflow.spelling` encodes characters with colons. For an older server, a colon is
replaced by a letter that looks like one, U+02D0. There are three groups ("ː" is that letter):

* ``ːu61ː`` for ``:u61:``, as that module encodes a character;
* ``ːcː`` for another colon;
* ``ːlː`` for the letter itself.

Names are decoded for any server, since an old server may have been updated. So a name that contains
such a group itself is also encoded for new servers.
"""

from __future__ import annotations

import re

LETTER = "\u02d0"
_COLON, _SELF = f"{LETTER}c{LETTER}", f"{LETTER}l{LETTER}"
_TO_SPELL = re.compile(f":(u[0-9a-f]*):|[:{LETTER}]")
_GROUP = re.compile(f"{LETTER}(u[0-9a-f]*|c|l){LETTER}")
_PARTS = re.compile("'[^']*'|\"[^\"]*\"|`([^`]*)`")
"""The quoted values in a filter, and the names between backquotes."""


def to_server(name: str, *, takes_colons: bool) -> str:
    """Encode a name for a server."""
    if takes_colons:
        return name.replace(LETTER, _SELF) if _GROUP.search(name) else name
    return _TO_SPELL.sub(_spell, name)


def filter_to_server(text: str, *, takes_colons: bool) -> str:
    """Encode the names in a filter or an order for a server. Values do not change."""

    def spell(part: re.Match[str]) -> str:
        if part[1] is None:
            return part[0]
        return f"`{to_server(part[1], takes_colons=takes_colons)}`"

    return _PARTS.sub(spell, text)


def from_server(name: str) -> str:
    """Decode a name of :func:`to_server`. Other names are returned as they are."""
    return _GROUP.sub(_read, name) if LETTER in name else name


def _spell(match: re.Match[str]) -> str:
    if match[1] is not None:
        return f"{LETTER}{match[1]}{LETTER}"
    return _COLON if match[0] == ":" else _SELF


def _read(match: re.Match[str]) -> str:
    return {"c": ":", "l": LETTER}.get(match[1], f":{match[1]}:")
