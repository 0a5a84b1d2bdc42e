"""Searches for words in runs: in names, descriptions, tags, errors and ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from amlflow.query.document import run_id
from amlflow.spec import RunRecord, Status
from amlflow.terminal_texts import plain_text
from amlflow.tracker_notes import parse_error


def word_test(text: str, experiments: Mapping[str, str]) -> Callable[[RunRecord], bool]:
    """Return a function that says whether a run has all words of a text. Case does not matter.

    The words are searched for in the run's name, description, ids, tags and error, in the name of
    its experiment (``experiments`` maps ids to names), and in the name of its submitter.
    """
    words = text.casefold().split()

    def has_words(record: RunRecord) -> bool:
        texts = [part.casefold() for part in _texts_of(record, experiments)]
        return all(any(word in part for part in texts) for word in words)

    return has_words if words else lambda record: True


def _texts_of(record: RunRecord, experiments: Mapping[str, str]) -> Iterator[str]:
    parts = [record.name, record.description, run_id(record), record.id, record.user]
    parts += [experiments.get(record.experiment_id), *record.tags, *record.tags.values()]
    if record.status in (Status.FAILED, Status.CANCELED):
        note = parse_error(record)
        parts.append(plain_text(note["error"]["message"]) if note else None)
    yield from filter(None, parts)
