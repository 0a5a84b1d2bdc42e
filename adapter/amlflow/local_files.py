"""The files below a folder of this machine, without files to which a link from elsewhere leads."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from amlflow.linked_folders import LeadsOut, open_inside
from amlflow.own_paths import split_open_databases
from amlflow.spec import Refused, check_file_name


class FilesBelow(NamedTuple):
    """The result of :func:`files_below`."""

    files: dict[str, Path]
    """The regular files, sorted by their names. A name is relative to the root, with ``/``."""
    left_out: list[str]
    """The names that are left out: links that are not followed; folders that cannot be read; pipes,
    sockets and devices; and files with a name that is not allowed in a run
    (:func:`amlflow.spec.check_file_name`) or is not a text in UTF-8."""


def files_below(folder: Path, root: Path | None = None) -> FilesBelow:
    """Return the files below a folder; none if the folder does not exist.

    A link to a file or folder below the root is followed. A link is left out if it leads out of the
    root, to something that does not exist, to a folder that contains the link, or to a folder that
    an earlier link has led to. The folder itself may be a link.

    Args:
        folder: The folder. It is the root, or below the root.
        root: The folder that names are relative to, and that no link may leave (default: the
            folder).
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
    """One walk through a folder. It remembers the links that it has followed or left out."""

    def __init__(self, top: Path, left_out: list[str]) -> None:
        self._top, self._left_out = top, left_out
        self._followed: set[Path] = set()

    def is_inside(self, path: Path, name: str, above: Sequence[Path], *, is_link: bool) -> bool:
        """Whether a path is followed. A link that is not followed is noted as left out."""
        if not is_link:
            return True
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):  # it does not exist, or links form a circle
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
        """Yield the names and paths of the files below a folder.

        ``above`` are the folders that lead to this folder, with their links resolved. The last one
        is this folder.
        """
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
                if _is_allowed(name):
                    yield name, path
                else:
                    self._left_out.append(name)
            else:  # a pipe would hold whoever opens it
                self._left_out.append(name)


def _is_allowed(name: str) -> bool:
    """Whether a run can have a file of this name."""
    try:
        check_file_name(name)
        name.encode()
    except (Refused, UnicodeEncodeError):
        # Such as a backslash, which is a '/' on other systems, or bytes that are not UTF-8.
        return False
    return True


def pin(path: Path, base: Path, target: Path) -> None:
    """Give a file below a base folder a second name, ``target``, that no link can change.

    It is a hard link if the file system allows that, otherwise a copy.

    Raises:
        LeadsOut: the file is not in the base folder, or not a regular file.
        FileNotFoundError: it does not exist any more.
        OSError: the file cannot be opened, linked or copied.
    """
    name = path.relative_to(base).as_posix()
    try:
        source = open_inside(base, name)
    except FileNotFoundError:
        if os.path.lexists(path):  # also a pipe, or a link that was put there just now
            raise LeadsOut(name) from None
        raise
    with source:
        if sys.platform == "linux" and _try_link(source.fileno(), target):
            return
        with target.open("xb") as copy:
            shutil.copyfileobj(source, copy)


@contextmanager
def pin_files(
    files: Mapping[str, Path], base: Path, private: Path, leave_out: Callable[[str], None]
) -> Iterator[dict[str, Path]]:
    """Give files second names in a private folder while they are read, so that no link can change
    them. Yields the files with their new paths.

    Args:
        files: The files by their names. Files that are not below ``base`` keep their paths.
        base: The folder that no link may lead out of.
        private: A private folder on the same disk. It is made if it does not exist.
        leave_out: Called with the name of each file that is left out: a link out of the folder has
            replaced it, or it is a database that is open in this process.
    """
    private.mkdir(exist_ok=True, mode=0o700)
    files, databases = split_open_databases(files)
    for name in databases:
        leave_out(name)
    targets: dict[str, Path] = {}
    try:
        for number, (name, path) in enumerate(files.items()):
            if not path.is_relative_to(base):
                targets[name] = path
                continue
            target = private / str(number)
            target.unlink(missing_ok=True)  # a process that was killed may have left it
            try:
                pin(path, base, target)
            except LeadsOut:
                leave_out(name)
            except FileNotFoundError:  # it was removed meanwhile
                continue
            else:
                targets[name] = target
        yield targets
    finally:
        for path in targets.values():
            if path.parent == private:
                path.unlink()


def _try_link(handle: int, target: Path) -> bool:
    """Give an open file another name. Returns False if the system refuses.

    It refuses if the file is on another disk, or belongs to another user.
    """
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        # Python follows the link in /proc only if a folder's descriptor is given.
        os.link(f"/proc/self/fd/{handle}", target.name, dst_dir_fd=folder)
    except OSError:
        return False
    finally:
        os.close(folder)
    return True


def shorten_list(names: Sequence[str]) -> str:
    """Return names for a message. Of more than ten names, only the first ten are shown."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if names[10:] else "")
