"""The files below a folder of this machine, without those that a link brings in from elsewhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple


class FilesBelow(NamedTuple):
    """What :func:`files_below` gives."""

    files: dict[str, Path]
    """The regular files, by their names with ``/`` relative to the root, in order."""
    left_out: list[str]
    """The names of links that are not followed, and of folders that cannot be read."""


def files_below(folder: Path, root: Path | None = None) -> FilesBelow:
    """The files below a folder, which may be absent.

    A link counts as what it leads to, if that is below the root. A link is left out that leads out
    of the root, nowhere, to a folder that holds it, or to a folder that another link has led to
    before. The folder itself may be a link.

    Args:
        folder: The folder; it is the root or below it.
        root: What names are relative to, and what no link may leave (default: the folder).
    """
    root = folder if root is None else root
    below = FilesBelow({}, [])
    walk = _Walk(root.resolve(), below.left_out)
    path, above = root, [root.resolve()]
    for part in Path(os.path.abspath(folder)).relative_to(os.path.abspath(root)).parts:
        path = path / part
        name = path.relative_to(root).as_posix()
        if not walk.is_inside(path, name, above, is_link=path.is_symlink()):
            return below
        above.append(path.resolve())
    prefix = "" if path == root else f"{path.relative_to(root).as_posix()}/"
    below.files.update(walk.files(path, prefix, above))
    return below


class _Walk:
    """One walk through a folder, which keeps what it has left out and which links it followed."""

    def __init__(self, top: Path, left_out: list[str]) -> None:
        self._top, self._left_out = top, left_out
        self._followed: set[Path] = set()

    def is_inside(self, path: Path, name: str, above: Sequence[Path], *, is_link: bool) -> bool:
        """Whether a path is followed; a link that is not is left out."""
        if not is_link:
            return True
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):  # nowhere, or in a circle
            target = None
        if (
            target is None
            or not target.is_relative_to(self._top)
            or target in above
            or target in self._followed
        ):
            self._left_out.append(name)
            return False
        if target.is_dir():
            self._followed.add(target)
        return True

    def files(self, folder: Path, prefix: str, above: Sequence[Path]) -> Iterator[tuple[str, Path]]:
        """The files below a folder; ``above`` are the folders that lead to it, itself at the end,
        as they are without links."""
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:
            self._left_out.append(prefix.rstrip("/"))
            return
        for entry in entries:
            path, name = folder / entry.name, prefix + entry.name
            if not self.is_inside(path, name, above, is_link=entry.is_symlink()):
                continue
            try:
                mode = entry.stat().st_mode
            except OSError:  # it vanished
                continue
            if stat.S_ISDIR(mode):
                yield from self.files(path, f"{name}/", (*above, path.resolve()))
            elif stat.S_ISREG(mode):
                yield name, path


def shortened_list(names: Sequence[str]) -> str:
    """Names for a message, of many the first ten."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if names[10:] else "")
