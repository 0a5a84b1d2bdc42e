"""The places of data: datastores by name, with addresses that fsspec opens, and their files."""

from __future__ import annotations

import contextlib
import logging
import posixpath
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from amlflow.data.contact import UnknownScheme, open_url
from amlflow.data.definition import Definition, Source, is_web
from amlflow.data.errors import NoSuchFile, explain_errors, without_secrets
from amlflow.exceptions import UserErrorException
from amlflow.local_paths import make_folder

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from amlflow.spec import Tracker

logger = logging.getLogger("amlflow")
LOCAL_FOLDER = "amlflow-datastores"
"""The folder of a workspace's own datastores. It is beside the tracker's database."""
TRACKER = "tracker:"
"""The address of a datastore whose files are stored in the workspace's tracker."""
PARTIAL = ".amlflow-part"
"""The ending of the names of files that are being written. A killed process leaves such a file."""
_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that fsspec has opened. ``root`` is its path there, without a ``/`` at the end."""

    fs: AbstractFileSystem
    root: str
    address: str

    def path(self, name: str) -> str:
        """Return the path of a name below the folder. As in v1, ``\\`` means ``/`` in the name.

        Raises:
            UserErrorException: the name leads out of the folder.
        """
        name = name.replace("\\", "/").strip("/")
        relative = posixpath.normpath(name) if name else ""
        if relative in ("", "."):
            return self.root or ("/" if is_local(self.fs) else "")
        if relative.split("/")[0] == "..":
            raise UserErrorException(f"The path {name!r} leads out of its datastore.")
        # The root of this machine's files is "/". The root of a tracker's files or a bucket is "".
        return f"{self.root}/{relative}" if self.root or is_local(self.fs) else relative

    @property
    def local_path(self) -> Path | None:
        """The path of the folder if it is on this machine, otherwise None."""
        return Path(self.root or "/") if is_local(self.fs) else None


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a data set. ``name`` is its path in a download, with ``/``.

    If ``rows`` is a number, only so many of its rows are read. Only Parquet regards it.
    """

    fs: AbstractFileSystem
    path: str
    name: str
    address: str
    rows: int | None = None

    def open(self) -> Any:
        """Open the file to read bytes. Raises :class:`DatasetExecutionError`."""
        with explain_errors("Reading", self.address):
            if is_web(self.path):
                return self._copy_from_web()
            return self.fs.open(self.path, "rb")

    def _copy_from_web(self) -> Any:
        """Copy the file to a temporary file, and return that. Closing removes it.

        fsspec asks for parts of a file. Many web servers give whole files only.
        """
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        try:
            self.fs.get_file(self.path, copy)
            copy.seek(0)
        except BaseException:
            copy.close()
            raise
        return copy

    def read_beginning(self, count: int) -> bytes:
        """Return the first bytes of the file. Raises :class:`DatasetExecutionError`."""
        with explain_errors("Reading", self.address):
            if not is_web(self.path):
                return bytes(self.fs.head(self.path, count))
            # With a size given, a web server is asked once. Otherwise open() asks for the size
            # first, and a server that does not answer is waited for twice.
            beginning = bytearray()
            with self.fs.open(self.path, "rb", block_size=0, size=1) as stream:
                # One read returns what has arrived.
                while len(beginning) < count and (part := stream.read(count - len(beginning))):
                    beginning += part
            return bytes(beginning)

    def changed(self) -> datetime | None:
        """Return when the file was changed; None if its storage does not say it.

        Raises :class:`DatasetExecutionError`.
        """
        with explain_errors("Reading", self.address):
            try:
                time: datetime = self.fs.modified(self.path)
            except NotImplementedError:
                return None
        return time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)

    @property
    def is_copied(self) -> bool:
        """Whether :meth:`open` fetches the whole file, since its storage gives no other parts."""
        return is_web(self.path) or self.address.startswith(TRACKER)

    @property
    def local_path(self) -> Path | None:
        """The path of the file if it is on this machine, otherwise None."""
        return Path(self.path) if is_local(self.fs) else None


class Datastores:
    """The datastores by name. An address is one of fsspec's, or :data:`TRACKER`."""

    def __init__(
        self, addresses: Mapping[str, str], tracker: Callable[[], Tracker] | None = None
    ) -> None:
        self.addresses, self._tracker = dict(addresses), tracker

    def open(self, name: str) -> Folder:
        """Open the folder of a datastore.

        Raises:
            UserErrorException: no datastore has the name, or its address cannot be opened.
        """
        if name not in self.addresses:
            raise UserErrorException(
                f"The datastore {name!r} does not exist; those that exist: "
                f"{', '.join(sorted(self.addresses))}. Declare it in .azureml/datastores.yaml, "
                f"such as `{name}: s3://bucket/folder`, or use `amlflow datastore attach`."
            )
        address = self.addresses[name]
        if address == TRACKER:
            return self._open_tracker(name)
        return open_folder(address)

    def _open_tracker(self, name: str) -> Folder:
        # It needs fsspec, which `import azureml.core` does not load.
        from amlflow.data.tracker_filesystem import TrackerFileSystem

        if self._tracker is None:
            raise UserErrorException(
                f"The datastore {name!r} is kept by the tracker, which cannot be reached from here."
            )
        return Folder(TrackerFileSystem(self._tracker(), name), "", f"{TRACKER}{name}")

    def files(self, definition: Definition, *, ignore_missing: bool = False) -> list[DataFile]:
        """Return the files of a definition, in the order of its sources and then of their paths.

        A file's name is relative to the source's folder, or, for a pattern, to the folder before
        the first wildcard. With several sources, the name is the datastore's name and the whole
        path, as in v1. With ``ignore_missing``, a warning names a source that has no file.

        Raises:
            NoSuchFile: a source has no file.
            DatasetExecutionError: a source cannot be read.
        """
        is_single = len(definition.sources) == 1
        files: list[DataFile] = []
        for source in definition.sources:
            try:
                files.extend(self._files_of(source, is_single))
            except NoSuchFile as error:
                if not ignore_missing:
                    raise
                logger.warning("%s", error.message)
        return files

    def _files_of(self, source: Source, is_single: bool) -> Iterator[DataFile]:
        if source.is_web:
            yield web_file(source.path, is_single)
            return
        if source.store is None:
            path = Path(source.path).expanduser().absolute()
            folder, name = open_folder(Path(path.anchor).as_uri()), path.as_posix()
        else:
            folder, name = self.open(source.store), source.path
        label = f"{source.store}/" if source.store else ""
        paths, base = find_paths(folder, name, source)
        for path_ in paths:
            whole = path_[len(folder.root) :].lstrip("/")
            name_ = posixpath.relpath(path_, base) if is_single else f"{label}{whole}"
            address = path_ if is_local(folder.fs) else f"{folder.address.rstrip('/')}/{whole}"
            yield DataFile(folder.fs, path_, name_, address)


