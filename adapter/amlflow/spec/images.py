"""The images of a compute target that runs scripts in containers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePython:
    """The Python of an image.

    ``program`` is its absolute path, ``version`` such as ``3.11.7``, ``machine`` such as
    ``x86_64``, and ``libc`` such as ``glibc 2.36`` or ``musl``. ``base`` is the program that a
    virtual environment is made of, ``folders`` are where its packages are, and ``packages`` maps
    their names, as they are written in requirements, to their versions. ``search_path`` is the
    image's ``PATH``.
    """

    program: str
    version: str
    machine: str
    libc: str
    base: str
    folders: Sequence[str] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    search_path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeImage:
    """An image that was made under a name of amlflow's.

    ``size`` is what only this image occupies, in bytes.
    """

    name: str
    size: int
    created: datetime


class Images(Protocol):
    """The images of a compute target, in which amlflow keeps environments as images of its own.

    A compute target has it as the attribute ``images``. With None, which is the default, an
    environment's packages cannot be added to an image there. Each method raises
    :class:`ComputeTargetException` with one sentence if the engine does not answer or refuses.
    ``name`` is what amlflow calls an image: 1 to 64 letters and digits.
    """

    adds_amlflow: bool
    """Whether amlflow is to be there for scripts in an image that lacks it."""
    default_image: str | None
    """The image of scripts whose environment names none."""
    program: str
    """The Python of an image where the environment names none, such as ``python3``."""

    @abstractmethod
    def check(self) -> None:
        """Raise :class:`ComputeTargetException` if the engine does not answer."""

    @abstractmethod
    def get(self, image: str) -> str:
        """The id of an image, which is fetched if it is not there. The content decides the id."""

    def get_local(self, image: str) -> str | None:
        """The id of an image, or None if it is not there. Without this method, it is fetched."""
        return self.get(image)

    @abstractmethod
    def find(self, name: str) -> tuple[str, Mapping[str, str]] | None:
        """The id and the labels of an image that was made under this name, or None."""

    @abstractmethod
    def look(self, image: str, program: str) -> ImagePython | None:
        """The Python of an image that ``program`` starts, or None if the image does not have it."""

    @abstractmethod
    def add(
        self,
        image: str,
        name: str,
        folder: Path,
        variables: Mapping[str, str],
        labels: Mapping[str, str],
    ) -> str:
        """Make an image of another one and the files below ``folder``; its id.

        The files are put below the root folder and are everybody's to read. ``variables`` and
        ``labels`` are added to the image's own. If it fails, no image has the name.
        """

    @abstractmethod
    def build(
        self,
        folder: Path,
        dockerfile: str,
        name: str,
        labels: Mapping[str, str],
        log: TextIO,
        cancelled: Callable[[], bool],
    ) -> str:
        """Build a Dockerfile, a path below its context ``folder``; the id of the image.

        ``log`` gets what the engine tells of it. ``cancelled`` is asked several times a second; the
        build ends once it is True, and the method raises :class:`ComputeTargetException`.
        """

    def list_made(self) -> Sequence[MadeImage]:
        """The images that were made, in any order. Without this method, none is listed."""
        return ()

    def remove(self, name: str) -> bool:
        """Remove the image that was made under a name; whether that was done.

        One that a container uses is not removed.
        """
        return False
