"""v1's ``azureml.core.authentication``.

amlflow does not sign in. The user, password or token for a tracking server come from MLflow's
environment variables: ``MLFLOW_TRACKING_USERNAME`` and ``MLFLOW_TRACKING_PASSWORD``, or
``MLFLOW_TRACKING_TOKEN``. v1 code creates objects of these classes and passes them as ``auth=``.
Their arguments about Azure are not sent anywhere, because a tracking server must not get a secret
of Azure.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from enum import Enum
from typing import Any, NoReturn

from amlflow.core.absent.members import Absent
from amlflow.exceptions import AuthenticationException, UserErrorException

USER_SETTING = "MLFLOW_TRACKING_USERNAME"
PASSWORD_SETTING = "MLFLOW_TRACKING_PASSWORD"  # noqa: S105  # a variable's name
TOKEN_SETTING = "MLFLOW_TRACKING_TOKEN"  # noqa: S105


class Audience(Enum):
    """The purposes of a token. The names are v1's."""

    ARM = "ARM"
    AZUREML = "AZUREML"
    arm = ARM
    aml = AZUREML


class AbstractAuthentication:
    """The base class of the objects that v1 code passes as ``auth=``.

    Source: ``azureml.core.authentication`` 1.61; names and parameters are v1's.
    """

    signed_session = Absent()

    def __init__(self, cloud: str | None = None) -> None:
        """Accept ``cloud``, which names a cloud of Azure and is not used."""

    def get_authentication_header(self) -> dict[str, str]:
        """Return the HTTP header with your credentials for the tracking server.

        Raises:
            AuthenticationException: neither a user with a password nor a token is set.
        """
        user, password = os.environ.get(USER_SETTING), os.environ.get(PASSWORD_SETTING)
        token = os.environ.get(TOKEN_SETTING)
        if user and password:
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        if not token:
            _refuse("The header for the tracking server is not known")
        return _bearer(token)

    def get_token(self, *scopes: str, **kwargs: Any) -> Any:
        """Raise AuthenticationException: only Azure issues tokens for Azure."""
        _refuse(f"{type(self).__name__} has no token of Azure")


class InteractiveLoginAuthentication(AbstractAuthentication):
    """v1's sign-in in a browser. amlflow does not open one."""

    def __init__(
        self, force: bool = False, tenant_id: str | None = None, cloud: str | None = None
    ) -> None:
        super().__init__(cloud)


class AzureCliAuthentication(AbstractAuthentication):
    """v1's use of the account of ``az login``. amlflow does not ask ``az``."""


class MsiAuthentication(AbstractAuthentication):
    """v1's sign-in with the identity of a virtual machine."""

    def __init__(self, cloud: str | None = None, **kwargs: Any) -> None:
        """Accept ``identity_config`` and ``cloud``, which are for Azure and are not used.

        Raises:
            UserErrorException: another keyword is given.
        """
        unknown = sorted(set(kwargs) - {"identity_config"})
        if unknown:
            raise UserErrorException(f"MsiAuthentication does not know {', '.join(unknown)}.")
        super().__init__(cloud)


class ServicePrincipalAuthentication(AbstractAuthentication):
    """v1's sign-in with the account of a program. Its id and password are for Azure; not kept."""

    def __init__(
        self,
        tenant_id: str,
        service_principal_id: str,
        service_principal_password: str,
        cloud: str = "AzureCloud",
        _enable_caching: bool = True,
    ) -> None:
        super().__init__(cloud)


class ArmTokenAuthentication(AbstractAuthentication):
    """Authentication with a token that the caller has already."""

    def __init__(self, arm_access_token: str, cloud: str = "None") -> None:
        super().__init__(cloud)
        self._token = arm_access_token

    def get_authentication_header(self) -> dict[str, str]:
        """Return the HTTP header with the caller's token."""
        return _bearer(self._token)

    def update_arm_access_token(self, new_arm_access_token: str) -> None:
        """Use another token from now on."""
        self._token = new_arm_access_token


class TokenAuthentication(AbstractAuthentication):
    """Authentication with tokens from a function of the caller, one for each audience."""

    def __init__(
        self, get_token_for_audience: Callable[[Audience], str], cloud: str | None = None
    ) -> None:
        """Keep the caller's function.

        Raises:
            AuthenticationException: ``get_token_for_audience`` is not a function.
        """
        if not callable(get_token_for_audience):
            raise AuthenticationException(
                f"get_token_for_audience={get_token_for_audience!r} is not a function that takes "
                "an Audience and returns a token."
            )
        super().__init__(cloud)
        self._get_token = get_token_for_audience

    def get_token(self, audience: Audience = Audience.ARM) -> str:  # type: ignore[override]
        """Return the token that the caller's function returns.

        Raises:
            AuthenticationException: the function returned something else than a text.
        """
        token = self._get_token(audience)
        if not isinstance(token, str):
            raise AuthenticationException(
                f"get_token_for_audience returned a {type(token).__name__} instead of a text, "
                "which the token is."
            )
        return token

    def get_authentication_header(self) -> dict[str, str]:
        """Return the HTTP header with the token for :attr:`Audience.ARM`."""
        return _bearer(self.get_token(Audience.ARM))


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _refuse(what: str) -> NoReturn:
    raise AuthenticationException(
        f"{what}: amlflow does not sign in to Azure. If the tracking server wants to know who you "
        f"are, set {USER_SETTING} and {PASSWORD_SETTING}, or {TOKEN_SETTING}."
    )
