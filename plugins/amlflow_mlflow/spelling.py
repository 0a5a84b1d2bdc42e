"""Encodes keys and values for MLflow, and decodes them.

In keys, MLflow accepts letters of any language, digits, ``_ - . / :`` and spaces. It refuses a key
that is not a normalized path, such as ``a/../b``. All other characters are encoded as ``:u<hex>:``.
"""

from __future__ import annotations

import posixpath
import re

from amlflow.spec import Refused, check_file_name

KEY_LIMIT = 250
NAME_LIMIT = 250
TAG_LIMIT = 8000
PARAM_LIMIT = 6000

# MLflow's page hides tags that begin with "mlflow.". Tags that users do not need are named so.
PROPERTY = "property."
"""The prefix of the params that are properties."""
FIRST = "mlflow.amlflow.property."
"""The prefix of tags that are properties of a run that is created with others: MLflow's call that
creates a run stores tags but no params, and another call for each run of a long list takes as long
as its creation."""
FIRST_PROPERTIES = frozenset({"ContentSnapshotId", "_azureml.ComputeTargetType"})
"""The properties that are such tags if a list of runs was created with them. Otherwise they are
params."""
SYSTEM = "mlflow.amlflow.system."
"""The prefix of the tags that are amlflow's notes."""
ALIAS = "amlflow.id"
HELD = "mlflow.amlflow.id_held"  # the tag of a run that has won the id that its caller chose
ROOT = "amlflow.root"
TYPE = "amlflow.type"
STATUS = "amlflow.status"
STARTED = "mlflow.amlflow.started"
WRITER = "mlflow.amlflow.writer"
CLAIM = "amlflow.writer"
"""The param with which one of several processes becomes the owner (points.py)."""
NUMBER = "mlflow.amlflow.number"
POINTS = "mlflow.amlflow.points."
OWN = "amlflow."
"""The prefix of amlflow's own experiments. v1's names have no dot, so it is free for amlflow."""
MODELS = "amlflow.models"
"""The experiment whose runs keep what MLflow's registry of models cannot keep."""
SNAPSHOTS = "amlflow.snapshots"
"""The experiment that keeps snapshots."""
DELETED = "amlflow.deleted"
"""The tag of an experiment that v1 code has deleted, and that `mlflow gc` will remove."""
RESERVED = ("mlflow.", "amlflow.")
"""The prefixes of MLflow's and amlflow's own tags. No tag of a user has them."""

_REFUSED = re.compile(r"[^/\w.\- :]|:(?=u)")
_ESCAPE = re.compile(r":u([0-9a-f]*):")


def _spell(char: str) -> str:
    return f":u{ord(char):x}:"


def to_key(name: str, prefix: str = "") -> str:
    """Encode a name as a key of MLflow. Raises :class:`Refused` if the key would be too long."""
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
    """Decode a key of :func:`to_key`. A key that it did not make is returned as it is."""
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
    except (ValueError, OverflowError):  # another program's key that only looks like amlflow's
        return f":u{digits}:"


_UNSAFE = re.compile(r'[#?%:;\\"<>|*\x00-\x1f\x7f]|~(?=u)|(?:^|(?<=/)) | (?=/|$)')
_PATH_ESCAPE = re.compile(r"~u([0-9a-f]+)~")


def to_path(name: str) -> str:
    """Encode a file's name as a path of MLflow.

    Characters with a meaning in an address are encoded. So are blanks at the beginning and end of a
    part, because MLflow removes them.
    """
    return _UNSAFE.sub(lambda match: f"~u{ord(match[0]):x}~", name)


def to_file_path(name: str) -> str:
    """Encode the name of a run's file. Raises :class:`Refused` if it leads out of the folder."""
    check_file_name(name)
    return to_path(check_surrogates("a file's name", name))


def from_path(path: str) -> str:
    """Decode a path of :func:`to_path`. A path that it did not make is returned as it is."""
    name = _PATH_ESCAPE.sub(lambda match: _char(match[1]), path)
    return name if to_path(name) == path else path


EMPTY = "\u200b"
"""The encoding of "" in a tag. MLflow's empty value means None: its page shows the key alone."""


def to_tag_value(key: str, value: str | None) -> str:
    """Encode the value of a tag. Raises :class:`Refused` if MLflow would cut it off."""
    if value is None:
        return ""
    if not value.strip(EMPTY):
        value += EMPTY
    return check_text(f"tag {key!r}", value, TAG_LIMIT)


def from_tag_value(value: str) -> str | None:
    """Decode a value of :func:`to_tag_value`."""
    if not value:
        return None
    return value if value.strip(EMPTY) else value[:-1]


def check_text(what: str, value: str, limit: int) -> str:
    """Return the value if MLflow stores it unchanged. Raises :class:`Refused` if not."""
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
    """Return the name if UTF-8 can encode it. Raises :class:`Refused` if not."""
    return check_surrogates("the experiment's name", name)


def check_surrogates(what: str, text: str) -> str:
    """Return the text if UTF-8 can encode it. Raises :class:`Refused` if not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused(
            f"The value of {what} holds half a surrogate pair ({shorten(text)!r}), which neither "
            "databases nor file systems take."
        ) from None
    return text


def shorten(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[:limit] + "…"
