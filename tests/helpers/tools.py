"""Finds programs that some tests need beside Python: see :func:`need`."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from typing import NoReturn

import pytest

MISSING = "not on this machine: "
"""The beginning of the reason of a skip because of a missing program."""

DOCKER, BROWSER = "docker.io docker-compose debootstrap", "chromium chromium-driver"
SLURM = "slurmctld slurmd slurm-client munge"
ACCOUNTS = "slurmdbd mariadb-server-core mariadb-client-core"
PACKAGES = {
    "chromedriver": BROWSER, "chromium": BROWSER,
    "debootstrap": DOCKER, "docker": DOCKER, "docker-compose": DOCKER, "dockerd": DOCKER,
    "mpiexec": "mpich", "git": "git", "initdb": "postgresql", "postgres": "postgresql",
    "node": "nodejs npm", "nsenter": "util-linux", "setpriv": "util-linux",
    "unshare": "util-linux",
    "munged": SLURM, "sbatch": SLURM, "scancel": SLURM, "scontrol": SLURM, "sinfo": SLURM,
    "slurmctld": SLURM, "slurmd": SLURM, "squeue": SLURM,
    "mariadb-install-db": ACCOUNTS, "mariadbd": ACCOUNTS, "sacctmgr": SLURM, "slurmdbd": ACCOUNTS,
}  # fmt: skip
"""The Debian packages that have each program, and what else it needs."""

ALSO = {"postgres": "/usr/lib/postgresql/*/bin", "initdb": "/usr/lib/postgresql/*/bin"}
"""The folders in which Debian puts programs that are not on the PATH."""


def find(name: str) -> str | None:
    """Return the path of a program, or None.

    A program such as uv may be in the environment of this Python, which need not be on the PATH.
    """
    own = os.path.dirname(sys.executable)
    folders = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:{own}"
    found = shutil.which(name, path=folders)
    if found is None and name in ALSO:
        versions = sorted(glob.glob(f"{ALSO[name]}/{name}"), reverse=True)
        found = next(iter(versions), None)
    return found


def need(name: str) -> str:
    """Return the path of a program. If it is missing, skip the test; in CI, fail.

    The reason names the program and says how to install it.
    """
    found = find(name)
    if found is None:
        lack(f"{name} (apt-get install {PACKAGES[name]})")
    return found


def need_mounts() -> None:
    """Skip the test unless this process may mount. In some containers, even root may not."""
    probe = [need("unshare"), "--mount", "true"]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        lack("the right to mount (run pytest as root, in a container with --privileged)")


def lack(reason: str) -> NoReturn:
    """End the test because something is missing: skip it, or fail in CI."""
    if "CI" in os.environ:
        pytest.fail(MISSING + reason, pytrace=False)
    pytest.skip(MISSING + reason)


def missing(reasons: Iterable[str]) -> dict[str, int]:
    """Return what was missing and how to install it, each with the number of skipped tests."""
    counts: dict[str, int] = {}
    for reason in reasons:
        _, is_missing, what = reason.partition(MISSING)
        if is_missing:
            counts[what] = counts.get(what, 0) + 1
    return counts
