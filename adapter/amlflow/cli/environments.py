"""Commands on environments: the registered ones, and those that were made on this machine."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from amlflow.cli.checks import parse_number
from amlflow.cli.errors import Missing
from amlflow.cli.scope import Where
from amlflow.core.environments.build_request import build_request_of, find_images
from amlflow.core.environments.curated import curated_definitions
from amlflow.core.environments.definition_files import DEFINITION, write_folder
from amlflow.core.environments.inlined import inline_requirements
from amlflow.core.environments.registry import (
    EnvironmentNotFound,
    RegisteredVersion,
    Registry,
)
from amlflow.core.scripts.environment import (
    CURATED_VERSION,
    Environment,
    definition_of,
    open_latest,
)
from amlflow.core.store import tracker_of
from amlflow.environments import kept
from amlflow.environments.kept_images import KeptImage, list_images, remove_image
from amlflow.environments.kept_rooms import (
    KeptRoom,
    find_unused_rooms,
    list_rooms,
    remove_unused_rooms,
)
from amlflow.exceptions import (
    AzureMLException,
    ComputeTargetException,
    UserErrorException,
    WrongUsage,
)
from amlflow.jobs.finding import texts_of_jobs
from amlflow.spec import Images, Tracker
from amlflow.times import to_iso
from amlflow.whole_files import write_text

logger = logging.getLogger("amlflow")

Local = kept.KeptEnvironment | KeptImage | KeptRoom
DAY_S = 86_400.0
RESOLVED = "requirements.txt"


def list_environments(*, curated: bool, **where: Any) -> list[dict[str, Any]]:
    """``environment list``: the registered ones, then others that were made on this machine."""
    tracker = tracker_of(Where(**where).workspace())
    registry = Registry(tracker)
    rows = []
    shown = set()
    local_images = _list_images()[1]
    for registered, environment in open_latest(registry):
        local = _find_local(environment, tracker, local_images)
        shown.add(local.key if local else None)
        rows.append({**_of_version(registered), **_show_local(local)})
    if curated:
        rows += [
            {"name": name, "version": CURATED_VERSION, "curated": True, **_show_local(None)}
            for name in sorted(curated_definitions())
        ]
    all_local: list[Local] = [*kept.list_environments(), *local_images, *list_rooms()]
    return rows + [
        {"name": None, "version": None, **_show_local(local)}
        for local in all_local
        if local.key not in shown
    ]


def show(*, environment_name: str, environment_version: str | None, **where: Any) -> dict[str, Any]:
    """``environment show``: the definition, and the environment or image made from it here."""
    workspace = Where(**where).workspace()
    environment = _get(workspace, environment_name, environment_version)
    tracker = tracker_of(workspace)
    local = _find_local(environment, tracker, _list_images()[1])
    versions = Registry(tracker).versions(environment_name)
    [labels] = [item.labels for item in versions if item.version == environment.version] or [()]
    return {
        **definition_of(environment),
        "labels": list(labels),
        "versions": [item.version for item in versions],
        **_show_local(local),
        "packages": local.packages if isinstance(local, kept.KeptEnvironment) else [],
    }


def register(*, directory: str, **where: Any) -> dict[str, Any]:
    """``environment register``: registers the definition in a folder."""
    environment = inline_requirements(_load(directory), directory)
    environment.version = None
    registered = environment.register(Where(**where).workspace())
    return definition_of(registered)


def build(
    *,
    any_environment: str | None,
    environment_version: str | None,
    any_directory: str | None,
    **where: Any,
) -> dict[str, Any]:
    """``environment build``: makes a registered environment, or the one in a folder."""
    if (any_environment is None) == (any_directory is None):
        raise WrongUsage("environment build needs either --name or --directory.")
    if any_directory is not None:
        environment = _load(any_directory)
    else:
        environment = _get(Where(**where).workspace(), str(any_environment), environment_version)
    request = build_request_of(
        environment.name, environment.python, environment.docker,
        lambda: tracker_of(Where(**where).workspace()), any_directory,
    )  # fmt: skip
    if request.makes_nothing:
        raise UserErrorException(
            f"The environment {environment.name!r} has user_managed_dependencies, so nothing is "
            "made for it."
        )
    result = request.make(sys.stderr)
    return {
        "name": environment.name,
        "version": environment.version,
        "hash": result.key,
        "image": result.image,
        "python": result.python,
        "made": result.is_new,
        "packages": result.packages,
    }


def scaffold(*, environment_name: str, directory: str, overwrite_folder: bool, **where: Any) -> str:
    """``environment scaffold``: writes the files of an environment, for you to edit."""
    environment = Environment(environment_name)
    environment.python.conda_dependencies.add_pip_package("azureml-defaults")
    with _folder_is_free(directory):
        environment.save_to_directory(directory, overwrite_folder)
    return f"The files of the environment {environment_name!r} are in {directory!r}."


def download(
    *,
    any_environment: str | None,
    environment_version: str | None,
    any_run: str | None,
    directory: str,
    overwrite_folder: bool,
    **where: Any,
) -> dict[str, Any]:
    """``environment download``: writes the files of a registered environment, or of a run's."""
    if (any_environment is None) == (any_run is None):
        raise WrongUsage("environment download needs either --name or --run.")
    scope = Where(**where)
    packages: list[str] = []
    if any_run is None:
        environment = _get(scope.workspace(), str(any_environment), environment_version)
    else:
        run = scope.run(any_run)
        environment = run.get_environment()
        packages = (run.get_details().get("environment") or {}).get("packages", [])
    with _folder_is_free(directory):
        write_folder(directory, definition_of(environment), overwrite_folder)
    if packages:
        write_text(Path(directory, RESOLVED), "\n".join(packages) + "\n")
    return {
        "name": environment.name,
        "version": environment.version,
        "files": sorted(path.name for path in Path(directory).iterdir()),
    }


