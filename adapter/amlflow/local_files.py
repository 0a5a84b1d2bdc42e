"""The files below a folder of this machine, without those that a link brings in from elsewhere."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from amlflow.own_paths import split_open_databases
from amlflow.spec import Refused, check_file_name
from amlflow.systems import BINARY


class FilesBelow(NamedTuple):
    """What :func:`files_below` gives."""

    files: dict[str, Path]
    """The regular files, by their names with ``/`` relative to the root, in order."""
    left_out: list[str]
    """The names of links that are not followed, of folders that cannot be read, and of files whose
    names a run's file cannot have (:func:`amlflow.spec.check_file_name`)."""


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
                try:
                    check_file_name(name)
                except Refused:  # a backslash, which is a '/' on other systems
                    self._left_out.append(name)
                else:
                    yield name, path


class LeadsOut(OSError):
    """A path leads out of the folder that it has to stay in, or is not that of a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EPERM, "it is not a file of its folder, or a link leads out of it")
        self.filename = str(path)


@contextmanager
def open_inside(path: Path, base: Path) -> Iterator[int]:
    """Open a file below a base folder to read: its descriptor.

    What counts is where the file is that was opened, so a link that is put there after
    :func:`files_below` has looked leads nowhere either.

    Raises:
        LeadsOut: it is not in the base folder, or not a regular file.
        OSError: it cannot be opened.
    """
    # A named pipe would be waited for.
    handle = os.open(path, os.O_RDONLY | BINARY | getattr(os, "O_NONBLOCK", 0))
    try:
        inside = Path(_path_of(handle, path)).is_relative_to(base.resolve())
        if not inside or not stat.S_ISREG(os.fstat(handle).st_mode):
            raise LeadsOut(path)
        yield handle
    finally:
        os.close(handle)


def _path_of(handle: int, path: Path) -> str:
    """Where a file is that is open, without links."""
    if sys.platform == "linux":
        return os.readlink(f"/proc/self/fd/{handle}")
    if sys.platform == "darwin":
        import fcntl

        return fcntl.fcntl(handle, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0").decode()
    return os.path.realpath(path)


def pin(path: Path, base: Path, target: Path) -> None:
    """Give a file below a base folder a second name that no link can change.

    It is a hard link where the file system allows that, or else a copy. Raises what
    :func:`open_inside` raises.
    """
    with open_inside(path, base) as handle:
        if sys.platform == "linux" and _try_link(handle, target):
            return
        with os.fdopen(os.dup(handle), "rb") as source, target.open("xb") as copy:
            shutil.copyfileobj(source, copy)


@contextmanager
def pin_files(
    files: Mapping[str, Path], base: Path, private: Path, leave_out: Callable[[str], None]
) -> Iterator[dict[str, Path]]:
    """Files under names in a folder of their own that no link can change, while they are read.

    Args:
        files: The files of a base folder by their names; others stay as they are.
        base: The folder that no link may lead out of.
        private: A private folder on the same disk, which is made if it is not there.
        leave_out: Called with the name of each file that a link has taken the place of, or that is
            a database which is open in this process.
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
            target.unlink(missing_ok=True)  # of a process that was killed
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
    """Give an open file another name; False where it is on another disk, or another user's."""
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        # Only with a folder's descriptor does Python have the link followed that /proc shows.
        os.link(f"/proc/self/fd/{handle}", target.name, dst_dir_fd=folder)
    except OSError:
        return False
    finally:
        os.close(folder)
    return True


def shorten_list(names: Sequence[str]) -> str:
    """Names for a message, of many the first ten."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if names[10:] else "")
