"""v1's ``azureml.core.authentication``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.authentication import (
    AbstractAuthentication,
    ArmTokenAuthentication,
    Audience,
    AzureCliAuthentication,
    InteractiveLoginAuthentication,
    MsiAuthentication,
    ServicePrincipalAuthentication,
    TokenAuthentication,
)
from amlflow.exceptions import (
    AuthenticationException,
    AzureMLException,
    RunEnvironmentException,
    UserErrorException,
)

__all__ = [
    "AbstractAuthentication",
    "ArmTokenAuthentication",
    "Audience",
    "AuthenticationException",
    "AzureCliAuthentication",
    "AzureMLException",
    "InteractiveLoginAuthentication",
    "MsiAuthentication",
    "RunEnvironmentException",
    "ServicePrincipalAuthentication",
    "TokenAuthentication",
    "UserErrorException",
]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
