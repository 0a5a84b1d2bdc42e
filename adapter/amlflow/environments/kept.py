"""The environments on this machine, in a folder of the user:

<environments>/<key>/                 a virtual environment
               <key>/amlflow.json     its note: what it was made of. It is written last
               .making-<key>-<name>/  an unfinished one. If its process was killed, it stays until
                                      the next build of the key, or the next prune
               .locks/<key>           locked while an environment is made or removed
               .rooms/<name>/         gives amlflow to scripts (room.py), for the folder's owner

An environment is complete when it has its note.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlflow.environments.errors import EnvironmentBuildCanceled, EnvironmentBuildException

FOLDER_SETTING = "AMLFLOW_ENVIRONMENTS"
NOTE = "amlflow.json"
STAGING = ".making-"
LOCKS = ".locks"
_LOCK_POLL_S = 0.05
_KEY = re.compile(r"[0-9a-f]{32}")
JUST_USED_S = 120
"""Seconds after its last use in which an environment counts as used: its script may start soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEnvironment:
    """A complete environment. ``last_used`` is in seconds since 1970."""

    key: str
    path: Path
    python: Path
    python_version: str
    requirements: list[str]
    packages: list[str]
    warnings: list[str]
    last_used: float

    @property
    def version(self) -> tuple[int, ...]:
        """The version of its Python as numbers."""
        return tuple(map(int, re.findall(r"\d+", self.python_version)))

    def disk_bytes(self) -> int:
        """How many bytes removing it would free. Files that it shares with others do not count."""
        return disk_bytes_of(self.path)


def disk_bytes_of(folder: Path) -> int:
    """How many bytes removing a folder would free. Files that have other links do not count."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            status = os.lstat(os.path.join(parent, name))
            total += status.st_blocks * 512 if status.st_nlink == 1 else 0
    return total


def environments_folder() -> Path:
    """The folder ``AMLFLOW_ENVIRONMENTS``, or one in the user's cache folder."""
    setting = os.environ.get(FOLDER_SETTING)
    if setting:
        return Path(setting).expanduser().absolute()
    return _cache() / "environments"


def rooms_folder() -> Path:
    """The folder of rooms. Scripts import from it, so another user's folder is not used for it."""
    folder = environments_folder()
    rooms = folder / ".rooms"
    for path in (rooms, folder):
        with contextlib.suppress(FileNotFoundError):
            owner = os.lstat(path).st_uid
            own = os.geteuid() if hasattr(os, "geteuid") else owner
            return rooms if owner == own else _cache() / "rooms"
    return rooms


def _cache() -> Path:
    import platformdirs  # few scripts need it

    return platformdirs.user_cache_path("amlflow")


def make_folder() -> Path:
    """Make the folder of environments if it does not exist, and return it.

    Whoever may write to the folder may also lock in it.

    Raises:
        EnvironmentBuildException: it cannot be made.
    """
    folder = environments_folder()
    locks = folder / LOCKS
    try:
        if not locks.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                locks.mkdir()
                # The sticky bit is left out: with it, Linux refuses to open another user's file
                # for locking.
                locks.chmod(folder.stat().st_mode & 0o777)
    except OSError as error:
        raise not_writable(folder, error) from error
    return folder


def not_writable(folder: Path, error: OSError) -> EnvironmentBuildException:
    """Return the exception for a folder of environments in which this user may not write."""
    return EnvironmentBuildException(
        f"Environments cannot be stored in {str(folder)!r}: {error.strerror or error}. Set "
        f"{FOLDER_SETTING} to another folder."
    )


def failure_of_files(folder: Path, error: OSError) -> EnvironmentBuildException:
    """Return the exception for a file that a build in a folder of environments cannot use."""
    name = error.filename2 or error.filename
    is_within = name is None or str(name).startswith(f"{folder}{os.sep}")
    if is_within and isinstance(error, PermissionError):
        return not_writable(folder, error)
    if is_within:
        return EnvironmentBuildException(
            f"The environment could not be written to {str(folder)!r}: {error.strerror or error}."
        )
    return EnvironmentBuildException(
        f"The environment could not be made, since {str(name)!r} cannot be used: {error.strerror}."
    )


def find(key: str, folder: Path) -> KeptEnvironment | None:
    """Return the environment with a key; None if there is none, or if it is not complete.

    Another user's environment is used only if that user is root or owns the folder.
    """
    path = folder / key
    try:
        owner = os.lstat(path).st_uid
        own = os.geteuid() if hasattr(os, "geteuid") else owner  # Windows has no user ids
        if owner not in {own, 0, os.stat(folder).st_uid}:
            raise EnvironmentBuildException(
                f"The environment {str(path)!r} is not used, since it belongs to another user (uid "
                f"{owner}). Set {FOLDER_SETTING} to your own folder."
            )
        content = json.loads((path / NOTE).read_text(encoding="utf-8"))
        return KeptEnvironment(
            key=key, path=path, python=path / content["python"],
            python_version=content["python_version"], requirements=content["requirements"],
            packages=content["packages"], warnings=content["warnings"],
            last_used=(path / NOTE).stat().st_mtime,
        )  # fmt: skip
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_note(path: Path, content: dict[str, Any]) -> None:
    """Write the note of an environment. This marks it as complete."""
    staging = path / f".{NOTE}"
    staging.write_text(json.dumps(content), encoding="utf-8")
    os.replace(staging, path / NOTE)


