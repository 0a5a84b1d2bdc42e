"""Finds a job's folder on this machine.

Anyone who may edit a run can write its note of the job, so no path is built from the note. A folder
is the job's only if all of this holds:

* the jobs' folder belongs to this user, is not a link, and no other user may write to it;
* the folder's name is the one in the note, and has the form of a job's name;
* the folder's secret, which only this user may read, has the hash in the note;
* its ``job.json``, once written, is about this run of this tracker.

For all other runs only the heartbeats are known.
"""

from __future__ import annotations

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
MAX_SECRET = 1024
"""Bytes of a secret that are read."""


def fault_of(folder: Path) -> str | None:
    """Why a folder is not used for jobs. None if it is this user's, or does not exist."""
    try:
        status = os.lstat(folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"it cannot be looked at ({error.strerror})"
    if stat.S_ISLNK(status.st_mode):
        return "it is a link"
    if not stat.S_ISDIR(status.st_mode):
        return "it is not a folder"
    if not hasattr(os, "geteuid"):
        return "who may write to a folder is not known on this system"
    if status.st_uid != os.geteuid():
        return f"it belongs to another user (uid {status.st_uid})"
    if status.st_mode & OTHERS_WRITE:
        return f"others may write to it (mode {stat.S_IMODE(status.st_mode):o})"
    return None


REMEDY = (
    "It has to be a folder of your own that nobody else may write to: `chmod 700` it, or let "
    "AMLFLOW_JOBS name another one."
)


def own_jobs() -> list[JobFolder]:
    """The folders of all jobs of this user on this machine."""
    base = jobs_folder()
    folders = [JobFolder(name, base) for name in _names(base) if NAME.fullmatch(name)]
    return [folder for folder in folders if _is_own(folder)]


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
    """The folder of a run's job, if it is on this machine and proves to be this run's."""
    note = parse_job(record)
    if note is None or note.proof is None or note.host != this_host():
        return None
    base = jobs_folder()
    for name in _names(base):
        if name == note.name and NAME.fullmatch(name):
            folder = JobFolder(name, base)
            is_proven = (
                _is_own(folder)
                and proves(folder, note.proof)
                and is_about(folder, tracking_uri, record.id)
            )
            return folder if is_proven else None
    return None


def proves(folder: JobFolder, proof: str) -> bool:
    """Whether a folder's secret has a hash."""
    own_proof = proof_of(folder)
    return own_proof is not None and hmac.compare_digest(own_proof, proof)


def proof_of(folder: JobFolder) -> str | None:
    """The hash of a folder's secret, which the run's note bears; None where it has no secret."""
    secret = _read_secret(folder)
    return None if secret is None else hashlib.sha256(secret).hexdigest()


def _read_secret(folder: JobFolder) -> bytes | None:
    """A folder's secret; None where it is not one that only this user may read."""
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
    """Whether a folder's job is this run of this tracker. A job that is not written yet may be."""
    try:
        job = folder.read()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return run_id in job.run_ids and is_same_tracker(job.tracking_uri, tracking_uri)


def is_same_tracker(uri: str, other: str) -> bool:
    """Whether two URIs name one tracker, whatever the credentials.

    This machine has several names: ``localhost``, ``127.0.0.1`` and ``[::1]`` are one.
    """
    return _plain_uri(uri) == _plain_uri(other)


def _plain_uri(uri: str) -> str:
    plain = redacted(uri).rstrip("/")
    try:
        parts = urlsplit(plain)
        host, port = parts.hostname, parts.port
    except ValueError:  # nothing that a host or a port is read from
        return plain
    if host is None:
        return plain
    port = port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts._replace(netloc=f"{LOOPBACK if is_loopback(host) else host}:{port}").geturl()


def is_loopback(host: str) -> bool:
    """Whether a host is a name or an address of this machine for itself."""
    try:
        return host == LOOPBACK or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False
