"""Which names a run's files can have."""

from __future__ import annotations

from amlflow.spec.errors import Refused


def check_file_name(name: str) -> None:
    """Raise :class:`Refused` if no file of a run can have this name.

    A name is a relative path with ``/``: no part of it is empty, one dot or two dots, and it has no
    backslash and no NUL. So it is the same path on every system, and stays within its folder.
    """
    if any(part in ("", ".", "..") for part in name.split("/")) or "\\" in name or "\0" in name:
        shown = repr(name) if len(name) <= 200 else f"{name[:200]!r}…"
        raise Refused(
            f"{shown} is not a name for a file of a run: it is a relative path with '/', without "
            "empty parts, '.', '..' and '\\'."
        )
