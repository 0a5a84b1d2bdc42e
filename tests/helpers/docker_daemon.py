"""A Docker daemon for tests only, with an image that does not come from a registry."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from helpers import servers
from helpers.tools import need, need_mounts

IMAGE = "amlflow-tests/python:1"
SUITE = os.environ.get("AMLFLOW_TESTS_DEBIAN", "bookworm")


def need_docker() -> None:
    """Skip the test if a program is missing that the daemon or its image needs."""
    for name in ("dockerd", "docker", "debootstrap"):
        need(name)
    need_mounts()


def start(folder: Path) -> Any:
    """Start a daemon with its data and an image in the folder. Returns its address and process."""
    need_docker()
    without_network = ["--bridge=none", "--iptables=false", "--ip6tables=false"]
    address, process = _start(folder, ["unshare", "--mount"], without_network)
    try:
        archive = folder / "root.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(debian_root(), arcname=".")
        _docker(address, "import", str(archive), IMAGE)
        archive.unlink()
    except BaseException:
        servers.end_group(process)
        raise
    return address, process


def start_networked(folder: Path) -> Any:
    """Start a daemon whose containers have networks. Returns its address and process.

    The daemon has a network namespace of its own. Ports that it publishes can be reached only in
    this namespace, and this machine's network is not changed.
    """
    up = (
        "import fcntl, os, socket, struct, sys;"
        "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh14x', b'lo', 0x41));"  # SIOCSIFFLAGS
        "os.execvp(sys.argv[1], sys.argv[1:])"
    )
    return _start(folder, ["unshare", "--mount", "--net", sys.executable, "-c", up], [])


def _start(folder: Path, wrapped: list[str], options: list[str]) -> Any:
    address = f"unix://{folder}/docker.sock"
    log = (folder / "dockerd.log").open("ab")
    process = subprocess.Popen(
        [
            # The daemon has its own mount namespace, so its mounts disappear with it.
            *wrapped, need("dockerd"), "--data-root", str(folder / "data"),
            "--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid"), "-H", address,
            *options,
        ],
        stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip

    def ready() -> bool:
        return _docker(address, "version", check=False) == 0

    servers.wait_for(ready, process, 120)
    return address, process


def _docker(address: str, *arguments: str, check: bool = True) -> int:
    return subprocess.run(
        [need("docker"), "-H", address, *arguments], check=check,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ).returncode  # fmt: skip


def debian_root() -> Path:
    """Return the folder with a Debian that has Python. It is made once on each machine."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "amlflow-tests"
    root = cache / f"debian-{SUITE}"
    if not root.exists():
        cache.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=cache))
        subprocess.run(
            [
                need("debootstrap"), "--variant=minbase",
                "--include=python3-minimal,libpython3-stdlib", SUITE, str(staging),
            ],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        for leftover in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
            shutil.rmtree(staging / leftover, ignore_errors=True)
        staging.chmod(0o755)
        try:
            os.rename(staging, root)
        except OSError:
            shutil.rmtree(staging)
            if not root.exists():
                raise  # else another process has just made it
    return root
