"""v1's builds of an environment's image. Here an environment is made on this machine."""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from amlflow.core.environments.making import Making
from amlflow.environments.lookup import find_environment
from amlflow.environments.specification import Specification
from amlflow.exceptions import AzureMLException

RUNNING, SUCCEEDED, FAILED = "Running", "Succeeded", "Failed"
LOOK_S = 0.2


class ImageBuildDetails:
    """A build that goes on in a thread. The process does not end before it.

    Source: ``azureml.core.environment.ImageBuildDetails`` 1.61; names are v1's.
    """

    def __init__(self, making: Making) -> None:
        self._making = making
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name, "log.txt")
        self._log.touch()
        self._status = RUNNING
        self._thread = threading.Thread(target=self._build, name="amlflow-build")
        self._thread.start()

    def _build(self) -> None:
        try:
            with self._log.open("a", encoding="utf-8") as log:
                sentence = self._making.make(log)
            self._write(sentence)
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
        """As in v1: "Running", "Succeeded" or "Failed"."""
        return self._status

    def get_log(self) -> str:
        """What has been done so far."""
        return self._log.read_text(encoding="utf-8")

    def wait_for_completion(self, show_output: bool = True) -> ImageBuildDetails:
        """Wait until the build has ended. A build that fails raises nothing, as in v1: see status.

        Args:
            show_output: Print the log as it grows.
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
    """What is known of a made environment.

    Source: ``azureml.core.environment.DockerImageDetails`` 1.61; names are v1's.
    """

    @property
    def image_exist(self) -> bool:
        """Whether the environment is made on this machine."""
        return bool(self["imageExistsInRegistry"])

    @property
    def repository(self) -> str | None:
        """The name of the base image."""
        name: str | None = self["dockerImage"]["name"]
        return name

    @property
    def registry(self) -> str | None:
        """None: the image's name says which registry it is in."""
        return None

    @property
    def image(self) -> str | None:
        """The name of the base image."""
        return self.repository

    @property
    def interpreter_path(self) -> str | None:
        """The Python of the environment that was made."""
        path: str | None = self["pythonEnvironment"]["interpreterPath"]
        return path

    @property
    def environment_path(self) -> str | None:
        """The folder of the environment that was made."""
        path: str | None = self["pythonEnvironment"]["condaEnvironmentPath"]
        return path

    @property
    def dockerfile(self) -> None:
        """None: the environment is made without a Dockerfile."""
        return None


def image_details(specification: Specification | None, image: str | None) -> DockerImageDetails:
    """What is known of the environment that was made for a definition, if one was."""
    environment = None if specification is None else find_environment(specification)
    return DockerImageDetails(
        imageExistsInRegistry=environment is not None,
        dockerImage={"name": image, "registry": {"address": None}},
        pythonEnvironment={
            "interpreterPath": None if environment is None else str(environment.python),
            "condaEnvironmentPath": None if environment is None else str(environment.path),
        },
        hash=None if environment is None else environment.key,
    )


def build_here(making: Making) -> None:
    """Make an environment, with the log on stdout.

    Raises:
        EnvironmentBuildException: it cannot be made.
        ComputeTargetException: the container engine does not answer or refuses.
    """
    print(making.make(sys.stdout))
