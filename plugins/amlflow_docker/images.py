"""The images of a Docker daemon, as :class:`amlflow.spec.Images` describes them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime, timezone
from http.client import CONFLICT
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import docker.errors
from amlflow.exceptions import ComputeTargetException
from amlflow.spec import ImagePython, MadeImage

from amlflow_docker.engine import FAILURES, cause_of, connect, to_exception
from amlflow_docker.settings import DockerSettings

REPOSITORY = "amlflow-environment"
"""The repository of the images that amlflow makes. An image's tag is its name in the contract."""
BUILDER = "amlflow-build"
"""How the names of the containers begin from which images are made.

The rest of such a name is the image's name, and digits that are different for each container.
"""
LEFT_S = 24 * 60 * 60.0
"""When a container from which an image is made is this old, a killed process has left it."""
COMMIT_TIMEOUT_S = 3600
"""How many seconds to wait for a commit. A layer may have many gigabytes."""
POLL_S = 0.1
GRACE_S = 5.0
_NO_PROGRAM = 127
_VERSION = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){2}")
_LOOK = r"""
import json, os, platform, site, sys
try:
    from importlib.metadata import distributions
    packages = {(each.metadata["Name"] or "").lower().replace("_", "-").replace(".", "-"):
                each.metadata["Version"] or "0" for each in distributions()}
except ImportError:
    packages = {}
try:
    libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
except (AttributeError, ValueError, OSError):
    libc = ""
if not libc and any(name.startswith("ld-musl") for name in os.listdir("/lib")):
    libc = "musl"
base = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
folders = [path for path in sys.path[1:] if path.endswith(("site-packages", "dist-packages"))]
print(json.dumps({"program": sys.executable, "version": "%d.%d.%d" % sys.version_info[:3],
                  "machine": platform.machine(), "libc": libc, "base": base,
                  "folders": folders, "packages": packages,
                  "search_path": os.environ.get("PATH", "")}))
"""


