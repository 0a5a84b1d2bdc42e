"""Adds amlflow to an image that lacks it: a layer of its own, made once for each image and version.

The layer is made in a container and committed, not by a Dockerfile, so that an index's address with
a password, or a proxy's, stays out of the image: docker keeps a build's arguments in its history.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import docker.errors

logger = logging.getLogger("amlflow")

NAME = "amlflow-added"
"""Of the images that are made; the tag tells from what."""
MADE_FROM = "amlflow.made-from"
"""The label with the image that amlflow was added to."""
PLACE = "/tmp"  # noqa: S108  (in a container of our own)
PASSED_ON = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip
"""What of this process's environment pip sees in the container."""

_LOOK = """
import importlib.util, json, sys
from importlib.metadata import distributions
names = {(each.metadata["Name"] or "").lower().replace("_", "-") for each in distributions()}
print(json.dumps({"amlflow": "amlflow" in names,
                  "pip": importlib.util.find_spec("pip") is not None,
                  "absent": [name for name in sys.argv[1:] if name not in names]}))
"""


_NOT_ADDED = (
    "amlflow could not be added to the image %r: %s. A script that imports it fails there: install "
    "it in the image, or set 'amlflow: false' on the compute target if no script does."
)


def find(client: Any, base: Any, python: str) -> str | None:
    """The image made of ``base`` that holds amlflow, if there is one; it may be ``base`` itself."""
    name = _name(base, python)
    try:
        client.images.get(name)
    except docker.errors.ImageNotFound:
        return None
    return name


def add(client: Any, base: Any, image: str, python: str, network: str | None) -> None:
    """Make the image that holds amlflow, so that :func:`find` finds it.

    ``image`` is the name by which the user knows ``base``.

    Where it cannot be made, the log says so: a script that does not import amlflow can do without.
    """
    name = _name(base, python)
    requirements = _requirements()
    contents = _inspect(client, base, [python, "-c", _LOOK, *requirements])
    if contents is None or contents["amlflow"] or not contents["pip"]:
        # Without a Python, nothing there can import amlflow. Either way this is settled.
        base.tag(*name.split(":"))
        if contents is not None and not contents["amlflow"]:
            logger.warning(_NOT_ADDED, image, f"its {python} has no pip")
        return
    logger.warning(
        "Adding amlflow to the image %r, which lacks it; that is done once for each image and "
        "version of amlflow, and takes as long as pip does.", image,
    )  # fmt: skip
    pins = [_pin(package, requirements[package]) for package in contents["absent"]]
    container = client.containers.create(
        base.id,
        [python, "-c", "import time; time.sleep(86400)"],
        entrypoint=[],
        user="0",
        labels={MADE_FROM: image},
        **({} if network is None else {"network_mode": network}),
    )
    try:
        container.start()
        wheel = _wheel()
        container.put_archive(PLACE, _archive(*wheel))
        code, output = container.exec_run(
            [python, "-m", "pip", "install", "--no-cache-dir", "--no-input", "--quiet",
             "--root-user-action=ignore", *pins, f"{PLACE}/{wheel[0]}"],
            environment={
                # The container is ours, so its distribution's own packages are not at risk.
                "PIP_BREAK_SYSTEM_PACKAGES": "1",
                **{key: os.environ[key] for key in PASSED_ON if key in os.environ},
            },
        )  # fmt: skip
        if code != 0:
            lines = output.decode("utf-8", "replace").strip().splitlines()
            logger.warning(_NOT_ADDED, image, _without_secrets(lines[-1].rstrip(".")))
            return
        container.exec_run(["rm", f"{PLACE}/{wheel[0]}"])
        container.commit(*name.split(":"))
    finally:
        container.remove(force=True)


def _name(base: Any, python: str) -> str:
    made_of = "\n".join([base.id, python, _state(distribution("amlflow"))])
    return f"{NAME}:{hashlib.sha256(made_of.encode()).hexdigest()[:24]}"


def _inspect(client: Any, base: Any, command: list[str]) -> dict[str, Any] | None:
    """What an image's Python has, or None without a Python that could say."""
    shell = ["sh", "-c", 'command -v "$0" >/dev/null || exit 127; exec "$0" "$@"', *command]
    try:
        output = client.containers.run(
            base.id, shell, entrypoint=[], network_disabled=True, remove=True, stderr=False
        )
    except docker.errors.ContainerError as error:
        if error.exit_status != 127:
            raise
        return None
    contents: dict[str, Any] = json.loads(output)
    return contents


def _without_secrets(text: str) -> str:
    return re.sub(r"://[^/@\s]+@", "://", text)


def _requirements() -> dict[str, str]:
    """What amlflow itself requires: name → requirement."""
    requirements = {}
    for specification in distribution("amlflow").requires or ():
        requirement, _, marker = specification.partition(";")
        # The default tracker is what most scripts there log to, if it is installed here.
        is_tracker = re.fullmatch(r"\s*extra\s*==\s*['\"]mlflow['\"]\s*", marker) is not None
        if "extra" not in marker or (is_tracker and _is_installed(requirement)):
            name = re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0]
            requirements[name.lower().replace("_", "-")] = requirement.strip()
    return requirements


def _is_installed(requirement: str) -> bool:
    try:
        version(re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0])
    except PackageNotFoundError:
        return False
    return True


def _pin(name: str, requirement: str) -> str:
    """The version that is here: a database's layout, say, is that of one version."""
    try:
        return f"{name}=={version(name)}"
    except PackageNotFoundError:
        return requirement


# --- amlflow itself, as it is installed here ------------------------------------------------------


def _source(installed: Distribution) -> Path | None:
    """The folder that an editable installation is read from."""
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    if not origin.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlsplit(origin["url"]).path))


def _state(installed: Distribution) -> str:
    """Changes whenever the installed files do."""
    source = _source(installed)
    if source is None:
        return installed.read_text("RECORD") or installed.version
    files = sorted(
        file for part in ("adapter", "plugins") for file in (source / part).rglob("*.py")
    )
    return "\n".join(f"{path} {path.stat().st_mtime_ns}" for path in files)


def _wheel() -> tuple[str, bytes]:
    """This very amlflow as a wheel: its name and content."""
    installed = distribution("amlflow")
    source = _source(installed)
    if source is None:
        return f"amlflow-{installed.version}-py3-none-any.whl", _packed(installed)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        subprocess.run(command, cwd=source, check=True, capture_output=True)
        [wheel] = Path(folder).glob("*.whl")
        return wheel.name, wheel.read_bytes()


def _packed(installed: Distribution) -> bytes:
    """The files of an installed distribution, put back into the wheel that they came from."""
    left_out = ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD")
    content = io.BytesIO()
    record = []
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in installed.files or ():
            name = file.as_posix()
            if name.startswith("..") or "__pycache__" in name or file.name in left_out:
                continue
            wheel.writestr(name, file.read_binary())
            record.append(f"{name},,\n")
        record_path = f"amlflow-{installed.version}.dist-info/RECORD"
        wheel.writestr(record_path, "".join([*record, f"{record_path},,\n"]))
    return content.getvalue()


def _archive(name: str, content: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return archive.getvalue()
