"""v1's estimators: a script with the packages that it needs.

v1 itself turned an estimator into a ScriptRunConfig with an environment. In amlflow, an estimator
is a ScriptRunConfig: you can use it wherever one is accepted.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from amlflow.core.console import warn_once
from amlflow.core.data.datapath import DataReference
from amlflow.core.scripts.conda_dependencies import CondaDependencies, requirements_in
from amlflow.core.scripts.distributed import (
    MpiConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from amlflow.core.scripts.distribution import set_distribution
from amlflow.core.scripts.environment import Environment
from amlflow.core.scripts.run_configuration import DockerConfiguration, RunConfiguration
from amlflow.core.scripts.script_run_config import ScriptRunConfig
from amlflow.exceptions import UserErrorException

logger = logging.getLogger("amlflow")


class Estimator(ScriptRunConfig):
    """A script, its parameters, and the packages that it needs.

    Source: ``azureml.train.estimator.Estimator`` 1.61; names are v1's.
    """

    _FRAMEWORK: ClassVar[tuple[str, ...]] = ()
    """The framework's packages of pip. ``framework_version`` is the version of the first one."""

    def __init__(
        self,
        source_directory: str,
        *,
        compute_target: Any = None,
        vm_size: str | None = None,
        vm_priority: str | None = None,
        entry_script: str | None = None,
        script_params: Mapping[str, Any] | None = None,
        node_count: int = 1,
        process_count_per_node: int = 1,
        distributed_backend: str | None = None,
        distributed_training: Any = None,
        use_gpu: bool = False,
        use_docker: bool | None = None,
        custom_docker_base_image: str | None = None,
        custom_docker_image: str | None = None,
        image_registry_details: Any = None,
        user_managed: bool = False,
        conda_packages: Iterable[str] | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_dependencies_file_path: str | None = None,
        pip_requirements_file_path: str | None = None,
        conda_dependencies_file: str | None = None,
        pip_requirements_file: str | None = None,
        environment_variables: Mapping[str, str] | None = None,
        environment_definition: Environment | None = None,
        inputs: Sequence[Any] | None = None,
        source_directory_data_store: Any = None,
        shm_size: str | None = None,
        resume_from: Any = None,
        max_run_duration_seconds: float | None = None,
        framework_version: str | None = None,
    ) -> None:
        """Describe a run of ``entry_script``.

        Args:
            source_directory: The folder that becomes the run's snapshot and working folder.
            compute_target: A compute target or its name (default: "local").
            vm_size, vm_priority: Kept in ``run_config.amlcompute``, and not used.
            entry_script: A Python file in the folder.
            script_params: The script's arguments by flag. A flag with None or "" has no value.
            node_count: The number of nodes. If that of ``distributed_training`` is higher, it is
                used.
            process_count_per_node: The processes on each node, with ``distributed_backend``.
            distributed_backend: The way to join the processes: "mpi" (the default), "gloo", "nccl"
                or "ps".
            distributed_training: The configuration of the processes, instead of
                ``distributed_backend`` and ``process_count_per_node``.
            use_gpu: Not used: a script uses the GPUs that its machine has.
            use_docker: Whether to run in a container; left out, it is as the target says.
            custom_docker_image: The container image. ``custom_docker_base_image`` means the same.
            image_registry_details: The ContainerRegistry of the image.
            user_managed: Whether the script's Python has all packages already.
            conda_packages, pip_packages: Packages that the script needs.
            conda_dependencies_file: The path of a conda environment file. It is looked for in
                ``source_directory`` first, and then in the working folder.
            pip_requirements_file: The path of a requirements file. It is looked for in the same
                folders.
            environment_variables: Variables of the script.
            environment_definition: The environment. The arguments above that describe an
                environment are ignored then.
            inputs: Data sets with ``as_named_input``, and DataReferences.
            source_directory_data_store: Ignored: the tracker keeps the snapshot.
            shm_size: The size of the container's shared memory (default: "2g").
            resume_from: Ignored, with a warning.
            max_run_duration_seconds: The run is Canceled if it takes longer. None means no limit.
            framework_version: The version of the framework's package (default: any version).

        Raises:
            UserErrorException: an argument is wrong, or contradicts another one.
            FileNotFoundError: a file of packages does not exist.
        """
        environment = environment_definition or _make_environment(
            source_directory,
            framework=_pin(self._FRAMEWORK, framework_version),
            user_managed=user_managed,
            conda_packages=conda_packages,
            pip_packages=pip_packages,
            conda_file=conda_dependencies_file or conda_dependencies_file_path,
            pip_file=pip_requirements_file or pip_requirements_file_path,
        )
        image = custom_docker_image or custom_docker_base_image
        if environment_definition is None:
            environment.docker.base_image = image
            if image_registry_details is not None:
                environment.docker.base_image_registry = image_registry_details
            environment.environment_variables.update(environment_variables or {})
        config = RunConfiguration()
        config.environment = environment
        if compute_target is not None:
            config.target = compute_target
        if use_docker or (use_docker is None and image is not None):
            config.docker = DockerConfiguration(use_docker=True)
            config.docker.shm_size = shm_size or config.docker.shm_size
        else:
            _warn_of_containers(image, shm_size)
        config.max_run_duration_seconds = max_run_duration_seconds
        config.amlcompute.vm_size, config.amlcompute.vm_priority = vm_size, vm_priority
        if distributed_training is None:
            distributed_training = _to_distributed(
                distributed_backend, node_count, process_count_per_node
            )
        if distributed_training is not None:
            set_distribution(config, distributed_training)
        config.node_count = max(node_count, config.node_count)
        for item in inputs or ():
            _add_input(config, item)
        super().__init__(
            source_directory,
            script=entry_script,
            arguments=_to_arguments(script_params or {}),
            run_config=config,
            resume_from=resume_from,
        )

    @property
    def conda_dependencies(self) -> CondaDependencies:
        """The packages of the script."""
        return self.run_config.environment.python.conda_dependencies


