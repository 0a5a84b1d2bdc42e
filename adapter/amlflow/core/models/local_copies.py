"""Copies of models on this machine: downloads, and v1's folder ``azureml-models/NAME/VERSION``."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amlflow.core.arguments import shorten
from amlflow.core.models.selection import find_model
from amlflow.exceptions import ModelNotFoundException, WebserviceException
from amlflow.layers.layer import Layer
from amlflow.local_paths import LocalPaths, local_path_for, make_folder
from amlflow.spec import ModelRecord
from amlflow.working_folder import working_folder

_STAGING = ".amlflow"
"""The beginning of the name of a temporary folder: files are in it until the download is done."""


class LocalCopyNotFound(WebserviceException, ModelNotFoundException):
    """This machine has no copy of a model. v1 raises either base, depending on the call."""


def models_folder() -> Path:
    """v1's folder for copies of models. It is in the working folder, or in ``AML_APP_ROOT``."""
    return Path(os.environ.get("AML_APP_ROOT", ""), "azureml-models")


def download(tracker: Layer, model: ModelRecord, target: Path, *, overwrite: bool) -> str:
    """Download the files of a version into a folder, and return the path of its file or folder.

    If the download fails, no file is left half-written.

    Raises:
        WebserviceException: a local file exists already, and ``overwrite`` is False; or the
            version has no files.
        UnsafeName: the tracker's name of a file would lead out of the folder.
        UserErrorException: the folder cannot be made.
    """
    names = tracker.list_model_files(model.name, model.version)
    if not names:
        raise WebserviceException(
            f"Model {model.name}:{model.version} has no files to download. They may have been "
            "removed from the tracker's storage."
        )
    local_paths = LocalPaths(target)
    paths = {name: local_paths.path_for(name) for name in names}
    for path in paths.values():
        if path.exists() and not overwrite:
            raise WebserviceException(
                f"File already exists. To overwrite, set exist_ok to True. {path}"
            )
    with _staging(target) as folder:
        copies = {name: folder / str(number) for number, name in enumerate(names)}
        tracker.get_model_files(model.name, model.version, copies)
        for name, path in paths.items():
            make_folder(path.parent)
            os.replace(copies[name], path)
    return os.path.commonpath(map(os.path.normpath, paths.values()))


def find_path(name: Any, version: Any, tracker: Layer | None) -> str:
    """Return the local path of a model.

    If the version is not in v1's folder for copies, it is downloaded from the tracker.

    Raises:
        ModelNotFound: the tracker does not have the version.
        LocalCopyNotFound: ``tracker`` is None, and this machine has no copy.
        WebserviceException: an argument is not valid.
    """
    if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
        raise WebserviceException(f"version should be an int, but is {shorten(version)}.")
    if not isinstance(name, str) or not name:
        raise WebserviceException(f"model_name={shorten(name)} is not a text, or is empty.")
    if tracker is None:
        return find_copy(name, version)
    if version is not None and (models_folder() / name / str(version)).is_dir():
        return find_copy(name, version)
    return fetch_copy(tracker, find_model(tracker, name=name, version=version))


def fetch_copy(tracker: Layer, model: ModelRecord) -> str:
    """Download a version to its folder below ``azureml-models``, and return its path.

    The folder appears when all files are in it. The files of an older copy are replaced.
    """
    # The tracker returns the name, so it is checked before a path is made of it.
    parent = local_path_for(f"{model.name}/{_STAGING}", models_folder()).parent
    folder = parent / str(model.version)
    with _staging(parent) as staging:
        path = Path(download(tracker, model, staging, overwrite=False))
        with contextlib.suppress(OSError):  # the folder exists already
            staging.rename(folder)
            return str(folder / path.relative_to(staging))
        files = [file for file in staging.rglob("*") if file.is_file()]
        targets = [local_path_for(file.relative_to(staging).as_posix(), folder) for file in files]
        for file, copy in zip(files, targets, strict=True):
            make_folder(copy.parent)
            os.replace(file, copy)
        return str(folder / path.relative_to(staging))


def find_copy(name: str, version: int | None) -> str:
    """Return the path of a local copy: below ``azureml-models``, or a path with the model's name.

    Raises:
        LocalCopyNotFound: this machine does not have a copy.
        WebserviceException: the model's folder does not have exactly one entry.
    """
    folder = models_folder() / name
    if version is None and folder.is_dir():
        versions = [int(entry) for entry in os.listdir(folder) if entry.isdecimal()]
        version = max(versions, default=None)
    if version is not None and (folder / str(version)).is_dir():
        folder = folder / str(version)
        entries = os.listdir(folder)
        if len(entries) != 1:
            raise WebserviceException(
                f"The folder {str(folder)!r} of a model must have exactly one file or folder in "
                f"it, but has {sorted(entries)}. Remove the folder, and download the model again."
            )
        files = [str(file) for file in (folder / entries[0]).rglob("*") if file.is_file()]
        return os.path.commonpath(files) if files else str(folder / entries[0])
    if os.path.exists(name):
        return name
    raise LocalCopyNotFound(
        f"Model {name} not found in cache at {str(models_folder())!r} or in current working "
        f"directory {str(working_folder())!r}. Outside of a submitted run, name the workspace: "
        f"Model.get_model_path({name!r}, _workspace=workspace)."
    )


@contextlib.contextmanager
def _staging(beside: Path) -> Iterator[Path]:
    """Make a temporary folder on the same disk. It is removed at the end, unless it was moved."""
    folder = beside / f"{_STAGING}-{uuid.uuid4().hex}"
    try:
        make_folder(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
