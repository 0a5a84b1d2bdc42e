"""The content of a view's version, and how it is stored in the properties of a run.

A version is JSON. It is cut into pieces that fit into a property of every tracker: ``version-3``,
``version-3.2``, ``version-3.3`` … One update writes all pieces or none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from amlflow.spec import RunRecord
from amlflow.tracker_data import Malformed, parse, to_object

from amlflow_page.filters import WrongRequest

VERSION = "version-"
MAX_DEFINITION = 5000
"""The most characters of a view's definition as JSON."""
MAX_NOTES = 10_000
"""The most characters of a view's notes."""
MAX_NAME = 200
PIECE = 5000
"""The most characters of one piece, which is one property."""
MAX_PIECES = 8
"""The most pieces of a version."""
MAX_VERSIONS = 10_000
"""The most versions of a view. Properties with higher numbers are ignored."""
DELETED = f"{VERSION}deleted"
"""The property of a view that is deleted and has no number left for a version that says so."""
_VERSION = re.compile(rf"{VERSION}([0-9]{{1,9}})")
_TEXTS = ("query", "text", "sort", "group", "subgroup", "pinned")
_LISTS = (
    "experiments", "statuses", "targets", "submitters", "tags", "columns", "widths", "charts",
    "charted",
)  # fmt: skip
_FLAGS = ("children", "tree", "dense")
_FIELDS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "definition": (dict,),
    "notes": (str,),
    "owner": (str, type(None)),
    "open": (bool,),
    "by": (str, type(None)),
    "saved": (str,),
}


def check_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the name, the definition and the notes of a request. Raises :class:`WrongRequest`."""
    name, definition = request.get("name"), request.get("definition")
    notes = request.get("notes", "")
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
        raise WrongRequest(f"A view has a name, of at most {MAX_NAME} characters.")
    try:
        check_definition(definition)
    except Malformed as wrong:
        raise WrongRequest(f"A view's definition should be {wrong}.") from None
    size = len(_write(definition))
    if size > MAX_DEFINITION:
        raise WrongRequest(
            f"The view {name!r} takes {size} characters without its notes, and a view at most "
            f"{MAX_DEFINITION}; use fewer columns, fewer charts or a shorter query."
        )
    if not isinstance(notes, str):
        raise WrongRequest("A view's notes are a text.")
    if len(notes) > MAX_NOTES or len(_write(notes)) > 2 * MAX_NOTES:  # JSON escapes some
        raise WrongRequest(
            f"The notes have {len(notes):,} characters, and may have {MAX_NOTES:,}; keep longer "
            "texts elsewhere, and link to them."
        )
    return {"name": name.strip(), "definition": definition, "notes": notes}


def to_properties(version: int, content: Mapping[str, Any]) -> dict[str, str]:
    """Return the properties in which a version is stored."""
    text = _write(content)
    pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
    return {_key(version, number): piece for number, piece in enumerate(pieces, 1)}


def versions(record: RunRecord) -> list[int]:
    """Return the numbers of a view's versions, the newest first.

    A number says that the property exists. Its content may be malformed.
    """
    matches = (_VERSION.fullmatch(key) for key in record.properties)
    numbers = {int(match[1]) for match in matches if match}
    return sorted((number for number in numbers if number <= MAX_VERSIONS), reverse=True)


def newest_version(record: RunRecord) -> tuple[int, dict[str, Any]] | None:
    """Return the number and the content of the newest version that parses.

    Returns None if the view is deleted, or if the run is not a view.
    """
    if DELETED in record.properties:
        return None
    for number in versions(record):
        content = _parse_version(record, number)
        if content is not None:
            return None if "deleted" in content else (number, content)
    return None


def read_version(record: RunRecord, version: int) -> dict[str, Any] | None:
    """Return a version's content; None if it does not exist, is malformed, or says "deleted"."""
    content = _parse_version(record, version)
    return None if content is None or "deleted" in content else content


def _parse_version(record: RunRecord, version: int) -> dict[str, Any] | None:
    """Return a version's content, or ``deleted``; None if it does not exist or is malformed."""
    keys = [_key(version, number) for number in range(1, MAX_PIECES + 1)]
    if keys[0] not in record.properties:
        return None
    text = "".join(record.properties.get(key, "") for key in keys)
    content = parse(record.id, keys[0], text, _to_content)
    if content is None or "deleted" in content:
        return content
    return {"owner": None, "open": False, "notes": "", **content}


def check_definition(definition: object) -> None:
    """Check the types of the fields that the page knows. Raises :class:`Malformed`."""
    if not isinstance(definition, dict):
        raise Malformed("an object")
    for field in _TEXTS:
        if not isinstance(definition.get(field, ""), str):
            raise Malformed(f"an object whose {field!r} is a text")
    for field in _LISTS:
        values = definition.get(field, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise Malformed(f"an object whose {field!r} is a list of texts")
    for field in _FLAGS:
        if not isinstance(definition.get(field, False), bool):
            raise Malformed(f"an object whose {field!r} is true or false")


def _key(version: int, piece: int) -> str:
    return f"{VERSION}{version}" if piece == 1 else f"{VERSION}{version}.{piece}"


def _write(content: object) -> str:
    return json.dumps(content, ensure_ascii=False)


def _to_content(text: str) -> dict[str, Any]:
    """Parse a version of a view: its fields, or that it was deleted. Raises :class:`Malformed`."""
    content = to_object(text)
    if "deleted" in content:
        return {"deleted": True}
    fields = {field: content[field] for field in _FIELDS if field in content}
    for field, value in fields.items():
        if not isinstance(value, _FIELDS[field]):
            raise Malformed(f"a view whose {field} is of its type")
    if len(fields.get("name", "")) > MAX_NAME or not {"name", "definition", "by"} <= fields.keys():
        raise Malformed(f"a view with by, definition and a name of at most {MAX_NAME} characters")
    check_definition(fields["definition"])
    return fields
