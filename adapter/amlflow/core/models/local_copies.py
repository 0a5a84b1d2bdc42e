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
from amlflow.local_paths import local_path_for
from amlflow.spec import ModelRecord

_STAGING = ".amlflow"
"""How the name of a folder begins in which files are until all have come."""


class LocalCopyNotFound(WebserviceException, ModelNotFoundException):
    """This machine has no copy of a model. v1 raises the one or the other."""


def models_folder() -> Path:
    """v1's folder for copies, in the working folder unless ``AML_APP_ROOT`` names another."""
    return Path(os.environ.get("AML_APP_ROOT", ""), "azureml-models")


def download(tracker: Layer, model: ModelRecord, target: Path, *, overwrite: bool) -> str:
    """Write the files of a version into a folder; the path of the file or folder is returned.

    A file is there whole or not at all.

    Raises:
        WebserviceException: a file is there already, and ``overwrite`` is False; or the version
            has no files.
        UnsafeName: a name does not lead to a file in the folder.
    """
    names = tracker.list_model_files(model.name, model.version)
    if not names:
        raise WebserviceException(
            f"Model {model.name}:{model.version} has no files to download; they may have been "
            "removed from the tracker's files."
        )
    paths = {name: local_path_for(name, target) for name in names}
    for path in paths.values():
        if path.exists() and not overwrite:
            raise WebserviceException(
                f"File already exists. To overwrite, set exist_ok to True. {path}"
            )
    with _staging(target) as folder:
        copies = {name: folder / str(number) for number, name in enumerate(names)}
        tracker.get_model_files(model.name, model.version, copies)
        for name, path in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(copies[name], path)
    return os.path.commonpath(map(os.path.normpath, paths.values()))


def find_path(name: Any, version: Any, tracker: Layer | None) -> str:
    """The local path of a model, which comes from a tracker unless that version is here.

    Raises:
        ModelNotFound: the tracker has no such version.
        LocalCopyNotFound: without a tracker, and this machine has no copy.
        WebserviceException: an argument is wrong.
    """
    if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
        raise WebserviceException(f"version should be an int, and is {shorten(version)}.")
    if not isinstance(name, str) or not name:
        raise WebserviceException(f"model_name is a text, and is {shorten(name)}.")
    if tracker is None:
        return find_copy(name, version)
    if version is not None and (models_folder() / name / str(version)).is_dir():
        return find_copy(name, version)
    return fetch_copy(tracker, find_model(tracker, name=name, version=version))


def fetch_copy(tracker: Layer, model: ModelRecord) -> str:
    """Write a version to its folder below ``azureml-models``, and return its path.

    A new folder appears when all files are in it; a copy that is there is replaced.
    """
    # The name comes from the tracker.
    parent = local_path_for(f"{model.name}/{_STAGING}", models_folder()).parent
    folder = parent / str(model.version)
    with _staging(parent) as staging:
        path = Path(download(tracker, model, staging, overwrite=False))
        with contextlib.suppress(OSError):  # it is there already
            staging.rename(folder)
            return str(folder / path.relative_to(staging))
        for file in [file for file in staging.rglob("*") if file.is_file()]:
            target = folder / file.relative_to(staging)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, target)
        return str(folder / path.relative_to(staging))


def find_copy(name: str, version: int | None) -> str:
    """The path of a model that is here: below ``azureml-models``, or by its name.

    Raises:
        LocalCopyNotFound: it is not here.
        WebserviceException: its folder has something else beside it.
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
                f"The folder {str(folder)!r} of a model has exactly one file or folder in it, and "
                f"has {sorted(entries)}."
            )
        files = [str(file) for file in (folder / entries[0]).rglob("*") if file.is_file()]
        return os.path.commonpath(files) if files else str(folder / entries[0])
    if os.path.exists(name):
        return name
    raise LocalCopyNotFound(
        f"Model {name} not found in cache at {str(models_folder())!r} or in current working "
        f"directory {os.getcwd()!r}. Outside of a submitted run, say where it is registered: "
        f"Model.get_model_path({name!r}, _workspace=workspace)."
    )


@contextlib.contextmanager
def _staging(beside: Path) -> Iterator[Path]:
    """A new folder on the same disk, which is removed unless it was moved."""
    folder = beside / f"{_STAGING}-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
