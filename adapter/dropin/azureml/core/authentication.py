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
from amlflow.exceptions import AuthenticationException

__all__ = [
    "AbstractAuthentication",
    "ArmTokenAuthentication",
    "Audience",
    "AuthenticationException",
    "AzureCliAuthentication",
    "InteractiveLoginAuthentication",
    "MsiAuthentication",
    "ServicePrincipalAuthentication",
    "TokenAuthentication",
]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
