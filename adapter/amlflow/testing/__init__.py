"""For authors of plugins: conformance suites, and reference plugins that pass them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import ModuleType

from amlflow import plugins


@contextlib.contextmanager
def register(module: ModuleType | str, name: str | None = None) -> Iterator[None]:
    """Register a module as a plugin that is not installed, for example in a fixture::

        @pytest.fixture(scope="module", autouse=True)
        def plugin():
            with amlflow.testing.register("my_plugin"):
                yield

    ``module`` is the module or its name for ``import``. ``name`` is the plugin's name (default:
    the module's name). Processes that are started within the ``with`` block have the plugin, too,
    if they can import the module.

    Raises:
        UserErrorException: the module does not load as a plugin.
    """
    path = module if isinstance(module, str) else module.__name__
    name = name or path.rpartition(".")[2]
    plugins.register(name, path)
    try:
        yield
    finally:
        plugins.unregister(name)


__all__ = ["register"]
