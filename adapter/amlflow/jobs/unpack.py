"""Unpacks a snapshot's archive safely: everybody who may write to the tracker can replace it.

The limits count the unpacked bytes, and not the sizes in the archive's headers. The archive is
unpacked into a temporary folder and moved at the end, so that nothing half-written is left behind.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from amlflow.exceptions import SnapshotException
from amlflow.jobs.limits import FILES_SETTING, SIZE_SETTING, max_bytes, max_files
from amlflow.local_paths import UnsafeName, local_path_for

MAX_RATIO = 1100
"""How many unpacked bytes one byte of the archive may make. Deflate makes at most 1,032 of one,
so an archive with more is a trick, such as members that share their bytes."""
MAX_FOLDERS_PER_FILE = 10
"""How many folders are made for each file that is allowed. So deep names cannot make too many."""
MAX_ENTRY_BYTES = 5000
"""How many bytes of the archive's directory a member may take: its name, and some numbers."""
_CHUNK = 1 << 20
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The methods that snapshots are packed with. Other decoders could use any amount of memory."""
ENCRYPTED = 0x1
"""The flag of a member that is encrypted."""
BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error,
    ValueError, OverflowError, KeyError, IndexError,
)  # fmt: skip
"""The exceptions of Python's zipfile for a damaged archive."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a snapshot into a folder, completely or not at all.

    When all files are unpacked, they replace files of the same names in the folder.

    Raises:
        SnapshotException: the archive is damaged, is larger than the settings allow, or has a
            member that is not a file below the folder.
    """
    staging: Path | None = None
    try:
        beside = folder if folder.is_dir() else folder.parent
        beside.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=beside, prefix=".amlflow-unpack-"))
        content = staging / "snapshot"
        content.mkdir()
        names = _Unpacking(archive, content).write_all()
        if folder.is_dir():
            _merge(content, names, folder)
        else:
            os.rename(content, folder)
    except OSError as error:
        raise SnapshotException(
            f"The snapshot could not be unpacked into {str(folder)!r}: {error.strerror or error}."
        ) from error
    except UnsafeName as refusal:
        raise SnapshotException(f"The snapshot was not unpacked: {refusal.message}") from None
    except BROKEN as error:
        raise SnapshotException(
            f"The snapshot {str(archive)!r} is not a valid zip archive: {error}."
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open the archive of a snapshot for reading.

    Raises :class:`SnapshotException` if its directory is too large, or an exception of
    :data:`BROKEN` if it is damaged.
    """
    max_read = max(2 * _CHUNK, max_files() * MAX_ENTRY_BYTES)
    with _BoundedReads(path, max_read) as file, zipfile.ZipFile(file) as archive:
        yield archive


def _merge(content: Path, names: list[str], folder: Path) -> None:
    """Move the files to a folder that exists, after a check that each of them can be moved."""
    targets = {name: local_path_for(name, folder) for name in names}
    for name, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(content / name, target)


class _BoundedReads(io.FileIO):
    """An archive that refuses to read too much at once, such as a directory that is too large."""

    def __init__(self, path: Path, max_size: int) -> None:
        super().__init__(path)
        self._max_size = max_size

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self._max_size:
            raise SnapshotException(
                "The snapshot's directory is too large for the allowed number of files. If you "
                f"trust the snapshot, set {FILES_SETTING}."
            )
        return super().read(-1 if size is None else size)


class _Unpacking:
    """Unpacks one archive into a new folder."""

    def __init__(self, archive: Path, base: Path) -> None:
        self._archive, self._base = archive, base
        self._max_files, self._max_bytes = max_files(), max_bytes()
        self._bytes_left = self._max_bytes
        self._ratio_left = MAX_RATIO * archive.stat().st_size
        self._folders = {base}

    def write_all(self) -> list[str]:
        """Write all files, and return their names."""
        names = []
        with open_archive(self._archive) as source:
            for info in source.infolist():
                self._check(info)
                path = local_path_for(info.filename.rstrip("/"), self._base)
                self._make_folder(path if info.is_dir() else path.parent, info.filename)
                if info.is_dir():
                    continue
                names.append(info.filename)
                if len(names) > self._max_files:
                    raise SnapshotException(
                        f"The snapshot was not unpacked: it has more than {self._max_files} files. "
                        f"If you trust it, set {FILES_SETTING}."
                    )
                self._write(source, info, path)
        return names

    def _check(self, info: zipfile.ZipInfo) -> None:
        kind = stat.S_IFMT(info.external_attr >> 16)
        reason = None
        if info.orig_filename != info.filename:
            reason = "its name has a NUL character"
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            reason = "it is a link or a device, and snapshots have files only"
        elif info.flag_bits & ENCRYPTED:
            reason = "it is encrypted"
        elif info.compress_type not in METHODS:
            reason = "it is packed in another way than snapshots are"
        if reason is not None:
            raise SnapshotException(
                f"The snapshot was not unpacked because of {info.orig_filename[:200]!r}: {reason}."
            )

    def _make_folder(self, folder: Path, name: str) -> None:
        missing = []
        while folder not in self._folders:
            missing.append(folder)
            folder = folder.parent
        for path in reversed(missing):
            try:
                path.mkdir()
            except FileExistsError:
                raise self._duplicate_error(name) from None
            self._folders.add(path)
        if len(self._folders) > MAX_FOLDERS_PER_FILE * self._max_files:
            raise SnapshotException(
                "The snapshot was not unpacked: it has more than "
                f"{MAX_FOLDERS_PER_FILE * self._max_files} folders. If you trust it, set "
                f"{FILES_SETTING}."
            )

    def _write(self, source: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
        try:
            target = path.open("xb")
        except FileExistsError:
            raise self._duplicate_error(info.filename) from None
        with target, source.open(info) as member:
            while chunk := member.read(_CHUNK):
                self._count(len(chunk))
                target.write(chunk)
        if info.external_attr >> 16 & 0o100:
            path.chmod(0o755)

    def _count(self, size: int) -> None:
        self._bytes_left -= size
        self._ratio_left -= size
        if self._bytes_left < 0:
            raise SnapshotException(
                f"The snapshot was not unpacked: it has more than {self._max_bytes >> 20} MB. If "
                f"you trust it, set {SIZE_SETTING}."
            )
        if self._ratio_left < 0:
            raise SnapshotException(
                f"The snapshot was not unpacked: it would unpack to more than {MAX_RATIO} times "
                "its size. An archive of real files does not do that."
            )

    @staticmethod
    def _duplicate_error(name: str) -> SnapshotException:
        return SnapshotException(
            f"The snapshot was not unpacked: it has {name[:200]!r} twice, as a file and a folder, "
            "or in capital and small letters on a system where these are the same."
        )