class DockerImages:
    """The images of the daemon that this process talks to."""

    def __init__(self, settings: DockerSettings) -> None:
        self.adds_amlflow = settings.amlflow
        self.default_image = settings.image
        self.program = settings.python

    def check(self) -> None:
        connect()

    def get(self, image: str) -> str:
        return str(get_image(connect(), image).id)

    def get_local(self, image: str) -> str | None:
        local = _find(image)
        return None if local is None else str(local.id)

    def find(self, name: str) -> tuple[str, Mapping[str, str]] | None:
        image = _find(f"{REPOSITORY}:{name}")
        return None if image is None else (image.id, image.labels)

    def look(self, image: str, program: str) -> ImagePython | None:
        shell = 'command -v "$0" >/dev/null || exit 127; exec "$0" "$@"'
        try:
            output = connect().containers.run(
                image, ["sh", "-c", shell, program, "-c", _LOOK],
                entrypoint=[], network_disabled=True, remove=True, stderr=False,
            )  # fmt: skip
            return to_python(output)
        except docker.errors.ContainerError as error:
            if error.exit_status == _NO_PROGRAM:
                return None
            raise ComputeTargetException(
                f"{program!r} of the image {image!r} is not a Python that starts there: it ended "
                f"with exit code {error.exit_status}."
            ) from error
        except (ValueError, RecursionError) as error:
            raise ComputeTargetException(
                f"{program!r} of the image {image!r} does not answer as a Python."
            ) from error
        except docker.errors.APIError as error:
            if "executable file not found" in str(error):  # an image without a shell
                return None
            raise _refusal("The image could not be looked into", error) from error
        except FAILURES as error:
            raise to_exception(error) from error

    def add(
        self,
        image: str,
        name: str,
        folder: Path,
        variables: Mapping[str, str],
        labels: Mapping[str, str],
    ) -> str:
        client = connect(COMMIT_TIMEOUT_S)
        # Another user of the daemon may make the same image at this moment.
        builder = f"{BUILDER}-{name}-{secrets.token_hex(8)}"
        try:
            _remove_left(client, f"{BUILDER}-{name}-")
            # The container is never started, so the image's start commands do not run.
            container = client.containers.create(
                image, ["true"], entrypoint=[], name=builder, environment=dict(variables),
                labels=dict(labels),
            )  # fmt: skip
            try:
                with _archive_of(folder) as archive:
                    container.put_archive("/", archive)
                return str(container.commit(REPOSITORY, name).id)
            finally:
                _remove(container)
        except FAILURES as error:
            raise _refusal("The layer could not be added to the image", error) from error

    def build(
        self,
        folder: Path,
        dockerfile: str,
        name: str,
        labels: Mapping[str, str],
        log: TextIO,
        cancelled: Callable[[], bool],
    ) -> str:
        client = connect()
        tag = f"{REPOSITORY}:{name}"
        request = {
            "folder": str(folder), "dockerfile": dockerfile, "tag": tag, "labels": dict(labels)
        }  # fmt: skip
        # Docker ends a build when the connection to its client closes. The build runs in a process
        # of its own, because the end of a process closes its connection.
        process = subprocess.Popen(
            [sys.executable, "-m", "amlflow_docker.build", json.dumps(request)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        reason = _follow(process, log, cancelled)
        if process.returncode:
            raise ComputeTargetException(f"The Dockerfile could not be built: {reason}.")
        try:
            return str(client.images.get(tag).id)
        except FAILURES as error:
            raise _refusal("The Dockerfile could not be built", error) from error

    def list_made(self) -> list[MadeImage]:
        try:
            usage = connect(COMMIT_TIMEOUT_S).df()
        except FAILURES as error:
            raise to_exception(error) from error
        return [
            MadeImage(
                name=tag.removeprefix(f"{REPOSITORY}:"),
                size=max(0, entry["Size"] - max(0, entry["SharedSize"])),
                created=datetime.fromtimestamp(entry["Created"], timezone.utc),
            )
            for entry in usage["Images"] or ()
            for tag in entry["RepoTags"] or ()
            if tag.startswith(f"{REPOSITORY}:")
        ]

    def remove(self, name: str) -> bool:
        try:
            connect().images.remove(f"{REPOSITORY}:{name}")
        except docker.errors.ImageNotFound:
            return False
        except docker.errors.APIError as error:
            if error.status_code == CONFLICT:  # a container uses it
                return False
            raise _refusal("The image could not be removed", error) from error
        except FAILURES as error:
            raise to_exception(error) from error
        return True


def to_python(answer: bytes) -> ImagePython:
    """Parse the answer of an image's Python that describes itself.

    An image may have any program under that name, so the answer is checked. Raises
    :class:`ValueError`.
    """
    values = json.loads(answer)
    if not isinstance(values, dict) or set(values) != {item.name for item in fields(ImagePython)}:
        raise ValueError("not a Python's description")
    folders, packages = values.pop("folders"), values.pop("packages")
    if not (
        all(isinstance(value, str) and value.isprintable() for value in values.values())
        and _VERSION.fullmatch(values["version"])
        and all(values[name].startswith("/") for name in ("program", "base"))
        and isinstance(folders, list)
        and all(isinstance(folder, str) for folder in folders)
        and isinstance(packages, dict)
        and all(isinstance(version, str) for version in packages.values())
    ):
        raise ValueError("not a Python's description")
    return ImagePython(**values, folders=tuple(folders), packages=packages)


def _find(image: str) -> Any | None:
    """Find an image; None if it does not exist. Raises ComputeTargetException."""
    try:
        return connect().images.get(image)
    except docker.errors.ImageNotFound:
        return None
    except FAILURES as error:
        raise to_exception(error) from error


def get_image(client: Any, image: str) -> Any:
    """Return an image. It is pulled if it is not on the host.

    Raises:
        ComputeTargetException: the image is not on the host and cannot be pulled.
    """
    try:
        return client.images.get(image)
    except docker.errors.ImageNotFound:
        pass
    except FAILURES as error:
        raise to_exception(error) from error
    try:
        client.images.pull(image)
        return client.images.get(image)
    except FAILURES as error:
        raise ComputeTargetException(
            f"The image {image!r} is not on this Docker host and cannot be pulled: "
            f"{cause_of(error)}. Build it or pull it there, or correct its name."
        ) from error


def _follow(process: subprocess.Popen[str], log: TextIO, cancelled: Callable[[], bool]) -> str:
    """Copy a build's output to the log, end the build on request, and return the last line."""
    last = "the build ended without a message"

    def copy() -> None:
        nonlocal last
        for line in process.stdout or ():
            log.write(line)
            log.flush()
            last = line.strip() or last

    reader = threading.Thread(target=copy, daemon=True)
    reader.start()
    try:
        while reader.is_alive():
            reader.join(POLL_S)
            if reader.is_alive() and cancelled():
                raise ComputeTargetException("The build of the image was canceled.")
    finally:
        if process.poll() is None and reader.is_alive():
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_S)
            process.kill()
        reader.join()
        process.wait()
    return last.removeprefix("amlflow: ").rstrip(".")[:500]


@contextlib.contextmanager
def _archive_of(folder: Path) -> Iterator[BinaryIO]:
    """Open the files of a folder as a tar archive, which is made while you read it."""
    read, write = os.pipe()

    def write_archive() -> None:
        with (
            contextlib.suppress(BrokenPipeError),  # the daemon has refused the archive
            os.fdopen(write, "wb") as pipe,
            tarfile.open(fileobj=pipe, mode="w|") as tar,
        ):
            tar.add(folder, arcname=".", filter=_as_everybodys)

    writer = threading.Thread(target=write_archive, daemon=True)
    writer.start()
    try:
        with os.fdopen(read, "rb") as archive:
            yield archive
    finally:
        writer.join()


def _as_everybodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode |= 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def _remove_left(client: Any, prefix: str) -> None:
    """Remove old containers whose names begin like this."""
    for row in client.api.containers(all=True, filters={"name": f"^/{prefix}"}):
        if time.time() - row["Created"] >= LEFT_S:
            with contextlib.suppress(docker.errors.APIError):  # another process removes it, too
                client.api.remove_container(row["Id"], force=True, v=True)


def _remove(container: Any) -> None:
    container.remove(force=True, v=True)


def _refusal(what: str, error: Exception) -> ComputeTargetException:
    return ComputeTargetException(f"{what}: {cause_of(error)}.")
