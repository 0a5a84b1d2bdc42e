"""The module ``azureml`` and its submodules. Their names come from amlflow's own Python."""

import importlib.abc
import importlib.machinery
import sys
import types
from typing import Any

from .objects import call


class _Module(types.ModuleType):
    """A module whose names are those of amlflow's module."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = call("get_name", None, self.__name__, (name,))
        setattr(self, name, value)
        return value


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """A finder of those submodules of ``azureml`` that no package of the environment has."""

    def __init__(self, root: str) -> None:
        self._root = root

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if not name.startswith(self._root + "."):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> types.ModuleType:
        try:
            call("import", None, spec.name)
        except ModuleNotFoundError as error:
            error.name = spec.name  # "from azureml import name" reads it to see what is missing
            raise
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def use_calls(name: str) -> None:
    """Make a module and its submodules ask the process for their names."""
    sys.modules[name].__class__ = _Module
    sys.meta_path.append(_Finder(name))
