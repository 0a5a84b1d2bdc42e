"""v1's ``azureml.core.experiment``, by amlflow."""

from amlflow.core.experiment import Experiment

__all__ = ["Experiment"]
