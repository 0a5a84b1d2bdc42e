"""v1's ``azureml.data.dataset_consumption_config``, by amlflow."""

from amlflow.core.data.consumption import DatasetConsumptionConfig

__all__ = ["DatasetConsumptionConfig"]
