"""What a model needs to be served: v1's ``azureml.core.resource_configuration``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amlflow.exceptions import WebserviceException


class ResourceConfiguration:
    """Processors, memory and GPUs for serving a model. amlflow stores them with the model only.

    Source: ``azureml.core.resource_configuration.ResourceConfiguration`` 1.61.

    Args:
        cpu: Cores, which may be a fraction.
        memory_in_gb: Gigabytes.
        gpu: A whole number of GPUs.
    """

    def __init__(
        self, cpu: float | None = None, memory_in_gb: float | None = None, gpu: int | None = None
    ) -> None:
        self.cpu, self.memory_in_gb, self.gpu = cpu, memory_in_gb, gpu

    def serialize(self) -> dict[str, Any]:
        """The configuration with v1's keys."""
        return {"cpu": self.cpu, "memoryInGB": self.memory_in_gb, "gpu": self.gpu}

    @staticmethod
    def deserialize(payload_obj: Mapping[str, Any] | None) -> ResourceConfiguration | None:
        """Make a configuration from the result of :meth:`serialize`.

        Raises:
            WebserviceException: a key is missing.
        """
        if payload_obj is None:
            return None
        missing = [key for key in ResourceConfiguration().serialize() if key not in payload_obj]
        if missing:
            raise WebserviceException(
                f"The resource configuration lacks the key {missing[0]!r}. It needs cpu, "
                "memoryInGB and gpu."
            )
        return ResourceConfiguration(*(payload_obj[key] for key in ("cpu", "memoryInGB", "gpu")))

    def check(self) -> None:
        """Raise WebserviceException if a value is not a positive number."""
        for name, value in (("cpu", self.cpu), ("memory_in_gb", self.memory_in_gb)):
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if value is not None and not (is_number and value > 0):
                raise WebserviceException(f"{name}={value!r} is not a number above zero.")
        if self.gpu is not None and not (isinstance(self.gpu, int) and self.gpu >= 0):
            raise WebserviceException(f"gpu={self.gpu!r} is not a whole number of GPUs.")
