"""The Dockerfile of an environment: v1's ``base_dockerfile`` and ``build_context``."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from amlflow.core.scripts.settings_file import LEFT_OUT, Section, Type
from amlflow.core.scripts.unknown_settings import Settings
from amlflow.exceptions import UserErrorException
from amlflow.user_files import read_text

if TYPE_CHECKING:
    from amlflow.environments.dockerfile import Dockerfile


class LocationType(enum.Enum):
    """The places from which v1 gets a build context."""

    Git = "Git"
    StorageAccount = "StorageAccount"


@dataclass
class DockerBuildContext(Settings):
    """A folder with a Dockerfile and the files that it copies.

    Source: ``azureml.core.environment.DockerBuildContext`` 1.61; names are v1's. ``location`` is
    always a folder of this machine. ``location_type`` is not used.
    """

    LocationType = LocationType

    location_type: Any = None
    location: str | None = None
    dockerfile_path: str = "Dockerfile"

    @staticmethod
    def from_local_directory(
        workspace: Any, path: str | os.PathLike[str], dockerfile_path: str = "Dockerfile"
    ) -> DockerBuildContext:
        """Return the build context in a folder.

        The folder is read when the image is built. Nothing is uploaded.

        Raises:
            UserErrorException: the folder or the Dockerfile in it does not exist.
        """
        folder = os.path.abspath(path)
        _check_context(folder, dockerfile_path)
        return DockerBuildContext(location=folder, dockerfile_path=dockerfile_path)


class _Docker(Protocol):
    base_dockerfile: str | None
    build_context: DockerBuildContext | None


def dockerfile_of(docker: _Docker) -> Dockerfile | None:
    """Return the Dockerfile from which an environment's image is built; None if none is built.

    Raises:
        UserErrorException: the Dockerfile or the folder does not exist.
    """
    context = docker.build_context
    if context is None and not docker.base_dockerfile:
        return None
    from amlflow.environments.dockerfile import Dockerfile  # few scripts build an image

    if context is None:
        return Dockerfile(text=read_dockerfile(docker.base_dockerfile))
    if not context.location or "://" in context.location or context.location.startswith("git@"):
        raise UserErrorException(
            f"The build context {context.location!r} is not a folder of this machine; get it, and "
            "use DockerBuildContext.from_local_directory(workspace, 'folder')."
        )
    folder = os.path.abspath(context.location)
    _check_context(folder, context.dockerfile_path)
    return Dockerfile(folder=folder, path=context.dockerfile_path)


def read_dockerfile(dockerfile: str | None) -> str | None:
    """Return the text of a Dockerfile. The argument is the text itself or a path, as in v1.

    Raises:
        UserErrorException: the argument is neither a Dockerfile's text nor a readable file.
    """
    if not dockerfile:
        return None
    if is_text(dockerfile):
        return dockerfile
    try:
        return read_text(Path(dockerfile))
    except UserErrorException as error:
        reason = error.message.rstrip(".")
    except ValueError as error:  # it has a NUL
        reason = str(error)
    raise UserErrorException(
        f"base_dockerfile={dockerfile[:200]!r} is neither the text of a Dockerfile, which has a "
        f"line that begins with FROM, nor a file that can be read ({reason})."
    )


def is_text(dockerfile: str) -> bool:
    """Whether the argument is the text of a Dockerfile, and not a path."""
    lines = [line.split() for line in dockerfile.splitlines()]
    return any(words and words[0].upper() == "FROM" for words in lines)


def _check_context(folder: str, dockerfile_path: str) -> None:
    if not os.path.isdir(folder):
        raise UserErrorException(f"The build context {folder!r} is not a folder.")
    path = os.path.normpath(dockerfile_path)
    if os.path.isabs(path) or path.startswith("..") or not os.path.isfile(Path(folder, path)):
        raise UserErrorException(
            f"The build context {folder!r} has no file {dockerfile_path!r}; dockerfile_path is the "
            "path of the Dockerfile below that folder."
        )


def _write_text(dockerfile: str | None) -> Any:
    return read_dockerfile(dockerfile) or LEFT_OUT


def _read_context(section: Section, key: str) -> DockerBuildContext | None:
    part = section.section(key)
    if not part.content:
        return None
    path = part.text("dockerfilePath") or "Dockerfile"
    return DockerBuildContext(part.text("locationType"), part.text("location"), path)


def _write_context(context: DockerBuildContext | None) -> Any:
    if context is None:
        return LEFT_OUT
    kind = context.location_type
    return {
        "locationType": kind.value if isinstance(kind, LocationType) else kind,
        "location": context.location,
        "dockerfilePath": context.dockerfile_path,
    }


DOCKERFILE = Type(Section.text, _write_text, _write_text)
CONTEXT = Type(_read_context, _write_context, _write_context)
