"""The drop-in's modules export v1's names, but no names that they only use themselves."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import azureml


def modules() -> list[ModuleType]:
    names = [module.name for module in pkgutil.walk_packages(azureml.__path__, "azureml.")]
    return [azureml, *map(importlib.import_module, names)]


def is_submodule(module: ModuleType, name: str) -> bool:
    value = vars(module)[name]
    return isinstance(value, ModuleType) and value.__name__ == f"{module.__name__}.{name}"


def test_completion_offers_the_names_that_a_module_exports_and_its_submodules() -> None:
    public = {
        (module.__name__, name)
        for module in modules()
        for name in dir(module)
        if not name.startswith("_") and not is_submodule(module, name)
    }
    exported = {
        (module.__name__, name)
        for module in modules()
        for name in getattr(module, "__all__", ())
        if not name.startswith("_")
    }
    assert len(exported) > 100
    assert public == exported