def note_use(environment: KeptEnvironment) -> bool:
    """Store the time of this use of an environment. Returns False if it has just been removed.

    If another user owns the environment, or its disk is read-only, the time stays as it is.
    """
    try:
        os.utime(environment.path / NOTE)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EACCES, errno.EROFS):
            raise
    return True


def list_environments() -> list[KeptEnvironment]:
    """All complete environments that this user may use, the last used first."""
    folder = environments_folder()
    try:
        names = [name for name in os.listdir(folder) if not name.startswith(".")]
    except FileNotFoundError:
        return []
    environments = []
    for name in names:
        with contextlib.suppress(EnvironmentBuildException):  # another user's, which is not used
            environment = find(name, folder)
            environments += [environment] if environment is not None else []
    return sorted(environments, key=lambda environment: -environment.last_used)


def remove(key: str, texts_of_jobs: Callable[[], Iterable[str]] = tuple) -> bool:
    """Remove an environment, unless a process or a job uses it. Returns whether it was removed.

    ``texts_of_jobs`` returns texts of jobs that have not ended. A job that a script submitted runs
    in the script's environment, and may wait until long after the script. A text that contains the
    key means that its job uses the environment.

    Raises:
        EnvironmentBuildException: this user may not remove it.
    """
    folder = environments_folder()
    with hold_lock(key, folder):
        environment = find(key, folder)
        # The jobs are read last: a process that ends meanwhile has submitted them before.
        if (
            environment is None
            or is_used(environment)
            or any(key in text for text in texts_of_jobs())
        ):
            return False
        hidden = folder / f"{STAGING}{key}-{uuid.uuid4().hex}"
        try:
            os.rename(environment.path, hidden)  # from now on, no process finds it
        except PermissionError as error:
            raise EnvironmentBuildException(
                f"The environment {str(environment.path)!r} cannot be removed: {error.strerror}."
            ) from error
        if (hidden / NOTE).stat().st_mtime != environment.last_used:
            os.rename(hidden, environment.path)  # a process found it just before the rename
            return False
        shutil.rmtree(hidden, ignore_errors=True)
    return True


def is_used(environment: KeptEnvironment) -> bool:
    """Whether a process runs in an environment, or is about to."""
    import psutil  # only needed to remove environments

    if time.time() - environment.last_used < JUST_USED_S:
        return True
    begin = f"{environment.path}{os.sep}"
    for process in psutil.process_iter(["cmdline", "environ"]):
        words = process.info["cmdline"] or []
        variables = process.info["environ"] or {}
        if any(word.startswith(begin) for word in words[:2]):
            return True
        prefixes = [variables.get(name, "") for name in ("VIRTUAL_ENV", "CONDA_PREFIX")]
        if any(prefix.startswith(str(environment.path)) for prefix in prefixes):
            return True
    return False


def remove_unused(
    older_than_s: float, texts_of_jobs: Callable[[], Iterable[str]] = tuple
) -> list[str]:
    """Remove environments that were not used for this time, and leftovers of killed processes.

    ``texts_of_jobs`` is that of :func:`remove`. What this user may not remove is left out. Returns
    the keys of the removed environments.
    """
    limit = time.time() - older_than_s
    removed = []
    for environment in list_environments():
        with contextlib.suppress(EnvironmentBuildException):
            if environment.last_used <= limit and remove(environment.key, texts_of_jobs):
                removed.append(environment.key)
    folder = environments_folder()
    for path in (*folder.glob(f"{STAGING}*"), *_find_unfinished(folder)):
        key = path.name.removeprefix(STAGING).partition("-")[0]
        # An environment that is being made is left out: pruning does not wait for a build.
        with (
            contextlib.suppress(EnvironmentBuildCanceled, EnvironmentBuildException),
            hold_lock(key, folder, lambda: True),
        ):
            if path.name.startswith(STAGING) or not (path / NOTE).exists():
                shutil.rmtree(path, ignore_errors=True)
    return removed


def _find_unfinished(folder: Path) -> list[Path]:
    """Find environments without a note. conda makes them in their place, and may be killed."""
    paths = [path for path in folder.glob("*") if _KEY.fullmatch(path.name)]
    return [path for path in paths if path.is_dir() and not (path / NOTE).exists()]


def remove_leftovers(key: str, folder: Path) -> None:
    """Remove the unfinished folders of an environment. The caller has locked its key."""
    for leftover in folder.glob(f"{STAGING}{key}-*"):
        shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def hold_lock(
    key: str, folder: Path, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Lock a key among all processes of this machine. If a process dies, its lock is released.

    Raises:
        EnvironmentBuildCanceled: ``cancelled`` returned True while another process held the lock.
        EnvironmentBuildException: this user may not lock in the folder.
    """
    from filelock import FileLock, Timeout  # only needed to make or remove environments

    lock = FileLock(folder / LOCKS / key, mode=0o666)
    while True:
        try:
            # Who would not wait at all, such as a prune, tries once.
            lock.acquire(timeout=0 if cancelled() else 0.5, poll_interval=_LOCK_POLL_S)
            break
        except Timeout:
            if cancelled():
                raise EnvironmentBuildCanceled(
                    "The build of the environment was canceled."
                ) from None
        except OSError as error:
            raise not_writable(folder, error) from error
    try:
        yield
    finally:
        lock.release()
