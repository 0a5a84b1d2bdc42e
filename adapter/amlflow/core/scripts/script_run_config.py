"""A script and its settings: v1's ``azureml.core.script_run_config``."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Sequence
from typing import Any

from amlflow.core.arguments import check_class, check_path
from amlflow.core.compute.compute_target import ComputeTarget
from amlflow.core.data.bases import ScriptArgument
from amlflow.core.data.consumption import DatasetConsumptionConfig
from amlflow.core.data.datapath import DataReference
from amlflow.core.data.output_config import OutputDatasetConfig
from amlflow.core.scripts.command_line import check_arguments
from amlflow.core.scripts.distribution import set_distribution
from amlflow.core.scripts.environment import Environment
from amlflow.core.scripts.run_configuration import DockerConfiguration, RunConfiguration
from amlflow.exceptions import UserErrorException

logger = logging.getLogger("amlflow")

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
        run_config: RunConfiguration | None = None,
        _telemetry_values: Any = None,
        compute_target: Any = None,
        environment: Environment | None = None,
        distributed_job_config: Any = None,
        resume_from: Any = None,
        max_run_duration_seconds: float | None = MAX_DURATION_SECONDS_DEFAULT,
        command: str | Sequence[str] | None = None,
        docker_runtime_config: DockerConfiguration | None = None,
    ) -> None:
        """Describe a run of ``script`` with ``arguments``, or of ``command``.

        Args:
            source_directory: The folder that becomes the run's snapshot and working folder.
            script: A Python file in it.
            arguments: A list of texts, numbers, paths and data
                (``dataset.as_named_input('x')``, ``OutputFileDatasetConfig()``). A single text is
                split into words as a shell does. ``$NAME`` and ``${NAME}`` become the values that
                these variables have in the script's process.
            run_config: All settings in one object. As in v1, compute_target, environment,
                distributed_job_config, max_run_duration_seconds and docker_runtime_config are
                ignored then.
            compute_target: A compute target or its name (default: "local").
            environment: The Python or image to use.
            distributed_job_config: The configuration of several processes: an MpiConfiguration, a
                PyTorchConfiguration or a TensorflowConfiguration.
            resume_from: Ignored, with a warning.
            max_run_duration_seconds: The run is Canceled if it takes longer. None means no limit.
            command: A program and its arguments, instead of a script. A shell runs it if it
                contains something for a shell, such as ``&&``, ``$NAME`` or ``>``. In a list, this
                must be in a word without blanks, unless the first word is a command line itself.
            docker_runtime_config: The settings of the container, if the script runs in one.

        Raises:
            RunConfigurationException: distributed_job_config is an object of another class.
            UserErrorException: both a script and a command are given, or an argument is not a text,
                a number, a path or data.
        """
        right = "ScriptRunConfig(source_directory='src', script='train.py')"
        if script is not None:
            check_path(script, "script", right)
        _check_parts(run_config, environment, docker_runtime_config, compute_target)
        if script is not None and command is not None:
            raise UserErrorException(
                f"Both script={script!r} and command={command!r} are given; a run has one of them."
            )
        if run_config is not None and any(
            value is not None
            for value in (
                compute_target,
                environment,
                distributed_job_config,
                docker_runtime_config,
            )
        ):
            logger.warning(
                "run_config is given, so compute_target, environment, distributed_job_config, "
                "max_run_duration_seconds and docker_runtime_config are ignored."
            )
        self.source_directory = source_directory
        self.script = None if script is None else os.fspath(script)
        self.arguments = check_arguments(arguments)
        self.command = command
        self.resume_from = resume_from
        self.run_config = run_config or _build_configuration(
            compute_target,
            environment,
            max_run_duration_seconds,
            docker_runtime_config,
            distributed_job_config,
        )

    @property
    def compute_target(self) -> str:
        """The name of the compute target."""
        return self.run_config.target

    @property
    def identity(self) -> str:
        """A name for the configuration in logs."""
        return f"{type(self).__name__}#{self.script or self.command}"


def get_run_config_from_script_run(script_run_config: ScriptRunConfig) -> RunConfiguration:
    """Return a run configuration with the script, command, arguments and data of a script's run.

    You can save it as a file for ``amlflow run submit-script -c NAME``.

    Raises:
        UserErrorException: it is not a ScriptRunConfig.
    """
    example = "get_run_config_from_script_run(ScriptRunConfig('src', 'train.py'))"
    check_class(script_run_config, ScriptRunConfig, "script_run_config", example)
    settings = copy.copy(script_run_config.run_config)
    settings.environment = copy.deepcopy(settings.environment)
    settings.script = script_run_config.script or settings.script
    command = script_run_config.command or settings.command
    settings.command = command if isinstance(command, str | None) else list(command)
    settings.arguments = list(script_run_config.arguments or settings.arguments)
    settings.environment_variables = dict(settings.environment_variables)
    places: tuple[tuple[str, type, str], ...] = (
        ("data", DatasetConsumptionConfig, "name"),
        ("data_references", DataReference, "data_reference_name"),
        ("output_data", OutputDatasetConfig, "name"),
    )
    for field, kind, name in places:
        given = {getattr(each, name): each for each in settings.arguments if isinstance(each, kind)}
        setattr(settings, field, {**getattr(settings, field), **given})
    settings.arguments = [
        str(each) if isinstance(each, ScriptArgument) else each for each in settings.arguments
    ]
    return settings


def _check_parts(
    run_config: Any, environment: Any, docker_runtime_config: Any, compute_target: Any
) -> None:
    """Raise UserErrorException if a part of the configuration is an object of another class."""
    parts = [
        (run_config, RunConfiguration, "run_config", "RunConfiguration()"),
        (environment, Environment, "environment", "Environment('name')"),
        (
            docker_runtime_config,
            DockerConfiguration,
            "docker_runtime_config",
            "DockerConfiguration(use_docker=True)",
        ),
    ]
    for value, kind, name, example in parts:
        if value is not None:
            what = f"{name} is a {kind.__name__}"
            check_class(value, kind, what, f"ScriptRunConfig(…, {name}={example})")
    if compute_target is not None:
        check_class(
            compute_target,
            (str, ComputeTarget),
            "compute_target is the name of a target, or a ComputeTarget",
            "ScriptRunConfig(…, compute_target='local')",
        )


def _build_configuration(
    compute_target: Any,
    environment: Environment | None,
    max_seconds: float | None,
    docker: DockerConfiguration | None,
    distributed: Any,
) -> RunConfiguration:
    config = RunConfiguration()
    if compute_target is not None:
        config.target = compute_target
    if environment is not None:
        config.environment = environment
    if docker is not None:
        config.docker = docker
    config.max_run_duration_seconds = max_seconds
    if distributed is not None:
        set_distribution(config, distributed)
    return config
