"""Unpacks a snapshot's archive, which everybody who may write to the tracker can choose.

What counts is what comes out of the archive, and not what its headers say. It is unpacked beside
its folder and moved there at the end, so nothing half-written is left behind.
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
"""Unpacked bytes for a byte of the archive. Deflate itself makes at most 1,032 of one, so whatever
has more is a trick, such as members that share their bytes."""
MAX_FOLDERS_PER_FILE = 10
"""Of the limit of files, so that deep names do not make any number of folders."""
MAX_ENTRY_BYTES = 5000
"""That the archive's directory may take for a member: its name, and some numbers."""
_CHUNK = 1 << 20
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What snapshots are packed with. The others' decoders give any amount of memory at once."""
ENCRYPTED = 0x1
"""The flag of a member that is encrypted."""
BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error,
    ValueError, OverflowError, KeyError, IndexError,
)  # fmt: skip
"""What Python's zipfile raises for an archive that is not whole."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a snapshot into a folder, all of it or nothing.

    Files of the same names that are in the folder are replaced, once all are unpacked.

    Raises:
        SnapshotException: the archive is broken, larger than the settings allow, or holds
            something that is not a file below the folder.
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
        raise SnapshotException(f"The snapshot is not unpacked: {refusal.message}") from None
    except BROKEN as error:
        raise SnapshotException(
            f"The snapshot {str(archive)!r} is not a whole zip archive: {error}."
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive of a snapshot, opened for reading.

    Raises :class:`SnapshotException` if its directory is too large, and one of :data:`BROKEN`.
    """
    max_read = max(2 * _CHUNK, max_files() * MAX_ENTRY_BYTES)
    with _BoundedReads(path, max_read) as file, zipfile.ZipFile(file) as archive:
        yield archive


def _merge(content: Path, names: list[str], folder: Path) -> None:
    """Move the files to a folder that is there; first it is seen that each can go there."""
    targets = {name: local_path_for(name, folder) for name in names}
    for name, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(content / name, target)


class _BoundedReads(io.FileIO):
    """An archive that refuses to read too much at once, above all a directory that is too large."""

    def __init__(self, path: Path, max_size: int) -> None:
        super().__init__(path)
        self._max_size = max_size

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self._max_size:
            raise SnapshotException(
                "The snapshot's directory is larger than that of as many files as are unpacked; "
                f"{FILES_SETTING} allows more."
            )
        return super().read(-1 if size is None else size)


class _Unpacking:
    """One archive on its way into a new folder."""

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
                        f"The snapshot has more than {self._max_files} files and is not unpacked. "
                        f"If you trust it, set {FILES_SETTING}."
                    )
                self._write(source, info, path)
        return names

    def _check(self, info: zipfile.ZipInfo) -> None:
        kind = stat.S_IFMT(info.external_attr >> 16)
        reason = None
        if info.orig_filename != info.filename:
            reason = "its name has a NUL"
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            reason = "it is a link or a device, and snapshots hold files"
        elif info.flag_bits & ENCRYPTED:
            reason = "it is encrypted"
        elif info.compress_type not in METHODS:
            reason = "it is not packed as snapshots are"
        if reason is not None:
            raise SnapshotException(
                f"The snapshot holds {info.orig_filename[:200]!r} and is not unpacked: {reason}."
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
                f"The snapshot has more than {MAX_FOLDERS_PER_FILE * self._max_files} folders and "
                f"is not unpacked. If you trust it, set {FILES_SETTING}."
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
                f"The snapshot has more than {self._max_bytes >> 20} MB and is not unpacked. If "
                f"you trust it, set {SIZE_SETTING}."
            )
        if self._ratio_left < 0:
            raise SnapshotException(
                f"The snapshot unpacks to more than {MAX_RATIO} times its size, which no archive "
                "of files does, and is not unpacked."
            )

    @staticmethod
    def _duplicate_error(name: str) -> SnapshotException:
        return SnapshotException(
            f"The snapshot holds {name[:200]!r} twice, or as a file and a folder, or in capital "
            "and small letters on a system that takes them for one, and is not unpacked."
        )
