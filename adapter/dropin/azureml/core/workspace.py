"""v1's ``azureml.core.workspace``, by amlflow."""

from amlflow.core.absent.serving import Image, Webservice
from amlflow.core.authentication import InteractiveLoginAuthentication
from amlflow.core.compute.compute_target import AmlCompute, ComputeTarget
from amlflow.core.data.entry import Dataset
from amlflow.core.models.model import Model
from amlflow.core.workspace import Workspace
from amlflow.exceptions import ProjectSystemException, UserErrorException, WorkspaceException

__all__ = [
    "AmlCompute",
    "ComputeTarget",
    "Dataset",
    "Image",
    "InteractiveLoginAuthentication",
    "Model",
    "ProjectSystemException",
    "UserErrorException",
    "Webservice",
    "Workspace",
    "WorkspaceException",
]
