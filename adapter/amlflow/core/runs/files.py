"""A run's files: uploads, downloads, and the snapshot of its source folder."""

from __future__ import annotations

import logging
import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from os.path import isdir
from pathlib import Path
from typing import IO, Any

from amlflow.core.arguments import check_list, check_path, check_text
from amlflow.core.models.model import Model, model_of
from amlflow.core.models.notes import text_notes
from amlflow.core.models.registration import ModelFields, check_model_name
from amlflow.core.runs.base import RunBase, display_id
from amlflow.core.runs.stamps import this_writer
from amlflow.core.runs.starting import SNAPSHOT_PROPERTY
from amlflow.exceptions import ModelPathNotFoundException, SnapshotException, UserErrorException
from amlflow.jobs import snapshot
from amlflow.jobs.unpack import unpack
from amlflow.local_files import files_below, shorten_list
from amlflow.local_paths import LocalPaths, local_path_for, make_folder
from amlflow.own_paths import OwnPaths, check_not_open, split_open_databases
from amlflow.spec import (
    FileNotInRun,
    RunChange,
    RunRecord,
    Tracker,
    check_file_name,
)
from amlflow.working_folder import local_path, working_folder

logger = logging.getLogger("amlflow")


class RunFiles(RunBase):
    """The files of a run. A name may contain ``/``. ``datastore_name`` is accepted and not used."""

    def upload_file(
        self, name: str, path_or_stream: str | IO[Any], datastore_name: str | None = None
    ) -> None:
        """Store a local file, or the content of a stream, under a name that is new in the run."""
        if hasattr(path_or_stream, "read"):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "stream"
                _drain(path_or_stream, path)
                self._upload({name: path})
            return
        if not isinstance(path_or_stream, (str, os.PathLike)):
            raise UserErrorException(
                f"upload_file({name!r}) takes a path or a stream, and got a "
                f"{type(path_or_stream).__name__}."
            )
        self._upload({name: local_path(path_or_stream)})

    def upload_files(
        self,
        names: Sequence[str],
        paths: Sequence[str],
        return_artifacts: bool = False,
        timeout_seconds: int | None = None,
        datastore_name: str | None = None,
    ) -> dict[str, str] | None:
        """Store several local files. With ``return_artifacts``, returns a dict of names and links.

        Raises:
            TypeError: the numbers of names and paths differ, as in v1.
        """
        right = "run.upload_files(names=['a.txt'], paths=['local/a.txt'])"
        check_list(names, "names", right)
        check_list(paths, "paths", right)
        if len(names) != len(paths):
            raise TypeError(
                f"upload_files got {len(names)} names for {len(paths)} paths; give as many of each."
            )
        self._upload({name: local_path(path) for name, path in zip(names, paths, strict=True)})
        return self._links(names) if return_artifacts else None

    def upload_folder(
        self, name: str, path: str, datastore_name: str | None = None
    ) -> dict[str, str]:
        """Store all files of a local folder below a name. Returns a dict of names and links."""
        right = "run.upload_folder(name, path)"
        check_text(name, "The name of the folder in the run", right)
        check_path(path, "The local folder", right)
        folder = local_path(path)
        if not folder.is_dir():
            hint = f"; {name!r} is a folder here: the call is {right}" if isdir(name) else ""
            raise UserErrorException(
                f"upload_folder({name!r}): {str(path)!r} is not a folder{hint}."
            )
        files = {
            posixpath.join(name, file.relative_to(folder).as_posix()): file
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }
        files, databases = split_open_databases(files)
        if databases:
            _warn_of_open_databases(self._record, databases)
        self._put_files(files)
        return self._links(files)

    def download_file(
        self, name: str, output_file_path: str | None = None, _validate_checksum: bool = False
    ) -> None:
        """Write one of the run's files to a path, or into a folder (default: the working folder).

        Raises:
            FileNotInRun: the run has no such file.
            UnsafeName: the base name cannot be a file in the folder. Name a path.
        """
        right = "run.download_file(name, output_file_path)"
        check_text(name, "The name of a run's file", right)
        check_path(output_file_path or ".", "output_file_path", right)
        stored_name = _stored_name(self._record, name)
        target = local_path(output_file_path or ".")
        if target.is_dir() or str(output_file_path or "").endswith(("/", os.sep)):
            target = local_path_for(posixpath.basename(stored_name), target)
        fetch_file(self._tracker, self._record, stored_name, target)

    def download_files(
        self,
        prefix: str | None = None,
        output_directory: str | None = None,
        output_paths: Sequence[str] | None = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: int | None = None,
    ) -> None:
        """Write the files below a prefix into a folder.

        A file whose name leads out of the folder is left out, and a warning names it.

        Args:
            prefix: The beginning of the names. Without it, all files are written.
            output_directory: The folder (default: the working folder).
            output_paths: A path for each file, in the order of :meth:`get_file_names`.
            append_prefix: Whether the local paths contain the prefix.

        Raises:
            UserErrorException: no file has this prefix.
        """
        right = "run.download_files(prefix, output_directory); run.download_file(name) gets one"
        check_text(prefix or "all", "The prefix of the names", right)
        check_path(output_directory or ".", "output_directory", right)
        names = self._tracker.list_files(self._record.id, prefix or "")
        if not names:
            raise UserErrorException(
                f"Run {self.id} has no file with the prefix {prefix!r}; run.get_file_names() lists "
                "those it has."
            )
        if output_paths is not None and len(output_paths) != len(names):
            raise UserErrorException(
                f"download_files got {len(output_paths)} output_paths for {len(names)} files."
            )
        below = LocalPaths(local_path(output_directory or "."))
        for index, name in enumerate(names):
            if output_paths is not None:
                fetch_file(self._tracker, self._record, name, below.below / output_paths[index])
                continue
            local = name
            if prefix and not append_prefix:
                local = name[len(prefix) :].lstrip("/") or posixpath.basename(name)
            fetch_listed(self._tracker, self._record, name, local, below)

    def get_file_names(self) -> list[str]:
        """Return the names of all the run's files."""
        return self._tracker.list_files(self._record.id)

    def _upload(self, files: Mapping[str, Path]) -> None:
        for name, path in files.items():
            if not path.is_file():
                is_swapped = not path.exists() and isinstance(name, str) and os.path.isfile(name)
                instead = (
                    f" {name!r} is a file here: the call is run.upload_file(name, path_or_stream)."
                    if is_swapped
                    else " run.upload_folder(name, path) stores a folder."
                    if path.is_dir()
                    else ""
                )
                raise UserErrorException(
                    f"The file {str(path)!r} to upload as {name!r} does not exist.{instead}"
                )
        check_not_open(files)
        self._put_files(files)

    def _put_files(self, files: Mapping[str, Path]) -> None:
        paths = {_check_name(name): path for name, path in files.items()}
        self._tracker.put_files(self._record.id, paths)
        names = this_writer().names(self._record.id)
        if names is not None:
            for name in paths:
                names.take(name)

    def _links(self, names: Any) -> dict[str, str]:
        link = self._tracker.run_link(self._record)
        return {name: f"{link}/artifacts/{name}" for name in names}

    # snapshots

    def take_snapshot(self, file_or_folder_path: str) -> str:
        """Store a folder (or file) as the run's snapshot, at most once. Returns the snapshot's id.

        ``.amlignore`` lists the files to leave out. Without it, ``.gitignore`` does.

        Raises:
            SnapshotException: it is too large, or there is nothing at the path.
            UserErrorException: the run already has another snapshot.
        """
        check_path(
            file_or_folder_path, "The snapshot's folder", "run.take_snapshot(file_or_folder_path)"
        )
        digest = snapshot.store(self._tracker, Path(file_or_folder_path))
        self._update(RunChange(properties={SNAPSHOT_PROPERTY: digest}))
        return digest

    def get_snapshot_id(self) -> str:
        """Return the id of the run's snapshot.

        Raises:
            SnapshotException: the run has no snapshot.
        """
        properties = self._record.properties
        if SNAPSHOT_PROPERTY not in properties:
            properties = self._reload().properties
        if SNAPSHOT_PROPERTY not in properties:
            raise SnapshotException(
                f"Run {self.id} has no snapshot; start_logging(snapshot_directory='.') or "
                "run.take_snapshot() gives it one."
            )
        return properties[SNAPSHOT_PROPERTY]

    def restore_snapshot(self, snapshot_id: str | None = None, path: str | None = None) -> str:
        """Write a snapshot as a zip file into the working folder, or unpack it into ``path``.

        Returns:
            The path of the zip file, or of the folder.

        Raises:
            SnapshotException: the run has no snapshot, or it cannot be unpacked. In that case,
                nothing is left in the folder.
        """
        digest = snapshot.check_digest(snapshot_id or self.get_snapshot_id())
        if path is None:
            archive = local_path_for(f"{digest}.zip", working_folder())
            self._tracker.get_snapshot(digest, archive)
            return str(archive)
        target = Path(path).absolute()
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "snapshot.zip"
            self._tracker.get_snapshot(digest, archive)
            unpack(archive, target)
        return str(target)

    # models

    def register_model(
        self,
        model_name: str,
        model_path: str | None = None,
        tags: dict[str, str] | None = None,
        properties: dict[str, str] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        description: str | None = None,
        datasets: Any = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: Any = None,
        **kwargs: Any,
    ) -> Model:
        """Register a file or folder of the run as the next version of a model.

        Args:
            model_name: Letters, digits, ``-``, ``.`` and ``_``, at most 255.
            model_path: The file's or folder's name in the run (default: the model's name).
            tags: Texts that can be changed later.
            properties: Texts that cannot be changed.
            model_framework: One of ``Model.Framework``, or another text.
            model_framework_version: The framework's version.
            description: A text.
            datasets: Pairs of a purpose, such as "training", and a data set. The ids are kept.
            sample_input_dataset: A data set; its id is kept.
            sample_output_dataset: A data set; its id is kept.
            resource_configuration: The resources for serving the model. They are kept, but not
                used.

        Raises:
            ModelPathNotFoundException: the run has no such file or folder.
            WebserviceException: another argument is wrong.
        """
        fields = ModelFields(
            tags, properties, description, model_framework, model_framework_version, datasets,
            sample_input_dataset, sample_output_dataset, resource_configuration,
        )  # fmt: skip
        check_model_name(model_name)
        right = "run.register_model(model_name, model_path='outputs/model.pkl')"
        check_path(model_path or model_name, "The model's path in the run", right)
        path = posixpath.normpath(os.fspath(model_path or model_name).replace(os.sep, "/"))
        path = path.strip("/")
        workspace = self._experiment.workspace
        draft = fields.to_draft(
            workspace, model_name, path, run_id=self._record.id,
            more_notes=text_notes(run=self.id, experiment=self._experiment.name),
        )  # fmt: skip
        names = self._tracker.list_files(self._record.id, path)
        if not any(name == path or name.startswith(f"{path}/") for name in names):
            raise ModelPathNotFoundException(
                f"Run {self.id} has no file or folder {path!r} to register as a model; "
                "run.get_file_names() lists what it has. In a submitted script, outputs/ is "
                "uploaded when the script ends: call run.upload_file() first."
            )
        return model_of(workspace, self._tracker.register_model(draft))


