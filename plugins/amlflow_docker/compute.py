"""Runs a work in a container, as :class:`amlflow.spec.Compute` describes it.

The snapshot and the other files that the script needs are mounted at the paths that they have on
this machine. The script runs as the calling user. It has the host's network only if the settings
ask for it. docker-py is Docker's own client for Python.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import docker.errors
from amlflow.exceptions import ComputeTargetException
from amlflow.spec import JOB, ComputeBase, Ending, Work
from docker.types import DeviceRequest, LogConfig

from amlflow_docker.engine import DOCKER_TIMEOUT_S, FAILURES, cause_of, connect, to_exception
from amlflow_docker.images import DockerImages, get_image
from amlflow_docker.limits import LIMITS
from amlflow_docker.settings import DockerSettings

PREFIX = "amlflow-"
"""How the names of the containers begin."""
_DEFAULTS = {
    "HOME": "/tmp",  # noqa: S108
    # Most images have no git. MLflow's library for git prints a long warning then.
    "GIT_PYTHON_REFRESH": "quiet",
}
_INTO_FILE = """
output=$1
errors=$2
shift 2
exec 2>>"$output"
others() {
    count=0
    for entry in /proc/[0-9]*; do
        pid=${entry#/proc/}
        [ "$pid" = 1 ] || [ "$pid" = $$ ] || [ ! -d "$entry" ] && continue
        count=$((count + 1))
        [ -z "$1" ] || kill "$1" "$pid" 2>/dev/null
    done
}
"$@" >>"$output" &
asked=
trap 'asked=1; others -TERM' TERM
while :; do
    wait $!
    code=$?
    kill -0 $! 2>/dev/null || break
done
while [ -n "$asked" ]; do
    others ''
    [ "$count" = 0 ] && break
    sleep 0.1
done
while read -r name at; do
    [ "$name" = pos: ] && echo "$at" >"$errors"
done </proc/$$/fdinfo/2
exit $code
"""
"""A shell script that runs a command. Both streams of the command are appended to one file. At the
end, the position of the second stream is written to another file: it shows where the errors end.

On SIGTERM, the shell script sends SIGTERM to every process of the container and waits for them,
because a container ends with its first process."""


class DockerCompute(ComputeBase):
    """A Docker daemon as a compute target."""

    known_limits = LIMITS
    runs_here = False

    def __init__(self, settings: DockerSettings) -> None:
        self._settings = settings
        self.images = DockerImages(settings)

    @property
    def max_runs(self) -> int | None:
        """The number of this machine's cores."""
        return os.cpu_count()

    def check(self, work: Work) -> None:
        get_image(connect(), self._image(work))

    def _image(self, work: Work) -> str:
        image = work.image or self._settings.image
        if image is None:
            raise ComputeTargetException(
                "No container image is named: set environment.docker.base_image (or use "
                "Environment.from_docker_image()), or 'image' in the compute target's settings."
            )
        return image

    def start(self, work: Work) -> StartedContainer:
        client = connect()
        command = list(work.command)
        image, python = self._image(work), work.python or self._settings.python
        if work.is_script:
            command.insert(0, python)
        errors = work.output.with_name(f"{work.output.name}.errors")
        for path in (work.output, errors):
            path.touch(0o600)
        try:
            own = client.images.get(image).attrs["Config"].get("Env") or ()
            container = client.containers.create(
                image,
                # The output goes straight into the mounted file. Docker would mix up the order of
                # stdout and stderr, and keep a second copy.
                [
                    "sh",
                    "-c",
                    _INTO_FILE,
                    "sh",  # its name in the message about a program that does not exist
                    str(work.output.resolve()),
                    str(errors.resolve()),
                    *command,
                ],
                entrypoint=[],
                log_config=LogConfig(type="none"),
                name=PREFIX + work.name,
                environment={
                    **_DEFAULTS,
                    **_extend(work.environment, own),
                    JOB: work.name,
                },
                working_dir=str(work.folder),
                user=f"{os.getuid()}:{os.getgid()}",
                init=True,  # ends the other processes when the script ends
                **self._options(work, errors),
            )
            started_container = StartedContainer(container, command[0], self._settings, errors)
            try:
                started_container.start()
            except BaseException:
                container.remove(force=True)
                raise
        except FAILURES as error:
            raise ComputeTargetException(
                f"The container could not be started: {cause_of(error)}."
            ) from error
        return started_container

    def _options(self, work: Work, errors: Path) -> dict[str, Any]:
        settings = self._settings
        paths = {
            work.folder.resolve(),
            work.output.resolve(),
            errors.resolve(),
            *(path.resolve() for path in work.needs),
        }
        read_only = {path.resolve() for path in work.read_only}
        volumes = [f"{path}:{path}{':ro' if path in read_only else ''}" for path in sorted(paths)]
        options: dict[str, Any] = {"volumes": [*volumes, *settings.volumes]}
        if settings.memory is not None:
            # Without swap. Otherwise a script over the limit would become slow instead of ending.
            options.update(mem_limit=settings.memory, memswap_limit=settings.memory)
        if settings.cpus is not None:
            options["nano_cpus"] = int(settings.cpus * 1e9)
        if settings.network is not None:
            options["network_mode"] = settings.network
        if settings.shm_size is not None:
            options["shm_size"] = settings.shm_size
        if settings.gpus is not None:
            count = -1 if settings.gpus == "all" else int(settings.gpus)
            options["device_requests"] = [DeviceRequest(count=count, capabilities=[["gpu"]])]
        return options

    def clean(self, name: str) -> None:
        try:
            _remove(connect().containers.get(PREFIX + name))
        except docker.errors.NotFound:
            return
        except FAILURES as error:
            raise to_exception(error) from error


class StartedContainer:
    """A container that was started, as :class:`amlflow.spec.Started` describes it."""

    def __init__(
        self, container: Any, program: str, settings: DockerSettings, errors: Path
    ) -> None:
        self._container, self._program, self._settings = container, program, settings
        self._errors = errors
        self._ended = threading.Event()
        self._removed = False
        self._ending: Ending | None = None
        self._end_requested = False

    def start(self) -> None:
        """Start the container, and a thread that waits for its end."""
        self._container.start()
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        while not self._ended.is_set():
            try:
                code = int(self._container.wait(timeout=None)["StatusCode"])
                self._container.reload()
                self._ending = self._to_ending(code, self._container.attrs["State"])
                self._ended.set()
            except docker.errors.NotFound:  # another program has removed it
                self._ending = Ending(code=137, reason="The container was killed and removed.")
                self._ended.set()
            except FAILURES:  # for example, while the daemon restarts
                time.sleep(1)

    def _to_ending(self, code: int, state: dict[str, Any]) -> Ending:
        position = self._errors.read_text().strip() if self._errors.exists() else ""
        reason = self._reason(code, state)
        return Ending(
            code=code,
            reason=reason,
            errors_end=int(position or 0) or None,
            is_out_of_memory=bool(state.get("OOMKilled")),
        )

    def _reason(self, code: int, state: dict[str, Any]) -> str | None:
        if state.get("OOMKilled"):
            limit = self._settings.memory
            has = f"its limit of {limit}" if limit else "the memory of the Docker host"
            return f"The container ran out of memory, {has}, and was killed (OOM)."
        if code == 137 and not self._end_requested:
            return "The container was killed (SIGKILL), or its script ended with exit code 137."
        if code in (126, 127):  # a shell's exit codes for a program that it cannot run
            return (
                f"{self._program!r} is not a program in the image, or ended with exit code "
                f"{code} itself."
            )
        if state.get("Error"):
            return f"The container failed: {state['Error']}."
        return None

    def ending(self) -> Ending | None:
        return self._ending if self._ended.is_set() else None

    def end(self, grace: float) -> None:
        if self._removed:
            return
        self._end_requested = True
        try:
            if not self._ended.is_set():
                self._signal("SIGTERM")
                if not self._ended.wait(grace):
                    self._signal("SIGKILL")
                    self._ended.wait(DOCKER_TIMEOUT_S)
            _remove(self._container)
        except FAILURES as error:
            raise ComputeTargetException(
                f"The container {self._container.name!r} could not be ended: {cause_of(error)}."
            ) from error
        self._removed = True

    def _signal(self, name: str) -> None:
        try:
            self._container.kill(name)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            if error.status_code != 409:  # 409: it is not running any more
                raise


def _remove(container: Any) -> None:
    """Remove a container. It is not an error if it is gone, or if another program removes it."""
    try:
        container.remove(force=True)
    except docker.errors.NotFound:
        return
    except docker.errors.APIError as error:
        if error.status_code != 409:  # 409: its removal is in progress
            raise


def _extend(environment: Mapping[str, str], own: Iterable[str]) -> dict[str, str]:
    """Return the variables of a work, with the image's PYTHONPATH after the work's own."""
    path = dict(line.partition("=")[::2] for line in own).get("PYTHONPATH")
    if path and environment.get("PYTHONPATH"):
        return {**environment, "PYTHONPATH": f"{environment['PYTHONPATH']}:{path}"}
    return dict(environment)
