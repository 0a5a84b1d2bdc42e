"""The error that ends the preparation of a script's data, apart from what imports its packages."""

from __future__ import annotations

from amlflow.exceptions import AzureMLException


class ProvidingCanceled(AzureMLException):
    """The run was cancelled while its data was put in place."""
