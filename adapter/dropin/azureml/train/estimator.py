"""v1's ``azureml.train.estimator``, by amlflow."""

from amlflow.core.scripts.estimators import Estimator

__all__ = ["Estimator"]
