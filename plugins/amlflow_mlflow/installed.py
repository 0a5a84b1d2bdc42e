"""Whether MLflow is installed, without importing it."""

from __future__ import annotations

from importlib.util import find_spec

from amlflow.exceptions import UserErrorException


def check_mlflow(need: str) -> None:
    """Raise :class:`UserErrorException` without MLflow; ``need`` is what needs it, a clause."""
    if find_spec("mlflow") is None:
        raise UserErrorException(
            f"{need}, and MLflow is not installed here: pip install 'amlflow[mlflow]'."
        )
