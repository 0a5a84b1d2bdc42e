"""v1's ``Environment.build``: makes an environment on this machine, and describes the result."""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from amlflow.core.environments.build_request import BuildRequest, EnvironmentBuild
from amlflow.exceptions import AzureMLException

RUNNING, SUCCEEDED, FAILED = "Running", "Succeeded", "Failed"
LOOK_S = 0.2


class ImageBuildDetails:
    """A build in a thread. The process ends only after the build.

    Source: ``azureml.core.environment.ImageBuildDetails`` 1.61; names are v1's.
    """

    def __init__(self, request: BuildRequest) -> None:
        self._request = request
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name, "log.txt")
        self._log.touch()
        self._status = RUNNING
        self._thread = threading.Thread(target=self._build, name="amlflow-build")
        self._thread.start()

    def _build(self) -> None:
        try:
            with self._log.open("a", encoding="utf-8") as log:
                environment = self._request.make(log)
            self._write(environment.describe())
        except (AzureMLException, OSError) as failure:
            self._write(getattr(failure, "message", str(failure)))
            self._status = FAILED
        except BaseException:
            self._status = FAILED
            raise
        else:
            self._status = SUCCEEDED

    def _write(self, text: str) -> None:
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{text}\n")

    @property
    def status(self) -> str:
        """The state, as in v1: "Running", "Succeeded" or "Failed"."""
        return self._status

    def get_log(self) -> str:
        """Return the log of the build up to now."""
        return self._log.read_text(encoding="utf-8")

    def wait_for_completion(self, show_output: bool = True) -> ImageBuildDetails:
        """Wait until the build has ended, and return it.

        As in v1, a failed build raises nothing: look at :attr:`status`.

        Args:
            show_output: Whether to print the log while it grows.
        """
        if show_output:
            print(f"Image Build Status: {RUNNING}\n")
        with self._log.open(encoding="utf-8") as log:
            while True:
                self._thread.join(LOOK_S)
                has_ended = not self._thread.is_alive()
                text = log.read()
                if show_output:
                    sys.stdout.write(text)
                    sys.stdout.flush()
                if has_ended:
                    break
        if show_output:
            print(f"\nImage Build Status: {self._status}\n")
        return self


class DockerImageDetails(dict[str, Any]):
    """Describes an environment that was made, as a dict and by properties.

    Source: ``azureml.core.environment.DockerImageDetails`` 1.61; names are v1's.
    """

    @property
    def image_exist(self) -> bool:
        """Whether the environment was made on this machine already."""
        return bool(self["imageExistsInRegistry"])

    @property
    def repository(self) -> str | None:
        """The image for ``docker run``. Before it was made, the name of the base image."""
        name: str | None = self["dockerImage"]["name"]
        return name

    @property
    def registry(self) -> str | None:
        """None: an image that was made is on the Docker host, and is not in a registry."""
        return None

    @property
    def image(self) -> str | None:
        """The same as :attr:`repository`."""
        return self.repository

    @property
    def interpreter_path(self) -> str | None:
        """The path of the environment's Python: in the image, or on this machine without one."""
        path: str | None = self["pythonEnvironment"]["interpreterPath"]
        return path

    @property
    def environment_path(self) -> str | None:
        """The path of the environment's folder: in the image, or on this machine without one."""
        path: str | None = self["pythonEnvironment"]["condaEnvironmentPath"]
        return path

    @property
    def dockerfile(self) -> str | None:
        """The Dockerfile's text; None for an environment without one."""
        text: str | None = self["ingredients"]["dockerfile"]
        return text


def image_details(request: BuildRequest, base_image: str | None) -> DockerImageDetails:
    """Describe the image or virtual environment that was made of an environment.

    ``base_image`` is the name of the environment's base image, or None.

    Raises:
        EnvironmentBuildException: a line of the definition cannot be parsed.
        ComputeTargetException: the environment is an image, and the container engine does not
            answer.
    """
    environment = request.find()
    is_made = environment is not None
    environment = environment or EnvironmentBuild(key=None)
    return DockerImageDetails(
        imageExistsInRegistry=is_made,
        dockerImage={"name": environment.image or base_image, "registry": {"address": None}},
        pythonEnvironment={
            "interpreterPath": environment.python,
            "condaEnvironmentPath": environment.folder,
        },
        ingredients={"dockerfile": request.dockerfile and request.dockerfile.read()},
        hash=environment.key,
    )


def build_here(request: BuildRequest) -> None:
    """Make an environment on this machine, and print the log.

    Raises:
        EnvironmentBuildException: the environment cannot be made.
        ComputeTargetException: the container engine does not answer, or returns an error.
    """
    print(request.make(sys.stdout).describe())
