"""The exceptions that v1 code catches, with v1's names, base classes, attributes and texts.

Source: the public classes of ``azureml.exceptions`` 1.61. The errors of the contract
(``amlflow.spec``) are subclasses of these, so v1 code also catches the errors of a tracker.
"""

from __future__ import annotations

import json
import traceback
from typing import Any

__all__ = [
    "ActivityFailedException",
    "AuthenticationException",
    "AzureMLAggregatedException",
    "AzureMLException",
    "AzureMLRestClientException",
    "ComputeTargetException",
    "DatasetTimestampMissingError",
    "DiscoveryUrlNotFoundException",
    "ExperimentExecutionException",
    "ExperimentNotFoundException",
    "ModelNotFoundException",
    "ModelPathNotFoundException",
    "ParallelRunException",
    "ProjectSystemException",
    "RunConfigurationException",
    "RunEnvironmentException",
    "ServiceException",
    "SnapshotException",
    "TrainingException",
    "UserErrorException",
    "WebserviceException",
    "WorkspaceException",
    "WorkspacePrivateEndpointException",
]


class AzureMLException(Exception):
    """The base class of all of v1's exceptions.

    ``str(error)`` shows the class, the message, the inner exception and the error as v1's
    service would send it; ``error.message`` is the message alone.
    """

    _error_codes: tuple[str, ...] = ()

    def __init__(
        self,
        exception_message: str,
        inner_exception: BaseException | None = None,
        target: str | None = None,
        details: list[str] | None = None,
        message_format: str | None = None,
        message_parameters: dict[str, Any] | None = None,
        reference_code: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(exception_message)
        self._exception_message = exception_message
        self._inner_exception = inner_exception
        self._target = target
        self._details = details
        self._message_format = message_format
        self._message_parameters = message_parameters
        self._reference_code = reference_code

    @property
    def message(self) -> str:
        """What was wrong, why, and what to do, in plain text."""
        return self._exception_message

    @message.setter
    def message(self, value: str) -> None:
        self._exception_message = value

    @property
    def inner_exception(self) -> BaseException | None:
        """The exception that led to this one, if there is one."""
        return self._inner_exception

    @inner_exception.setter
    def inner_exception(self, value: BaseException | None) -> None:
        self._inner_exception = value

    def print_stacktrace(self) -> None:
        """Print the error with its traceback to standard error."""
        traceback.print_exception(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickling must work for every subclass, whatever arguments its constructor takes.
        return _rebuilt, (type(self), self.args), self.__dict__

    def _error_response(self) -> dict[str, Any]:
        error: dict[str, Any] = {}
        if self._error_codes:
            error["code"] = self._error_codes[0]
        inner: dict[str, Any] = error
        for code in self._error_codes[1:]:
            inner["inner_error"] = {"code": code}
            inner = inner["inner_error"]
        error["message"] = self._exception_message
        for key, value in (
            ("message_format", self._message_format),
            ("message_parameters", self._message_parameters),
            ("target", self._target),
            ("details", self._details),
            ("reference_code", self._reference_code),
        ):
            if value:
                error[key] = value
        return {"error": error}

    def __str__(self) -> str:
        response = json.dumps(self._error_response(), indent=4, ensure_ascii=False, default=str)
        return (
            f"{type(self).__name__}:\n\tMessage: {self._exception_message}"
            f"\n\tInnerException {self._inner_exception}\n\tErrorResponse \n{response}"
        )

    __repr__ = __str__


def _rebuilt(error: type[AzureMLException], args: tuple[Any, ...]) -> AzureMLException:
    copy = error.__new__(error, *args)
    copy.args = args
    return copy


class UserErrorException(AzureMLException):
    """The call is wrong, or asks for something that is not possible now."""

    _error_codes: tuple[str, ...] = ("UserError",)


class WrongUsage(UserErrorException):
    """The command line is wrong (exit code 2). v1 has no such class, so ``__all__`` lacks it."""


class AuthenticationException(UserErrorException):
    """The caller is unknown, or lacks a permission."""

    _error_codes = ("UserError", "Authentication")


class AzureMLRestClientException(AzureMLException):
    """The tracking server answered with an error."""


class ServiceException(AzureMLRestClientException):
    """The tracking server answered with an error, or did not answer.

    ``status_code`` is the HTTP status, if there is one.
    """

    status_code: int | None = None


class RunEnvironmentException(AzureMLException):
    """``Run.get_context(allow_offline=False)`` was called outside a submitted run."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            "This process is not a submitted run, so it has no run to load; "
            "start one with experiment.start_logging().",
            **kwargs,
        )


class ActivityFailedException(AzureMLException):
    """``wait_for_completion`` found that the run failed. The message has the error as JSON."""

    def __init__(self, error_details: str, **kwargs: Any) -> None:
        super().__init__(f"Activity Failed:\n{error_details}", **kwargs)


class AzureMLAggregatedException(AzureMLException):
    """Several errors at once."""

    def __init__(self, exceptions_list: Any, **kwargs: Any) -> None:
        if isinstance(exceptions_list, (list, tuple)):
            exceptions_list = "\n".join(str(error) for error in exceptions_list)
        super().__init__(str(exceptions_list), **kwargs)


class ComputeTargetException(AzureMLException):
    """The compute target is unknown, or does not work."""


class DatasetTimestampMissingError(AzureMLException):
    """A data set has no timestamp column, and is asked for the rows of some time."""

    def __init__(self, error_details: str, **kwargs: Any) -> None:
        super().__init__(f"Activity Failed:\n{error_details}", **kwargs)


class DiscoveryUrlNotFoundException(AzureMLException):
    """An environment variable that should name an address of the service is not set."""

    def __init__(self, discovery_key: str, **kwargs: Any) -> None:
        super().__init__(
            f"Could not load discovery key {discovery_key}, from environment variables.", **kwargs
        )


class ExperimentExecutionException(AzureMLException):
    """A run could not be executed or waited for."""


class ExperimentNotFoundException(AzureMLException):
    """No experiment has this name or id."""


class ModelNotFoundException(AzureMLException):
    """No model has this name. The message is also logged as an error to ``logger``, if given."""

    def __init__(self, exception_message: str, logger: Any = None, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)
        if logger is not None:
            logger.error(exception_message)


class ModelPathNotFoundException(AzureMLException):
    """The path for a model does not exist. The message is also logged to ``logger``, if given."""

    def __init__(self, exception_message: str, logger: Any = None, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)
        if logger is not None:
            logger.error(exception_message)


class ParallelRunException(AzureMLException):
    """Kept for code that raises or catches it; amlflow never raises it."""

    def __init__(
        self,
        exception_message: str,
        code: str | None = None,
        delay_seconds: float = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(exception_message, **kwargs)
        self.code = code
        self.delay_seconds = delay_seconds


class ProjectSystemException(AzureMLException):
    """The folder is not attached, or its configuration is broken."""


class RunConfigurationException(AzureMLException):
    """The run configuration is missing or wrong."""


class SnapshotException(AzureMLException):
    """The snapshot is too large, is missing, or cannot be read."""


class TrainingException(AzureMLException):
    """Kept for ``except`` clauses; amlflow never raises it."""


class WebserviceException(AzureMLException):
    """A call about a web service is refused, or a registered model's arguments are wrong."""

    def __init__(
        self,
        exception_message: str,
        status_code: int | None = None,
        logger: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(exception_message, **kwargs)
        self.status_code = status_code


class WorkspaceException(AzureMLException):
    """The workspace is unknown, or exists already."""

    def __init__(self, exception_message: str, found_multiple: bool = False, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)
        self.found_multiple = found_multiple


class WorkspacePrivateEndpointException(WorkspaceException):
    """Kept for ``except`` clauses; amlflow has no private endpoints and never raises it."""