def find_paths(folder: Folder, name: str, source: Source) -> tuple[list[str], str]:
    """Find the files of a path or a pattern, and the folder that their names are relative to.

    Raises:
        NoSuchFile: no file exists.
        DatasetExecutionError: the storage cannot be read.
    """
    path, fs = folder.path(name), folder.fs
    with explain_errors("Reading", str(source), folder.address):
        if _MAGIC & set(name):
            parts = path.split("/")
            first = next(index for index, part in enumerate(parts) if _MAGIC & set(part))
            # In v1, ** at the end also means the files in these folders.
            pattern = f"{path}/*" if parts[-1] == "**" else path
            entries = fs.glob(pattern, detail=True)
            base = "/".join(parts[:first]) or "/"
            paths = sorted(key for key, entry in entries.items() if entry["type"] == "file")
            if not paths:
                # glob() passes over what it may not read, such as everything with a wrong key.
                with contextlib.suppress(FileNotFoundError):
                    fs.ls(base)
        elif (entry := find_entry(fs, path)) is not None and entry["type"] == "file":
            paths, base = [path], posixpath.dirname(path)
        else:
            paths, base = sorted(fs.find(path)), path
    paths = [path for path in paths if not path.endswith(PARTIAL)]
    if not paths:
        raise NoSuchFile(f"{str(source)!r} has no file: it does not exist, or the folder is empty.")
    return paths, base


def find_entry(fs: AbstractFileSystem, path: str) -> Mapping[str, Any] | None:
    """Return what a storage says of a path, such as its type; None if the path does not exist.

    It does not exist either if a part of it is a file, where a folder is needed.

    fsspec's ``exists()`` and ``isfile()`` take every error for a path that does not exist: also a
    server that does not answer, and Ctrl-C.
    """
    try:
        entry: Mapping[str, Any] = fs.info(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return entry


def web_file(address: str, is_single: bool) -> DataFile:
    """Return the file at a web address."""
    parts = urlsplit(address)
    path = parts.path.strip("/") or "index"
    name = posixpath.basename(path) if is_single else f"{parts.scheme}/{parts.hostname}/{path}"
    return DataFile(open_folder(address).fs, address, name, without_secrets(address))


def open_folder(address: str) -> Folder:
    """Open the folder at an address.

    Raises:
        UserErrorException: fsspec cannot open such an address.
        DatasetExecutionError: the storage refuses or does not answer, or a package is missing.
    """
    # fsspec takes 0.1 s, and `import azureml.core` does not load it.
    from fsspec import filesystem

    with explain_errors("Opening", address):
        try:
            if is_web(address):  # fsspec's own function takes "::" for a chain of addresses
                # aiohttp takes 0.1 s, and only a web address needs it.
                from amlflow.data.web import client_options

                options = {"client_kwargs": client_options()}
                fs, root = filesystem(address.partition(":")[0].lower(), **options), address
            else:
                fs, root = open_url(address)
        except UnknownScheme as error:
            raise UserErrorException(
                f"{without_secrets(address)!r} is not an address that fsspec can open: it begins "
                "with a scheme such as file:, s3:, abfs:, gs: or https:."
            ) from error
        except ValueError as error:
            raise UserErrorException(
                f"{without_secrets(address)!r} cannot be opened: its client does not accept the "
                f"address, or its settings or credentials ({type(error).__name__}). Check them."
            ) from None
    return Folder(fs, root.rstrip("/"), without_secrets(address))


def is_local(fs: AbstractFileSystem) -> bool:
    """Whether a file system is that of this machine."""
    return "file" in ((fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol)


def fetch(file: DataFile, destination: Path) -> Path:
    """Write a file to a path, and return the path. Readers never see a part of the file.

    Raises:
        DatasetExecutionError: the file cannot be read.
        UserErrorException: the folder cannot be made.
    """
    make_folder(destination.parent)
    # Nobody can guess the name, so no link with this name leads elsewhere.
    staging = destination.with_name(f".{uuid.uuid4().hex}{PARTIAL}")
    try:
        with explain_errors("Downloading", file.address):
            file.fs.get_file(file.path, str(staging))
        staging.replace(destination)
    finally:
        staging.unlink(missing_ok=True)
    return destination
