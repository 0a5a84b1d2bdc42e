"""Checks that the methods of a plugin's object take the arguments of the contract."""

from __future__ import annotations

import inspect
from typing import Any


def check_signatures(plugin: Any, *protocols: type) -> None:
    """Fail if a method does not take the contract's arguments by position and by name.

    Missing methods are ignored, since they may be optional.
    """
    for protocol in protocols:
        for name, method in inspect.getmembers(protocol, inspect.isfunction):
            if not name.startswith("_") and hasattr(plugin, name):
                _check(plugin, name, inspect.signature(method))


def _check(plugin: Any, name: str, contract: inspect.Signature) -> None:
    parameters = list(contract.parameters.values())[1:]  # without self
    positional = [each for each in parameters if each.kind is not each.KEYWORD_ONLY]
    keywords = {each.name: each for each in parameters if each.kind is each.KEYWORD_ONLY}
    required = [each for each in parameters if each.default is each.empty]
    signature = inspect.signature(getattr(plugin, name))
    calls = [
        ((), {each.name: each for each in parameters}),
        (tuple(positional), keywords),
        ((), {each.name: each for each in required}),
    ]
    for arguments, named_arguments in calls:
        try:
            signature.bind(*arguments, **named_arguments)
        except TypeError as error:
            raise AssertionError(
                f"{name}{signature} does not take the arguments of {name}{contract}: {error}"
            ) from error
