"""v1's sweeps, pipelines and automated ML: names that can be imported, and refuse a use.

Code imports them in one place with what it does use, and some imports one for ``isinstance`` alone.
"""

from __future__ import annotations

import functools
from typing import Any

from amlflow.core.absent.names import MODULES, refuse
from amlflow.core.absent.refusing import Refusing
from amlflow.exceptions import UserErrorException

_CLASSES = {
    "azureml.pipeline.core": (
        "InputPortBinding", "Module", "OutputPortBinding", "Pipeline", "PipelineData",
        "PipelineDataset", "PipelineDraft", "PipelineEndpoint", "PipelineParameter", "PipelineRun",
        "PipelineStep", "PortDataReference", "PublishedPipeline", "Schedule", "ScheduleRecurrence",
        "StepRun", "StepSequence", "TrainingOutput",
    ),
    "azureml.pipeline.steps": (
        "AdlaStep", "AutoMLStep", "AutoMLStepRun", "AzureBatchStep", "CommandStep",
        "DataTransferStep", "DatabricksStep", "EstimatorStep", "HyperDriveStep",
        "HyperDriveStepRun", "KustoStep", "ModuleStep", "MpiStep", "ParallelRunConfig",
        "ParallelRunStep", "PythonScriptStep", "RScriptStep", "SynapseSparkStep",
    ),
    "azureml.train.automl": ("AutoMLConfig", "AutoMLImageConfig", "AutoMLRun"),
    "azureml.train.hyperdrive": (
        "BanditPolicy", "BayesianParameterSampling", "GridParameterSampling", "HyperDriveConfig",
        "HyperDriveRun", "HyperDriveRunConfig", "MedianStoppingPolicy", "NoTerminationPolicy",
        "PrimaryMetricGoal", "RandomParameterSampling", "TruncationSelectionPolicy", "choice",
        "lognormal", "loguniform", "normal", "qlognormal", "qloguniform", "qnormal", "quniform",
        "randint", "uniform",
    ),
}  # fmt: skip
"""By module: its names. v1's functions, such as ``choice``, refuse a call as the classes do."""


@functools.cache
def refusing_class(module: str, name: str) -> type:
    """The class of a name of a module. Raises AttributeError if v1's module has no such name."""
    if name not in _CLASSES[module]:
        refuse(module, name)
    reason = MODULES.get(module) or MODULES[module.rpartition(".")[0]]

    def refuse_use(self: Any, *args: Any, **kwargs: Any) -> None:
        raise UserErrorException(f"amlflow has no {module}.{name}: {reason}.")

    members = {"__init__": refuse_use, "__module__": module, "reason": reason}
    return Refusing(name, (), members)
