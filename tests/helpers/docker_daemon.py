"""A Docker daemon of the tests' own, with an image that needs no registry."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers import servers
from helpers.tools import need, need_mounts

IMAGE = "amlflow-tests/python:1"
SUITE = os.environ.get("AMLFLOW_TESTS_DEBIAN", "bookworm")


def need_docker() -> None:
    """All that a daemon and its image need, before anything is started."""
    for name in ("dockerd", "docker", "debootstrap"):
        need(name)
    need_mounts()


def start(folder: Path) -> Any:
    """A daemon with its data in the folder, and the image in it: (its address, process)."""
    need_docker()
    without_network = ["--bridge=none", "--iptables=false", "--ip6tables=false"]
    address, process = _started(folder, ["unshare", "--mount"], without_network)
    root = debian_root()
    archive = folder / "root.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(root, arcname=".")
    _docker(address, "import", str(archive), IMAGE)
    archive.unlink()
    return address, process


def start_networked(folder: Path) -> Any:
    """A daemon whose containers have networks, in a network of its own: (its address, process).

    What it publishes is reached in the network of its process, and nothing of this machine's
    network is changed.
    """
    up = (
        "import fcntl, os, socket, struct, sys;"
        "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh14x', b'lo', 0x41));"  # SIOCSIFFLAGS
        "os.execvp(sys.argv[1], sys.argv[1:])"
    )
    return _started(folder, ["unshare", "--mount", "--net", sys.executable, "-c", up], [])


def _started(folder: Path, wrapped: list[str], options: list[str]) -> Any:
    address = f"unix://{folder}/docker.sock"
    log = (folder / "dockerd.log").open("ab")
    process = subprocess.Popen(
        [
            # Its mounts are its own, and gone with it.
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
    """A Debian with Python, made once a machine."""
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
        os.rename(staging, root)
    return root


PIP_IMAGE = "amlflow-tests/pip:1"
BY_NAME_ONLY = {
    "aiohttp", "cryptography", "docker", "fonttools", "graphene", "huey", "kiwisolver",
    "matplotlib", "narwhals", "numpy", "pandas", "pillow", "pyarrow", "scikit-learn", "scipy",
    "uvicorn",
}  # fmt: skip
"""Packages that a script which logs does without; pip is to find that they are there."""

IMPORTS = "import mlflow.store.tracking.rest_store, pip._internal.cli.main"
"""What scripts in the image import. The image keeps their bytecode, or each container makes it."""


def make_pip_image(address: str) -> str:
    """An image with pip and all that amlflow requires, so that nothing needs to be downloaded."""
    import docker  # here, as conftest.py imports this file for each test run

    client = docker.DockerClient(base_url=address)
    container = client.containers.create(IMAGE, ["python3", "-c", IMPORTS])
    place = "python{}.{}/dist-packages".format(*sys.version_info)
    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path, name in _required_files().items():
                tar.add(path, f"{place}/{name}", recursive=False)
        archive.seek(0)
        container.put_archive("/usr/local/lib", archive)
    container.start()
    status = container.wait()["StatusCode"]
    assert status == 0, container.logs().decode()
    container.commit(*PIP_IMAGE.split(":"))
    container.remove()
    return PIP_IMAGE


def _required_files() -> dict[str, str]:
    found: dict[str, str] = {}
    waiting = ["amlflow", "mlflow", "pip"]  # the default tracker is an extra
    seen = set(waiting)
    while waiting:
        project = waiting.pop()
        installed = distribution(project)
        if project != "amlflow":
            place = installed.locate_file("")
            for line in (installed.read_text("RECORD") or "").splitlines():
                name = line.partition(",")[0]
                if name.startswith(("..", "mlflow/server/js/")) or "__pycache__" in name:
                    continue
                if project in BY_NAME_ONLY and ".dist-info/" not in name:
                    continue
                found[f"{place}/{name}"] = name
        for each in map(Requirement, installed.requires or ()):
            name = canonicalize_name(each.name)
            if name not in seen and (each.marker is None or each.marker.evaluate({"extra": ""})):
                seen.add(name)
                waiting.append(name)
    return found
