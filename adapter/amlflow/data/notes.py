"""The notes of a run that say which data sets it has read and written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from amlflow.data.registry import Registration
from amlflow.tracker_data import MAX_NAME, Malformed, is_whole, to_json

INPUT, OUTPUT = "input.", "output."
"""The prefixes of the notes' keys. The id of the data set follows the prefix."""
MAX_USES = 100
"""The most inputs of one run that use the same data set."""


@dataclass(frozen=True, slots=True)
class UsedData:
    """A run's use of a data set. ``label`` is the name of the run's input or output."""

    name: str | None
    version: int | None
    label: str
    mode: str


def output_notes(registered: Mapping[str, Registration]) -> dict[str, str]:
    """Return the notes of a run for the data sets that it has written.

    ``registered`` has the data sets by the names of the outputs.
    """
    return {
        f"{OUTPUT}{item.id}": json.dumps(
            [{"name": item.name, "version": item.version, "input": label, "mode": "output"}]
        )
        for label, item in registered.items()
    }


def parse_used(text: str) -> list[UsedData]:
    """Parse a note. Raises :class:`Malformed`."""
    items = to_json(text)
    if not isinstance(items, list) or len(items) > MAX_USES:
        raise Malformed(f"a list of at most {MAX_USES} uses of a data set")
    return [_parse_item(item) for item in items]


def _parse_item(item: object) -> UsedData:
    if not isinstance(item, dict):
        raise Malformed("a list of objects")
    name, version = item.get("name"), item.get("version")
    label, mode = item.get("input"), item.get("mode")
    texts = [text for text in (name, label, mode) if text is not None]
    if not all(isinstance(text, str) and len(text) <= MAX_NAME for text in texts):
        raise Malformed("a list of objects with name, input and mode (short texts)")
    if version is not None and not is_whole(version):
        raise Malformed("a list of objects with a version (a whole number)")
    return UsedData(name, version, str(label), str(mode))
