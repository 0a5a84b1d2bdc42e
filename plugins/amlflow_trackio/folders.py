"""Finds the folder that a URI names."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from amlflow.spec import Unsupported, redacted

OWN = "amlflow"
"""The name of this plugin's own folder in a trackio folder."""


def folder_of(uri: str) -> Path:
    """Return the absolute path of the folder that a URI names.

    Raises:
        Unsupported: the URI names a trackio server or a Space.
    """
    parts = urlsplit(uri)
    if parts.netloc or parts.query or parts.fragment:
        raise Unsupported(
            f"{redacted(uri)!r} names a server, and amlflow writes to trackio's folder on this "
            "machine only. Use trackio:// for trackio's own folder or trackio:///path for another."
        )
    if parts.path in ("", "/"):
        return _default().absolute()
    return Path(unquote(parts.path))


def uri_of(folder: Path) -> str:
    """Return the URI that names a folder."""
    return folder.as_uri().replace("file:", "trackio:", 1)


def _default() -> Path:
    # The same rules as in trackio. trackio is not imported for them, since that takes long.
    folder = os.environ.get("TRACKIO_DIR")
    if folder:
        return Path(folder)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    home = os.environ.get("HF_HOME", os.path.join(cache, "huggingface"))
    return Path(os.path.expanduser(os.path.expandvars(home))) / "trackio"
