"""v1's classes for serving a model. They can be imported, and refuse where they are used.

Much code that trains and registers a model imports them for a part that deploys it. That part is
Azure's: each class says so at the first call. A workspace has no web services and no images, so
that to list them gives an empty list, and to open one raises what v1 raises.
"""

from __future__ import annotations

from typing import Any

from amlflow.core.absent.names import SERVING
from amlflow.core.absent.refusing import Refusing
from amlflow.exceptions import UserErrorException, WebserviceException


class InferenceConfig(metaclass=Refusing):
    """How a model is served in Azure: refused."""

    reason = SERVING

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise UserErrorException(f"amlflow has no InferenceConfig: {SERVING}.")


class Webservice(metaclass=Refusing):
    """A served model in Azure: there is none."""

    reason = SERVING

    def __init__(self, workspace: Any, name: str, **kwargs: Any) -> None:
        """Raise WebserviceException: no web service has this name."""
        raise WebserviceException(
            f"WebserviceNotFound: Webservice with name {name} not found in provided workspace: "
            f"{SERVING}.",
            status_code=404,
        )

    @staticmethod
    def list(workspace: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """No web services."""
        return []


class AciWebservice(Webservice):
    """A model served in Azure Container Instances: there is none."""


class AksWebservice(Webservice):
    """A model served in Azure Kubernetes Service: there is none."""


class AksEndpoint(AksWebservice):
    """Versions of a model served together in Azure Kubernetes Service: there is none."""


class LocalWebservice(Webservice):
    """A model served in a container of this machine: there is none."""


class Image(metaclass=Refusing):
    """A container image for serving in Azure: there is none."""

    reason = SERVING

    def __init__(self, workspace: Any, *args: Any, **kwargs: Any) -> None:
        """Raise WebserviceException: no image is as described."""
        raise WebserviceException(
            f"ImageNotFound: Image not found in provided workspace: {SERVING}.", status_code=404
        )

    @staticmethod
    def list(workspace: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """No images."""
        return []


class ContainerImage(Image):
    """An image with a model and its scoring script: there is none."""