def remove(
    *, any_environment: str | None, environment_version: str | None, hash_: str | None, **where: Any
) -> str:
    """``environment remove``: removes an environment from the workspace or from this machine."""
    if (any_environment is None) == (hash_ is None):
        raise WrongUsage("environment remove needs either --name or --hash.")
    if hash_ is not None:
        _remove_local(hash_)
        return f"The environment {hash_} was removed from this machine."
    with _missing():
        Registry(tracker_of(Where(**where).workspace())).remove(
            str(any_environment), environment_version
        )
    what = "The environment"
    if environment_version:
        what = f"Version {environment_version} of the environment"
    return f"{what} {any_environment!r} was removed from the workspace."


def prune(*, older_than: str, dry_run: bool, **where: Any) -> list[dict[str, Any]]:
    """``environment prune``: removes environments of this machine that were not used for days."""
    days = parse_number("--older-than", older_than, float, "days")
    if days is None or not 0 <= days < float("inf"):
        raise WrongUsage(f"--older-than needs a number of days, but got {older_than!r}.")
    older_than_s = days * DAY_S
    limit = time.time() - older_than_s
    images, local_images = _list_images()
    all_local: list[Local] = [*kept.list_environments(), *local_images]
    unused = {local.key: _show_local(local) for local in all_local if local.last_used <= limit}
    unused |= {room.key: _show_local(room) for room in find_unused_rooms(older_than_s)}
    if dry_run:
        return list(unused.values())
    keys = [
        *kept.remove_unused(older_than_s, texts_of_jobs),
        *remove_unused_rooms(older_than_s, texts_of_jobs),
    ]
    if images is not None:
        keys += [
            image.key
            for image in local_images
            if image.key in unused and remove_image(images, image)
        ]
    return [unused[key] for key in keys if key in unused]


def _remove_local(key: str) -> None:
    """Remove a virtual environment or an image."""
    images, local_images = _list_images()
    by_key = {image.key: image for image in local_images}
    if images is not None and key in by_key:
        is_removed = remove_image(images, by_key[key])
    elif key in [local.key for local in kept.list_environments()]:
        is_removed = kept.remove(key, texts_of_jobs)
    elif key in [room.key for room in list_rooms()]:
        raise UserErrorException(
            f"{key!r} is amlflow's own files for scripts, and not an environment. "
            "`amlflow environment prune` removes them if no script uses them."
        )
    else:
        raise Missing(
            f"This machine has no environment {key!r}. `amlflow environment list` lists its "
            "environments."
        )
    if not is_removed:
        raise UserErrorException(
            f"The environment {key} was not removed: a script runs in it or waits for it, or "
            "started in the last minutes."
        )


def _list_images() -> tuple[Images | None, list[KeptImage]]:
    """Return the engine's images and those of environments; None and none without an engine."""
    try:
        images = find_images()
        return images, [] if images is None else list_images(images)
    except ComputeTargetException as away:
        logger.debug("Images are left out: %s", away.message)
        return None, []


@contextmanager
def _missing() -> Iterator[None]:
    try:
        yield
    except EnvironmentNotFound as missing:
        raise Missing(missing.message) from missing


@contextmanager
def _folder_is_free(directory: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise UserErrorException(
            f"The folder {directory!r} exists already. Pass --overwrite to write into it."
        ) from None


def _load(directory: str) -> Environment:
    try:
        return Environment.load_from_directory(directory)
    except FileNotFoundError:
        raise Missing(
            f"The folder {directory!r} has no {DEFINITION}. `amlflow environment scaffold` writes "
            "one."
        ) from None


def _get(workspace: Any, name: str, version: str | None) -> Environment:
    with _missing():
        return Environment.get(workspace, name, version)


def _find_local(
    environment: Environment, tracker: Tracker, local_images: Sequence[KeptImage]
) -> Local | None:
    """Find what was made from a definition here; None if nothing, or if it is not valid."""
    try:
        request = build_request_of(
            environment.name, environment.python, environment.docker, lambda: tracker
        )
        made = request.find()
    except (AzureMLException, OSError):
        return None
    if made is None or made.key is None:
        return None
    if made.image is None:
        return kept.find(made.key, kept.environments_folder())
    return next((image for image in local_images if image.key == made.key), None)


def _of_version(registered: RegisteredVersion) -> dict[str, Any]:
    return {
        "name": registered.name,
        "version": registered.version,
        "labels": list(registered.labels),
        "registered_utc": to_iso(registered.registered),
    }


def _show_local(local: Local | None) -> dict[str, Any]:
    """Return the kind, hash, size in bytes and last use of an environment on this machine."""
    if local is None:
        return {"kind": None, "hash": None, "disk_bytes": None, "last_used_utc": None}
    if isinstance(local, KeptImage):
        kind, disk_bytes = "image", local.disk_bytes
    else:
        is_room = isinstance(local, KeptRoom)
        kind = "amlflow's own files" if is_room else "virtual environment"
        disk_bytes = local.disk_bytes()
    last_used = datetime.fromtimestamp(local.last_used, timezone.utc)
    return {
        "kind": kind,
        "hash": local.key,
        "disk_bytes": disk_bytes,
        "last_used_utc": to_iso(last_used),
    }
