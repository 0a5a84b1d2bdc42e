"""The images of environments on a container engine: list, last use, remove.

<environments>/.images/<key>   this file's time is when this machine last used the image
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from amlflow.environments import kept
from amlflow.spec import Images

_MARKS = ".images"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptImage:
    """An image of an environment. ``last_used`` is in seconds since 1970."""

    key: str
    disk_bytes: int
    last_used: float


def note_image_use(key: str) -> None:
    """Store the time of this use of an image, unless the disk is full or read-only."""
    mark = _mark_of(key)
    with contextlib.suppress(OSError):
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch(0o666)
        os.utime(mark)


def list_images(images: Images) -> list[KeptImage]:
    """The images of environments, the last used first.

    Raises:
        ComputeTargetException: the engine does not answer.
    """
    list_made = getattr(images, "list_made", tuple)  # a plugin may lack it
    kept_images = [
        KeptImage(
            key=image.name, disk_bytes=image.size,
            last_used=max(image.created.timestamp(), _time_of(_mark_of(image.name))),
        )
        for image in list_made()
    ]  # fmt: skip
    return sorted(kept_images, key=lambda image: -image.last_used)


def remove_image(images: Images, image: KeptImage) -> bool:
    """Remove an image, unless a script uses it or may start soon. Returns whether it was removed.

    Raises:
        ComputeTargetException: the engine does not answer, or returns an error.
    """
    mark = _mark_of(image.key)
    with kept.hold_lock(image.key, kept.make_folder()):
        last_used = max(image.last_used, _time_of(mark))
        if time.time() - last_used < kept.JUST_USED_S or not images.remove(image.key):
            return False
        mark.unlink(missing_ok=True)
    return True


def _mark_of(key: str) -> Path:
    return kept.environments_folder() / _MARKS / key


def _time_of(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
