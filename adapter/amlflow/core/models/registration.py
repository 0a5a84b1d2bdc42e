"""Checks the arguments of the calls that register a model."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlflow.core.arguments import shorten
from amlflow.core.models import notes
from amlflow.core.models.datasets import dataset_id
from amlflow.core.models.resource_configuration import ResourceConfiguration
from amlflow.core.store import WorkspaceBase
from amlflow.exceptions import WebserviceException
from amlflow.spec import ModelDraft
from amlflow.working_folder import absolute_path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")


class LocalModelNotFound(WebserviceException, FileNotFoundError):
    """A file or folder to register does not exist.

    It has two bases, since v1 raised one or the other, depending on its version.
    """


@dataclass(frozen=True, slots=True)
class ModelFields:
    """v1's arguments that describe a model, not checked yet."""

    tags: Mapping[str, Any] | None = None
    properties: Mapping[str, Any] | None = None
    description: str | None = None
    framework: str | None = None
    framework_version: str | None = None
    datasets: Sequence[tuple[str, Any]] | None = None
    sample_input: Any = None
    sample_output: Any = None
    resources: ResourceConfiguration | None = None

    def to_draft(
        self,
        workspace: WorkspaceBase,
        name: str,
        path: str,
        *,
        run_id: str | None = None,
        files: Mapping[str, Path] | None = None,
        more_notes: Mapping[str, str] | None = None,
    ) -> ModelDraft:
        """Check the arguments, and make the draft of a version.

        Raises:
            WebserviceException: an argument is not valid.
        """
        check_model_name(name)
        if self.framework is None and self.framework_version is not None:
            raise WebserviceException("model_framework_version needs a model_framework. Pass both.")
        return ModelDraft(
            name=name,
            path=path,
            run_id=run_id,
            files=files or {},
            description=None if self.description is None else str(self.description),
            tags=to_model_texts(self.tags, "Tags"),
            properties=to_model_properties(self.properties),
            system={**(more_notes or {}), **self._notes(workspace)},
        )

    def _notes(self, workspace: WorkspaceBase) -> dict[str, str]:
        get_id = functools.partial(dataset_id, workspace)
        samples = {
            notes.SAMPLE_INPUT: self.sample_input,
            notes.SAMPLE_OUTPUT: self.sample_output,
        }
        return {
            **notes.text_notes(framework=self.framework, framework_version=self.framework_version),
            **{key: get_id(sample) for key, sample in samples.items() if sample is not None},
            **notes.resource_notes(self.resources),
            **notes.dataset_notes(self.datasets, get_id),
        }


def check_model_name(name: Any) -> None:
    """Raise WebserviceException if a value is not a valid name for a model."""
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise WebserviceException(
            f"{shorten(name)} is not a valid name for a model: use 1-255 letters, digits, '-', '.' "
            "and '_', and start with a letter or a digit."
        )


def to_model_texts(values: Any, what: str) -> dict[str, str | None]:
    """Convert keys and values to texts. A value that is None stays None.

    Raises:
        WebserviceException: it is not a dict, or a key is empty.
    """
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise WebserviceException(f"{what} must be a dict, but are a {type(values).__name__}.")
    if not all(str(key) for key in values):
        raise WebserviceException(f"{what} have an empty key. Each key must be a text.")
    return {str(key): None if value is None else str(value) for key, value in values.items()}


def to_model_properties(values: Any) -> dict[str, str]:
    """Convert the keys and values of properties to texts. None becomes an empty text."""
    return {
        key: "" if value is None else value
        for key, value in to_model_texts(values, "Properties").items()
    }


def collect_files(model_path: Any, child_paths: Any = None) -> tuple[str, dict[str, Path]]:
    """Return the name of a local file or folder, and its files by their names in the model.

    The name of each file begins with the name of the file or folder, such as ``model/a.bin``.
    ``child_paths`` chooses files and folders of the folder. None means all.

    Raises:
        LocalModelNotFound: a path does not exist.
        WebserviceException: the folder has no files, or a child path is not below it.
    """
    if not isinstance(model_path, (str, os.PathLike)):
        raise WebserviceException(
            f"model_path must be a path, but is the {type(model_path).__name__} "
            f"{shorten(model_path)}."
        )
    root = absolute_path(model_path)
    if not root.exists():
        raise LocalModelNotFound(
            f"The model's path {os.fspath(model_path)!r} does not exist; the working folder is "
            f"{os.getcwd()!r}. run.register_model() registers a file of a run."
        )
    files = {}
    for path in [root] if child_paths is None else _children(root, child_paths):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_symlink() and not file.exists():
                raise LocalModelNotFound(
                    f"{str(file)!r} is a link to a file that does not exist. Remove the link."
                )
            if file.is_file():
                files[file.relative_to(root.parent).as_posix()] = file
    if not files:
        raise WebserviceException(f"The folder {os.fspath(model_path)!r} has no files to register.")
    return root.name, files


def _children(root: Path, child_paths: Any) -> list[Path]:
    children = []
    for name in [child_paths] if isinstance(child_paths, str) else child_paths:
        child = absolute_path(root / name)
        if not child.is_relative_to(root):
            raise WebserviceException(f"The child path {name!r} is not below {str(root)!r}.")
        if not child.exists():
            raise LocalModelNotFound(f"The child path {name!r} does not exist in {str(root)!r}.")
        children.append(child)
    return children
