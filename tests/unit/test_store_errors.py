"""Errors of the clients of artifact stores."""

from __future__ import annotations

from typing import Any

import pytest
from amlflow.exceptions import AuthenticationException
from amlflow.spec import Refused, TooLarge, Unavailable
from amlflow.store_errors import error_of_store


def client_error(name: str, module: str, text: str = "words", **attributes: Any) -> Exception:
    kind = type(name, (Exception,), {"__module__": module, **attributes})
    return kind(text)


def of_status(status: int) -> Exception:
    response = {"ResponseMetadata": {"HTTPStatusCode": status}}
    return client_error("ClientError", "botocore.exceptions", response=response)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (client_error("NoCredentialsError", "botocore.exceptions"), AuthenticationException),
        (client_error("DefaultCredentialsError", "google.auth"), AuthenticationException),
        (client_error("ClientAuthenticationError", "azure.core"), AuthenticationException),
        (client_error("ParamValidationError", "botocore.exceptions"), Refused),
        (client_error("InvalidURL", "requests.exceptions"), Refused),
        (client_error("EndpointConnectionError", "botocore.exceptions"), Unavailable),
        (client_error("ReadTimeoutError", "urllib3.exceptions"), Unavailable),
        (client_error("ServiceResponseError", "azure.core.exceptions"), Unavailable),
        (ModuleNotFoundError("No module named 'boto3'"), Unavailable),
        (ConnectionResetError(), Unavailable),
        (of_status(403), AuthenticationException),
        (of_status(404), Refused),
        (of_status(413), TooLarge),
        (of_status(503), Unavailable),
        (of_status(507), Refused),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)  # fmt: skip
def test_each_error_of_a_client_is_one_of_the_contract(error: Exception, kind: type) -> None:
    assert type(error_of_store(error, "It", "'f'")) is kind


def test_the_outermost_error_that_says_something_counts() -> None:
    wrapper, cause = client_error("Wrapper", "mlflow.exceptions"), of_status(403)
    wrapper.__cause__ = cause
    cause.__cause__ = of_status(503)
    assert type(error_of_store(wrapper, "It", "'f'")) is AuthenticationException


def test_an_error_of_the_program_is_none_of_a_store() -> None:
    assert error_of_store(ValueError("a bug"), "It", "'f'") is None


def test_a_message_has_no_signature_of_an_address() -> None:
    text = "Max retries exceeded with url: /bucket/key?X-Amz-Signature=abc&Expires=1 (Caused by x)"
    for kind in ("ConnectionError", "InvalidURL"):
        error = error_of_store(client_error(kind, "requests.exceptions", text), "It", "'f'")
        assert error is not None
        assert "abc" not in error.message
