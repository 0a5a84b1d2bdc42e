"""Names on servers that take no colon in them, which MLflow's do from 2.16 on.

:mod:`amlflow_mlflow.spelling` uses the colon for what MLflow takes in no name. For an older server,
a letter that looks like it stands for it: U+02D0, in three groups ("ː" is that letter):

* ``ːu61ː`` for ``:u61:``, as that module spells a character;
* ``ːcː`` for another colon;
* ``ːlː`` for the letter itself.

Names that are read are taken back from any server, since an old one may have been upgraded. So a
name that has such a group by itself is spelled for new servers, too.
"""

from __future__ import annotations

import re

LETTER = "\u02d0"
_COLON, _SELF = f"{LETTER}c{LETTER}", f"{LETTER}l{LETTER}"
_TO_SPELL = re.compile(f":(u[0-9a-f]*):|[:{LETTER}]")
_GROUP = re.compile(f"{LETTER}(u[0-9a-f]*|c|l){LETTER}")
_PARTS = re.compile("'[^']*'|\"[^\"]*\"|`([^`]*)`")
"""The values of a filter, and the names between backquotes."""


def to_server(name: str, *, takes_colons: bool) -> str:
    """A name as a server takes it."""
    if takes_colons:
        return name.replace(LETTER, _SELF) if _GROUP.search(name) else name
    return _TO_SPELL.sub(_spell, name)


def filter_to_server(text: str, *, takes_colons: bool) -> str:
    """A filter or an order, with the names in it as a server takes them; values stay."""

    def spell(part: re.Match[str]) -> str:
        if part[1] is None:
            return part[0]
        return f"`{to_server(part[1], takes_colons=takes_colons)}`"

    return _PARTS.sub(spell, text)


def from_server(name: str) -> str:
    """The name that :func:`to_server` spelled; another name is itself."""
    return _GROUP.sub(_read, name) if LETTER in name else name


def _spell(match: re.Match[str]) -> str:
    if match[1] is not None:
        return f"{LETTER}{match[1]}{LETTER}"
    return _COLON if match[0] == ":" else _SELF


def _read(match: re.Match[str]) -> str:
    return {"c": ":", "l": LETTER}.get(match[1], f":{match[1]}:")
