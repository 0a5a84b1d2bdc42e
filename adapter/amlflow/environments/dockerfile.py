"""Builds the image of a Dockerfile: only once for the same content, under a lock."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from amlflow.environments import kept
from amlflow.environments.errors import EnvironmentBuildCanceled, EnvironmentBuildException
from amlflow.environments.kept_images import note_image_use
from amlflow.environments.keys import LENGTH
from amlflow.exceptions import ComputeTargetException
from amlflow.spec import Images

MADE_OF = "amlflow.made-of"
"""The label with the key of what the image was made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """The source of an image: a Dockerfile's text, or a folder and a Dockerfile's path in it."""

    text: str | None = None
    folder: str | None = None
    path: str = "Dockerfile"

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON."""
        return dataclasses.asdict(self)

    def read(self) -> str:
        """Read the Dockerfile's text. Raises OSError or UnicodeError if the file cannot be read."""
        if self.folder is None:
            return self.text or ""
        return Path(self.folder, self.path).read_text(encoding="utf-8")

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Dockerfile:
        """Convert from JSON, the inverse of :meth:`to_json`. Raises TypeError for other JSON."""
        return Dockerfile(**content)


def ensure_built(
    dockerfile: Dockerfile,
    images: Images,
    scratch: Path,
    log: TextIO,
    cancelled: Callable[[], bool],
) -> str:
    """Return the id of the image of a Dockerfile. Build it if no image has the same content.

    Args:
        dockerfile: What to build. A text is built in an empty folder, as in v1.
        images: The images of the compute target.
        scratch: A folder in which a Dockerfile that is a text can be written.
        log: The engine's output is written to it.
        cancelled: Called several times a second. If it returns True, the build ends.

    Raises:
        EnvironmentBuildException: the image cannot be built. The message says why.
        EnvironmentBuildCanceled: ``cancelled`` returned True.
    """
    try:
        key = _key_of(dockerfile)
        note_image_use(key)
        built = images.find(key)
        if built is not None:
            return built[0]
        with kept.hold_lock(key, kept.make_folder(), cancelled):
            built = images.find(key)
            if built is not None:
                return built[0]
            log.write(f"Building the image {key} from a Dockerfile.\n")
            return _build(dockerfile, images, scratch, key, log, cancelled)
    except (OSError, UnicodeError) as error:
        raise EnvironmentBuildException(
            f"The Dockerfile or a file in its folder cannot be read: {error}."
        ) from error


def find_built(dockerfile: Dockerfile, images: Images) -> str | None:
    """Return the id of the image that was built from a Dockerfile, or None.

    Raises:
        OSError: a file cannot be read.
        ComputeTargetException: the container engine does not answer.
    """
    built = images.find(_key_of(dockerfile))
    return None if built is None else built[0]


def _build(
    dockerfile: Dockerfile,
    images: Images,
    scratch: Path,
    key: str,
    log: TextIO,
    cancelled: Callable[[], bool],
) -> str:
    if dockerfile.folder is not None:
        folder, made_of = Path(dockerfile.folder), str(Path(dockerfile.folder, dockerfile.path))
    else:
        folder, made_of = scratch / f"build-{uuid.uuid4().hex}", dockerfile.path
    labels = {MADE_OF: made_of}
    try:
        if dockerfile.text is not None:
            folder.mkdir()
            (folder / dockerfile.path).write_text(dockerfile.text, encoding="utf-8")
        return images.build(folder, dockerfile.path, key, labels, log, cancelled)
    except ComputeTargetException as failure:
        if cancelled():
            raise EnvironmentBuildCanceled("The build of the image was canceled.") from failure
        raise EnvironmentBuildException(failure.message) from failure
    finally:
        if dockerfile.text is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _key_of(dockerfile: Dockerfile) -> str:
    """Make the key of the content of all files. Raises OSError if one cannot be read."""
    digest = hashlib.sha256(f"{dockerfile.path}\n".encode())
    if dockerfile.folder is None:
        digest.update((dockerfile.text or "").encode())
    else:
        for path in _files(Path(dockerfile.folder)):
            status = path.lstat()
            name = path.relative_to(dockerfile.folder)
            digest.update(f"{name}\0{status.st_mode:o}\0{status.st_size}\0".encode())
            if path.is_symlink():
                digest.update(os.fsencode(os.readlink(path)))
            else:
                with path.open("rb") as file:
                    while part := file.read(1 << 20):
                        digest.update(part)
    return digest.hexdigest()[:LENGTH]


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{str(folder)!r} is not a folder")
    for parent, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        folders.sort()
        for name in sorted([*names, *links]):
            path = Path(parent, name)
            if path.is_symlink() or path.is_file():
                yield path
