"""A namespace that other azureml packages share."""

from typing import Any as _Any

from amlflow.core.absent.names import explain_modules as _explain_modules
from amlflow.core.absent.names import submodule as _submodule

__path__ = __import__("pkgutil").extend_path(__path__, __name__)
_explain_modules()


def __getattr__(name: str) -> _Any:
    return _submodule(__name__, name)
