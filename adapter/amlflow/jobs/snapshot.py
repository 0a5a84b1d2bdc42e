"""Snapshots: packs a source folder into one zip archive, whose name is a digest of the content.

The same files give the same digest, so a folder that has not changed is stored only once. Files
that ``.amlignore`` (or else ``.gitignore``) names are left out. pathspec reads both as git does.
Always left out are version control, caches, virtual environments, links that leave the folder, and
files of the tracker, the journal and the jobs.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import stat
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from amlflow.data.storage import LOCAL_FOLDER
from amlflow.exceptions import SnapshotException, UserErrorException
from amlflow.jobs.job import jobs_folder
from amlflow.jobs.limits import FILES_SETTING, SIZE_SETTING, max_bytes, max_files
from amlflow.journal.settings import journals_folder
from amlflow.local_files import shorten_list
from amlflow.local_paths import resolve_links, why_unsafe
from amlflow.own_paths import OwnPaths, identity, open_databases
from amlflow.user_files import read_bytes

if TYPE_CHECKING:
    import pathspec

    from amlflow.spec import Tracker

logger = logging.getLogger("amlflow")

_ALWAYS_OUT = frozenset(
    {
        ".git", ".hg", ".svn", "__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".mypy_cache",
        ".ruff_cache", ".tox", ".nox", "node_modules", ".DS_Store", "mlruns", "mlartifacts",
        LOCAL_FOLDER, "mlflow.db", "mlflow.db-journal", "mlflow.db-wal", "mlflow.db-shm",
    }
)  # fmt: skip


def store(tracker: Tracker, path: Path) -> str:
    """Store a folder or file in the tracker, unless it has it already. Returns the digest.

    Raises:
        SnapshotException: the path does not exist, or the folder is too large.
    """
    files = collect(path, own_paths(tracker))
    root = path if path.is_dir() else path.parent
    digest = digest_of(root, files)
    if not tracker.has_snapshot(digest):
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "snapshot.zip"
            # A file may have changed in the meantime, so take the digest of the packed files.
            digest = pack(root, files, archive)
            tracker.put_snapshot(digest, archive)
    return digest


def own_paths(tracker: Tracker) -> list[Path]:
    """Return the local paths that belong to the tracker, the journal and the jobs."""
    return [*tracker.own_paths(), journals_folder(), jobs_folder()]


def keep(tracker: Tracker, digest: str, archive: Path) -> None:
    """Store a packed archive, unless the tracker has it already."""
    if not tracker.has_snapshot(digest):
        tracker.put_snapshot(digest, archive)


def check_digest(digest: str) -> str:
    """Return the id of a snapshot if it is valid. Everybody who may edit a run can change it.

    Raises:
        SnapshotException: it has other characters than letters and digits.
    """
    if not (isinstance(digest, str) and re.fullmatch("[0-9A-Za-z]{1,128}", digest)):
        raise SnapshotException(
            f"{str(digest)[:100]!r} is not the id of a snapshot: it must have letters and digits "
            "only."
        )
    return digest


def collect(path: Path, own: Iterable[Path] = ()) -> list[str]:
    """Return the sorted names (with ``/``) of the files that belong to a folder's snapshot.

    The files and folders of ``own`` are left out, even if the folder has them under other names by
    links. Databases that are open in this process are left out, too. None of these is opened.

    Raises:
        SnapshotException: the path does not exist, or there are too many files or bytes.
    """
    if path.is_file():
        real_path, status = path.resolve(), path.stat()
        if (
            OwnPaths(own, path.parent).has(real_path, status)
            or identity(status) in open_databases()
        ):
            raise SnapshotException(
                f"The file {str(path)!r} cannot be put into a snapshot: it belongs to the tracker, "
                "or is a database that is open in this process."
            )
        return [path.name]
    if not path.is_dir():
        raise SnapshotException(f"The folder {str(path)!r} for the snapshot does not exist.")
    sizes: dict[str, int] = {}
    files_limit, bytes_limit = max_files(), max_bytes()
    total = 0
    walk = _Walk(_read_ignored(path), OwnPaths(own, path))
    for name, size in walk.files(path, (path.resolve(),), ""):
        sizes[name] = size
        total += size
        if len(sizes) > files_limit:
            raise SnapshotException(
                f"The folder {str(path)!r} has more than {files_limit} files, which is too many "
                f"for a snapshot. List files that the run does not need in .amlignore, or set "
                f"{FILES_SETTING}."
            )
    if total > bytes_limit:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
        listing = ", ".join(f"{name} ({sizes[name] / 2**20:.1f} MB)" for name in largest)
        raise SnapshotException(
            f"The folder {str(path)!r} has {total / 2**20:.1f} MB, but a snapshot may have "
            f"{bytes_limit >> 20} MB at most. The largest files are {listing}. List files that the "
            f"run does not need in .amlignore, or set {SIZE_SETTING}."
        )
    for reason, names in walk.left_out.items():
        logger.warning("%s are not in the snapshot of %s: %s.", reason, path, shorten_list(names))
    return sorted(sizes)


def _read_ignored(path: Path) -> pathspec.PathSpec[Any] | None:
    import pathspec  # only needed to pack a folder

    for name in (".amlignore", ".gitignore"):
        if (path / name).is_file():
            try:
                text = read_bytes(path / name).decode("utf-8-sig", errors="replace")
                return pathspec.GitIgnoreSpec.from_lines(text.splitlines())
            except UserErrorException as error:
                raise SnapshotException(error.message) from None
            except ValueError as error:
                raise SnapshotException(f"{path / name} cannot be read: {error}") from None
    return None


LINKS = "Links that lead out of it, to nothing or in a circle"
DATABASES = "Databases that are open in this process"
SPECIAL = "Pipes, sockets and devices"
NAMES = "Files whose names are other paths on other systems"


class _Walk:
    """One walk through a folder. ``left_out`` has the names of left out files by the reason."""

    def __init__(self, ignored: pathspec.PathSpec[Any] | None, own: OwnPaths) -> None:
        self._ignored, self._own = ignored, own
        self._open = open_databases()
        self.left_out: dict[str, list[str]] = {}

    def _leave_out(self, reason: str, name: str) -> None:
        self.left_out.setdefault(reason, []).append(name)

    def files(
        self, folder: Path, within: tuple[Path, ...], prefix: str
    ) -> Iterator[tuple[str, int]]:
        """Yield the files of a folder and their sizes.

        ``within`` are the resolved paths of the folders that lead to it, and of the folder itself.
        """
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:  # it was removed in the meantime
            return
        except OSError as error:
            raise _read_error(prefix, error) from None
        for entry in entries:
            name = prefix + entry.name
            if entry.name in _ALWAYS_OUT:
                continue
            try:
                is_folder = entry.is_dir()
                if self._is_ignored(f"{name}/" if is_folder else name):
                    continue
                real_path = within[-1] / entry.name
                if entry.is_symlink():
                    real_path = resolve_links(real_path)
                    if self._own.holds(real_path):
                        continue
                    if (
                        not real_path.is_relative_to(within[0])
                        or real_path in within
                        or not real_path.exists()
                    ):
                        self._leave_out(LINKS, name)
                        continue
                status = entry.stat()
            except OSError:  # it was removed in the meantime
                continue
            if self._own.has(real_path, status):
                continue
            if is_folder:
                if not _is_environment(real_path):
                    yield from self.files(real_path, (*within, real_path), f"{name}/")
            elif identity(status) in self._open:
                self._leave_out(DATABASES, name)
            elif stat.S_ISREG(status.st_mode):
                if why_unsafe(_check_utf8(name)) is not None:
                    self._leave_out(NAMES, name)
                else:
                    yield name, status.st_size
            else:
                self._leave_out(SPECIAL, name)

    def _is_ignored(self, name: str) -> bool:
        return self._ignored is not None and bool(self._ignored.match_file(name))


def _check_utf8(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SnapshotException(
            f"The name of the file {name!r} is not UTF-8, so an archive cannot contain it. Rename "
            "it, or list it in .amlignore."
        ) from None
    return name


def _is_environment(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").is_file() or (folder / "conda-meta").is_dir()


def digest_of(root: Path, files: list[str]) -> str:
    """Make the digest of names, contents and executable bits: 64 hexadecimal digits."""
    digest = _Digest()
    for name in files:
        try:
            with (root / name).open("rb") as file:
                digest.begin(name, _is_executable(file))
                while chunk := file.read(1 << 20):
                    digest.feed(chunk)
        except OSError as error:
            raise _read_error(name, error) from None
    return digest.value()


class _Digest:
    """Makes the digest of several files, which are fed in their order."""

    def __init__(self) -> None:
        self._whole = hashlib.sha256()
        self._content: Any = None

    def begin(self, name: str, executable: bool) -> None:
        self._finish()
        bit = 0o100 if executable else 0
        self._whole.update(f"{len(name.encode())}:{name}:{bit:o}:".encode())
        self._content = hashlib.sha256()

    def feed(self, chunk: bytes) -> None:
        self._content.update(chunk)

    def _finish(self) -> None:
        if self._content is not None:
            self._whole.update(self._content.digest())

    def value(self) -> str:
        self._finish()
        self._content = None
        return self._whole.hexdigest()


def _is_executable(file: IO[bytes]) -> bool:
    return bool(os.fstat(file.fileno()).st_mode & 0o100)


def _read_error(name: str, error: OSError) -> SnapshotException:
    return SnapshotException(
        f"The file {name!r} could not be read for the snapshot: {error.strerror}. If the run does "
        "not need it, list it in .amlignore."
    )


def pack(root: Path, files: list[str], archive: Path) -> str:
    """Write the files to a zip archive, and return their digest.

    The same files make the same bytes.
    """
    digest = _Digest()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name in files:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            try:
                source = (root / name).open("rb")
            except OSError as error:
                raise _read_error(name, error) from None
            with source:
                executable = _is_executable(source)
                info.file_size = os.fstat(source.fileno()).st_size  # zipfile needs it above 2 GB
                info.external_attr = (0o100755 if executable else 0o100644) << 16
                digest.begin(name, executable)
                with target.open(info, "w") as entry:
                    for chunk in _chunks(name, source):
                        digest.feed(chunk)
                        entry.write(chunk)
    return digest.value()


def _chunks(name: str, source: IO[bytes]) -> Iterator[bytes]:
    try:
        while chunk := source.read(1 << 20):
            yield chunk
    except OSError as error:
        raise _read_error(name, error) from None