class PyTorch(Estimator):
    """A script that needs PyTorch: the packages torch and torchvision."""

    _FRAMEWORK = ("torch", "torchvision")


class TensorFlow(Estimator):
    """A script that needs TensorFlow: the package tensorflow."""

    _FRAMEWORK = ("tensorflow",)


class SKLearn(Estimator):
    """A script that needs scikit-learn: the packages scikit-learn, joblib and pandas."""

    _FRAMEWORK = ("scikit-learn", "joblib", "pandas")


def _to_distributed(backend: str | None, nodes: int, per_node: int) -> Any:
    """Return the configuration of the processes for v1's arguments; None for one process."""
    if backend is None and per_node == 1 and nodes == 1:
        return None
    kind = (backend or "mpi").lower()
    if kind == "mpi":
        return MpiConfiguration(per_node, nodes)
    if kind == "ps":
        if per_node != 1:
            raise UserErrorException(
                f"process_count_per_node={per_node} has no effect with distributed_backend='ps', "
                "which starts one worker on each node. Pass distributed_training="
                "TensorflowConfiguration(worker_count=…, parameter_server_count=…) instead."
            )
        return TensorflowConfiguration(worker_count=nodes)
    return PyTorchConfiguration(kind, process_count=nodes * per_node, node_count=nodes)


def _warn_of_containers(image: str | None, shm_size: str | None) -> None:
    """Say that settings of a container have no effect, because none is asked for."""
    settings = {"custom_docker_image": image, "shm_size": shm_size}
    ignored = [f"{name}={value!r}" for name, value in settings.items() if value is not None]
    if ignored:
        warn_once(
            f"{' and '.join(ignored)} has no effect without a container. Pass use_docker=True to "
            "run the script in one."
        )


def _pin(packages: Sequence[str], version: str | None) -> list[str]:
    if version is not None and packages:
        # pip takes a version of the others that fits the first one.
        return [f"{packages[0]}=={version}", *packages[1:]]
    return list(packages)


def _make_environment(
    source_directory: str,
    *,
    framework: Sequence[str],
    user_managed: bool,
    conda_packages: Iterable[str] | None,
    pip_packages: Iterable[str] | None,
    conda_file: str | None,
    pip_file: str | None,
) -> Environment:
    packages = CondaDependencies(_find(source_directory, conda_file) if conda_file else None)
    requirements = requirements_in(_find(source_directory, pip_file)) if pip_file else []
    for requirement in (*framework, *requirements, *(pip_packages or ())):
        if requirement.strip().startswith("-"):
            packages.set_pip_option(requirement.strip())
        elif requirement.strip() and not requirement.strip().startswith("#"):
            packages.add_pip_package(requirement.strip())
    for package in conda_packages or ():
        packages.add_conda_package(package)
    environment = Environment("estimator")
    environment.python.conda_dependencies = packages
    environment.python.user_managed_dependencies = user_managed
    return environment


def _find(source_directory: str, name: str) -> str:
    """Return a file's path: in the source directory if it is there, as in v1, or as given."""
    beside = os.path.join(source_directory, name)
    return beside if os.path.exists(beside) else name


def _to_arguments(params: Mapping[str, Any]) -> list[Any]:
    arguments: list[Any] = []
    for flag, value in params.items():
        arguments.append(flag)
        if value is not None and not (isinstance(value, str) and value == ""):
            arguments.append(value)
    return arguments


def _add_input(config: RunConfiguration, item: Any) -> None:
    if isinstance(item, DataReference):
        config.data_references[item.data_reference_name] = item
        return
    name = getattr(item, "name", None)
    if name is None:
        raise UserErrorException(
            f"The input {item!r} has no name: pass dataset.as_named_input('data'), or a "
            "DataReference."
        )
    config.data[name] = item
