"""What to run and where: v1's ``azureml.core.script_run_config``."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from amlflow.exceptions import UserErrorException

MAX_DURATION_SECONDS_DEFAULT = 30 * 24 * 60 * 60


class ScriptRunConfig:
    """A script (or command), its arguments and the compute target that runs it.

    Source: ``azureml.core.ScriptRunConfig`` 1.61; names and parameters are v1's.
    """

    DELIM = "#"
    MAX_DURATION_SECONDS_DEFAULT = MAX_DURATION_SECONDS_DEFAULT

    def __init__(
        self,
        source_directory: str,
        script: str | None = None,
        arguments: Sequence[Any] | None = None,
        run_config: Any = None,
        _telemetry_values: Any = None,
        compute_target: Any = None,
        environment: Any = None,
        distributed_job_config: Any = None,
        resume_from: Any = None,
        max_run_duration_seconds: int | None = MAX_DURATION_SECONDS_DEFAULT,
        command: str | Sequence[str] | None = None,
        docker_runtime_config: Any = None,
    ) -> None:
        """Describe a run of ``script`` with ``arguments``, or of ``command``.

        Raises:
            UserErrorException: both a script and a command are given, or an argument is neither
                text nor number.
        """
        if script is not None and command is not None:
            raise UserErrorException(
                f"Both script={script!r} and command={command!r} are given; a run has one of them."
            )
        for place, argument in enumerate(arguments or ()):
            if not isinstance(argument, (str, numbers.Number)):
                raise UserErrorException(
                    f"Argument {place} of the script is a {type(argument).__name__}; arguments are "
                    "texts and numbers."
                )
        self.source_directory = source_directory
        self.script = script
        self.arguments = list(arguments or ())
        self.run_config = run_config
        self.compute_target = compute_target
        self.environment = environment
        self.distributed_job_config = distributed_job_config
        self.resume_from = resume_from
        self.max_run_duration_seconds = max_run_duration_seconds
        self.command = command
        self.docker_runtime_config = docker_runtime_config

    @property
    def identity(self) -> str:
        """A name for the configuration in logs."""
        return f"{type(self).__name__}#{self.script or self.command}"