def fetch_file(tracker: Tracker, run: RunRecord, name: str, target: Path) -> None:
    """Write one of a run's files to a path.

    Raises:
        FileNotInRun: the run has no such file.
        UserErrorException: the path cannot be written.
    """
    stored_name = _stored_name(run, name)
    make_folder(target.parent)
    tracker.get_file(run.id, stored_name, target)


def fetch_listed(
    tracker: Tracker, run: RunRecord, name: str, local: str, below: LocalPaths
) -> Path | None:
    """Write one of the files that the tracker has listed into a folder.

    ``below`` has the local paths of all files that are written there.

    Returns:
        The local path, or None if the name leads out of the folder. Then a warning names the file.
    """
    try:
        _check_name(name)
        path = below.path_for(local)
    except UserErrorException as refusal:
        logger.warning("A file of run %s is left out: %s", display_id(run), refusal.message)
        return None
    fetch_file(tracker, run, name, path)
    return path


def read_text_of(tracker: Tracker, run: RunRecord, name: str) -> str:
    """Return the text of one of a run's files. Raises FileNotInRun."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text"
        fetch_file(tracker, run, name, path)
        return path.read_text(encoding="utf-8", errors="replace")


def upload_folders(tracker: Tracker, run: RunRecord, base: Path, folders: Sequence[str]) -> None:
    """Store the files of folders, which are relative to ``base``, in the run."""
    files, left_out = dict[str, Path](), list[str]()
    for name in folders:
        folder = Path(os.path.normpath(base / name))
        if folder.is_relative_to(base):
            below, prefix = files_below(folder, base), ""
        else:  # a folder outside of base: the stored names begin with the folder's own name
            below, prefix = files_below(folder), f"{folder.name}/"
        files.update({prefix + name: path for name, path in below.files.items()})
        left_out += [prefix + name for name in below.left_out]
    if left_out:
        logger.warning(
            "Not uploaded to run %s: %s. These are links that lead out of the folder, nowhere or "
            "in a circle, folders that cannot be read, pipes, sockets and devices, or names with a "
            "backslash. upload_file() takes a file by its own path and another name.",
            display_id(run), shorten_list(left_out),
        )  # fmt: skip
    files, databases = split_open_databases(files)
    if databases:  # the tracker's database may be among them: the files beside it are not outputs
        files = OwnPaths(tracker.own_paths(), base).remove_own(files)
        _warn_of_open_databases(run, databases)
    if files:
        tracker.put_files(run.id, files, replace=True)


def _warn_of_open_databases(run: RunRecord, databases: Iterable[str]) -> None:
    logger.warning(
        "Not uploaded to run %s: %s, since the database is open in this process, and what the "
        "tracker keeps beside it.",
        display_id(run), shorten_list(list(databases)),
    )  # fmt: skip


def _stored_name(run: RunRecord, name: str) -> str:
    try:
        return _check_name(name)
    except UserErrorException:
        raise FileNotInRun(display_id(run), name) from None


def _check_name(name: Any) -> str:
    """Check that a file's name stays within the run, and return it."""
    while isinstance(name, str) and name.startswith("./"):
        name = name[2:]
    if not isinstance(name, str):
        raise UserErrorException(
            f"{name!r} is not a name for a file of a run, which is a text; it is a "
            f"{type(name).__name__}."
        )
    check_file_name(name)
    if name.partition("/")[0] == "amlflow":
        raise UserErrorException(
            f"{name!r} is not a name for a file of a run: the folder 'amlflow' is amlflow's own."
        )
    return name


def _drain(stream: Any, path: Path) -> None:
    """Write a stream of bytes or text to a file."""
    with path.open("wb") as file:
        first = stream.read(1 << 20)
        if isinstance(first, str):
            file.write(first.encode())
            while chunk := stream.read(1 << 20):
                file.write(chunk.encode())
            return
        file.write(first)
        shutil.copyfileobj(stream, file)
