"""How keys and values are spelled in MLflow, both ways.

MLflow takes letters of any language, digits, ``_ - . / :`` and spaces in keys, and no key that
would be another path than it looks. Everything else is spelled ``:u<hex>:``.
"""

from __future__ import annotations

import posixpath
import re

from amlflow.spec import Refused, check_file_name

KEY_LIMIT = 250
NAME_LIMIT = 250
TAG_LIMIT = 8000
PARAM_LIMIT = 6000

# MLflow's page hides tags below "mlflow.", so what is of no use to a reader is put there.
PROPERTY = "property."
"""Prefix of the params that are properties."""
SYSTEM = "mlflow.amlflow.system."
"""Prefix of the tags that are the host's notes."""
ALIAS = "amlflow.id"
HELD = "mlflow.amlflow.id_held"  # who has this has looked, and the asked-for id is its own
ROOT = "amlflow.root"
TYPE = "amlflow.type"
STATUS = "amlflow.status"
STARTED = "mlflow.amlflow.started"
WRITER = "mlflow.amlflow.writer"
CLAIM = "amlflow.writer"
"""The param by which one of several processes becomes the owner (points.py)."""
NUMBER = "mlflow.amlflow.number"
POINTS = "mlflow.amlflow.points."
OWN = "amlflow."
"""Experiments below this prefix are amlflow's own; v1 allows no dot in a name, so no user's is."""
MODELS = "amlflow.models"
"""The experiment whose runs keep what the registry of models cannot."""
SNAPSHOTS = "amlflow.snapshots"
"""The experiment that keeps snapshots."""
DELETED = "amlflow.deleted"
"""The tag of an experiment that is deleted for v1 and waits for `mlflow gc`."""
RESERVED = ("mlflow.", "amlflow.")
"""Tags with these prefixes are MLflow's or amlflow's own, never a user's."""

_REFUSED = re.compile(r"[^/\w.\- :]|:(?=u)")
_ESCAPE = re.compile(r":u([0-9a-f]*):")


def _spell(char: str) -> str:
    return f":u{ord(char):x}:"


def to_key(name: str, prefix: str = "") -> str:
    """MLflow's key for a name. Raises :class:`Refused` where it would be too long."""
    key = _REFUSED.sub(lambda match: _spell(match[0]), name) or ":u:"
    if key.startswith(RESERVED):
        key = _spell(key[0]) + key[1:]
    normal = posixpath.normpath(key)
    if normal != key or normal == "." or normal.startswith(("..", "/")):
        key = key.replace("/", _spell("/"))
        if key.startswith("."):
            key = _spell(".") + key[1:]
    key = prefix + key
    if len(key) > KEY_LIMIT:
        raise Refused(
            f"The name {shorten(name)!r} takes {len(key)} characters as a key in MLflow, which "
            f"keeps {KEY_LIMIT}; choose a shorter one."
        )
    return key


def from_key(key: str) -> str:
    """The name that :func:`to_key` spelled; a key that it did not make is its own name."""
    if ":u" not in key:
        return key
    name = _ESCAPE.sub(lambda match: _char(match[1]), key)
    try:
        return name if to_key(name) == key else key
    except Refused:
        return key


def _char(digits: str) -> str:
    try:
        return chr(int(digits, 16)) if digits else ""
    except (ValueError, OverflowError):  # another program's key that only looks like ours
        return f":u{digits}:"


_UNSAFE = re.compile(r'[#?%:;\\"<>|*\x00-\x1f\x7f]|~(?=u)|(?:^|(?<=/)) | (?=/|$)')
_PATH_ESCAPE = re.compile(r"~u([0-9a-f]+)~")


def to_path(name: str) -> str:
    """MLflow's path of a file.

    What its server would read as part of an address is spelled, and so are blanks at either end of
    a part, which MLflow strips.
    """
    return _UNSAFE.sub(lambda match: f"~u{ord(match[0]):x}~", name)


def to_file_path(name: str) -> str:
    """MLflow's path of one file of a run. Raises :class:`Refused` where that leads elsewhere."""
    check_file_name(name)
    return to_path(check_surrogates("a file's name", name))


def from_path(path: str) -> str:
    """The name that :func:`to_path` spelled; a path that it did not make is its own name."""
    name = _PATH_ESCAPE.sub(lambda match: _char(match[1]), path)
    return name if to_path(name) == path else path


EMPTY = "\u200b"
"""Spells "" in a tag, where MLflow's empty value stands for None: its page shows the bare key."""


def to_tag_value(key: str, value: str | None) -> str:
    """MLflow's value of a tag. Raises :class:`Refused` where it would be cut off."""
    if value is None:
        return ""
    if not value.strip(EMPTY):
        value += EMPTY
    return check_text(f"tag {key!r}", value, TAG_LIMIT)


def from_tag_value(value: str) -> str | None:
    """The value that :func:`to_tag_value` spelled."""
    if not value:
        return None
    return value if value.strip(EMPTY) else value[:-1]


def check_text(what: str, value: str, limit: int) -> str:
    """The value, if MLflow keeps it as it is."""
    if len(value) > limit:
        raise Refused(
            f"The value of {what} has {len(value)} characters, and MLflow keeps {limit}; "
            "store a longer text as a file with run.upload_file()."
        )
    if "\0" in value:
        raise Refused(
            f"The value of {what} holds a NUL ({shorten(value)!r}), which databases do not take."
        )
    return check_surrogates(what, value)


def check_experiment_name(name: str) -> str:
    """The name, if it can be encoded. Raises :class:`Refused`."""
    return check_surrogates("the experiment's name", name)


def check_surrogates(what: str, text: str) -> str:
    """The text, if it can be encoded. Raises :class:`Refused`."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise Refused(
            f"The value of {what} holds half a surrogate pair ({shorten(text)!r}), which neither "
            "databases nor file systems take."
        )
    return text


def shorten(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[:limit] + "…"
