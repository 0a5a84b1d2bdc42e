"""Finds a job's folder on this machine.

Anyone who may edit a run can write its note of the job, so no path is built from the note. A folder
is the job's only if all of this holds:

* the jobs' folder belongs to this user, is not a link, and no other user may write to it;
* the folder's name is the one in the note, and has the form of a job's name;
* the folder's secret, which only this user may read, has the hash in the note;
* its ``job.json``, once written, is about this run of this tracker.

If it does not hold, this machine knows only the run's heartbeats.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import ipaddress
import logging
import os
import re
import stat
from pathlib import Path
from urllib.parse import urlsplit

from amlflow.jobs.job import JobFolder, jobs_folder, this_host
from amlflow.spec import RunRecord, redacted
from amlflow.tracker_notes import parse_job

logger = logging.getLogger("amlflow")

NAME = re.compile(r"[0-9a-f]{32}")
"""The form of a job's name."""
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
LOOPBACK = "localhost"
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
"""The ports of URIs without one."""
MAX_SECRET = 1024
"""How many bytes of a secret are read."""


def fault_of(folder: Path) -> str | None:
    """Return why a folder is not used for jobs. None if this user owns it, or it does not exist."""
    try:
        status = os.lstat(folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    if stat.S_ISLNK(status.st_mode):
        return "it is a link"
    if not stat.S_ISDIR(status.st_mode):
        return "it is not a folder"
    if not hasattr(os, "geteuid"):
        return "this system does not say who may write to it"
    if status.st_uid != os.geteuid():
        return f"it belongs to another user (uid {status.st_uid})"
    if status.st_mode & OTHERS_WRITE:
        return f"others may write to it (mode {stat.S_IMODE(status.st_mode):o})"
    return None


REMEDY = (
    "You must own the folder, and nobody else may write to it: run `chmod 700` on it, or set "
    "AMLFLOW_JOBS to another folder."
)


def own_jobs() -> list[JobFolder]:
    """The folders of all jobs of this user on this machine."""
    base = jobs_folder()
    folders = [JobFolder(name, base) for name in _names(base) if NAME.fullmatch(name)]
    return [folder for folder in folders if _is_own(folder)]


def texts_of_jobs() -> list[str]:
    """The files ``job.json`` of this user's jobs that wait or run on this machine."""
    texts = []
    for folder in own_jobs():
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # it has just ended
            texts.append(folder.job.read_text(encoding="utf-8", errors="replace"))
    return texts


def _names(base: Path) -> list[str]:
    fault = fault_of(base)
    if fault is not None:
        _say_once(f"The jobs' folder {str(base)!r} is not used: {fault}. {REMEDY}")
        return []
    try:
        return sorted(os.listdir(base))
    except OSError:
        return []


def _is_own(folder: JobFolder) -> bool:
    return fault_of(folder.path) is None and folder.path.is_dir()


@functools.cache
def _say_once(message: str) -> None:
    logger.warning("%s", message)


def find_job(tracking_uri: str, record: RunRecord) -> JobFolder | None:
    """Return the folder of a run's job; None if it is not on this machine, or lacks the proof."""
    note = parse_job(record)
    if note is None or note.proof is None or note.host != this_host():
        return None
    base = jobs_folder()
    for name in _names(base):
        if name == note.name and NAME.fullmatch(name):
            folder = JobFolder(name, base)
            is_proven = (
                _is_own(folder)
                and has_proof(folder, note.proof)
                and is_about(folder, tracking_uri, record.id)
            )
            return folder if is_proven else None
    return None


def hash_of_base(base: Path) -> str | None:
    """Return a hash that only this very folder of jobs has; None if the folder does not exist.

    A run's note has it, so that a look can tell whether the job's folder would be here.
    """
    try:
        status = os.stat(base)
    except OSError:
        return None
    identity = (status.st_uid, status.st_dev, status.st_ino, os.path.realpath(base))
    return hashlib.sha256(repr(identity).encode()).hexdigest()


def has_proof(folder: JobFolder, proof: str) -> bool:
    """Whether a folder's secret has the hash ``proof``."""
    own_proof = proof_of(folder)
    return own_proof is not None and hmac.compare_digest(own_proof, proof)


def proof_of(folder: JobFolder) -> str | None:
    """Return the hash of a folder's secret, for the run's note; None without a secret."""
    secret = _read_secret(folder)
    return None if secret is None else hashlib.sha256(secret).hexdigest()


def _read_secret(folder: JobFolder) -> bytes | None:
    """Read a folder's secret; None if it does not exist, or if other users may read it."""
    try:
        handle = os.open(folder.secret, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            return None
        if stat.S_IMODE(status.st_mode) & 0o077:
            return None
        return os.read(handle, MAX_SECRET) or None
    finally:
        os.close(handle)


def is_about(folder: JobFolder, tracking_uri: str, run_id: str) -> bool:
    """Whether a folder's job is for this run of this tracker. True if no job is written yet."""
    try:
        job = folder.read()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return run_id in job.run_ids and is_same_tracker(job.tracking_uri, tracking_uri)


def is_same_tracker(uri: str, other: str) -> bool:
    """Whether two URIs name the same tracker. Credentials do not count.

    ``localhost``, ``127.0.0.1`` and ``[::1]`` are the same machine.
    """
    return _plain_uri(uri) == _plain_uri(other)


def hash_of_tracker(uri: str) -> str:
    """Return a hash that is the same for all URIs of one tracker (:func:`is_same_tracker`)."""
    return hashlib.sha256(_plain_uri(uri).encode()).hexdigest()


def _plain_uri(uri: str) -> str:
    plain = redacted(uri).rstrip("/")
    try:
        parts = urlsplit(plain)
        host, port = parts.hostname, parts.port
    except ValueError:  # the URI has no valid host or port
        return plain
    if host is None:
        return plain
    scheme = parts.scheme.partition("+")[0]  # without a database's driver
    port = port or _PORTS.get(scheme)
    netloc = f"{LOOPBACK if is_loopback(host) else host}:{port}"
    return parts._replace(scheme=scheme, netloc=netloc).geturl()


def is_loopback(host: str) -> bool:
    """Whether a host is this machine's name or address for itself, such as ``localhost``."""
    try:
        return host == LOOPBACK or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, and not an address
        return False
