"""v1's ``azureml.core.script_run_config``, by amlflow."""

from amlflow.core.data.datapath import DataPath, DataPathComputeBinding
from amlflow.core.scripts.data_section import Data
from amlflow.core.scripts.distributed import (
    MpiConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from amlflow.core.scripts.run_configuration import DockerConfiguration, RunConfiguration
from amlflow.core.scripts.script_run_config import ScriptRunConfig, get_run_config_from_script_run
from amlflow.exceptions import RunConfigurationException, UserErrorException

__all__ = [
    "Data",
    "DataPath",
    "DataPathComputeBinding",
    "DockerConfiguration",
    "MpiConfiguration",
    "PyTorchConfiguration",
    "RunConfiguration",
    "RunConfigurationException",
    "ScriptRunConfig",
    "TensorflowConfiguration",
    "UserErrorException",
    "get_run_config_from_script_run",
]
