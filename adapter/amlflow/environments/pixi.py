"""Makes an environment with pixi, which has a command line and files of its own.

pixi takes pip's packages from a conda file too, but without hashes, paths and pip's options. So it
gets conda's packages only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

NAME = "pixi"
_MANIFEST, _LOCK = "pixi.toml", "pixi.lock"


def make_with_pixi(run: Callable[..., None], file: Path, path: Path) -> Path:
    """Make the environment of a conda environment file, and return its prefix.

    ``run`` runs pixi with arguments, and raises if it fails. ``path`` is a new folder.

    Raises:
        OSError: the folder cannot be written.
    """
    path.mkdir(mode=0o700)  # the manifest may contain passwords of channels
    run("init", "--import", str(file), str(path))
    (path / ".pixi").mkdir(exist_ok=True)
    # The user's own configuration may name another place for environments.
    (path / ".pixi" / "config.toml").write_text("detached-environments = false\n", encoding="utf-8")
    run("install", "--manifest-path", str(path / _MANIFEST))
    for name in (_MANIFEST, _LOCK):
        (path / name).unlink(missing_ok=True)
    path.chmod(path.parent.stat().st_mode & 0o755)
    return path / ".pixi" / "envs" / "default"
