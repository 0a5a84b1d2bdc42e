"""v1's ``azureml.data.dataset_type_definitions``, by amlflow."""

from amlflow.core.data.data_type import PromoteHeadersBehavior

__all__ = ["PromoteHeadersBehavior"]
