"""v1's ``azureml.train.sklearn``, by amlflow."""

from amlflow.core.scripts.estimators import SKLearn

__all__ = ["SKLearn"]
