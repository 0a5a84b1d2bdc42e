"""A plugin that is registered at run time, without being installed."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from amlflow import plugins
from amlflow.exceptions import UserErrorException
from amlflow.per_process import PerProcess
from amlflow.testing import register

PLUGIN = """
from amlflow.spec import hookimpl
from amlflow.testing.memory import MemoryTracker

amlflow_spec = 1

@hookimpl
def amlflow_tracker(uri):
    return MemoryTracker(uri) if uri.startswith("atruntime:") else None
"""


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "plugin_at_run_time.py").write_text(PLUGIN)
    (tmp_path / "plugin_of_no_version.py").write_text(PLUGIN.replace("amlflow_spec = 1", ""))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(plugins, "_trackers", PerProcess())
    yield
    plugins.load_plugins.cache_clear()


def test_a_registered_module_is_a_plugin_until_the_end() -> None:
    with register("plugin_at_run_time"):
        assert plugins.open_tracker("atruntime:x").uri == "atruntime:x"
        assert "plugin_at_run_time" in plugins.load_plugins().names
        # What another process reads at its start.
        assert os.environ[plugins.REGISTERED_SETTING] == "plugin_at_run_time=plugin_at_run_time"
    assert plugins.REGISTERED_SETTING not in os.environ
    with pytest.raises(UserErrorException, match="No plugin takes"):
        plugins.open_tracker("atruntime:y")


def test_a_module_object_and_another_name() -> None:
    module = importlib.import_module("plugin_at_run_time")
    with register(module, "mine"):
        assert "mine" in plugins.load_plugins().names
    assert "mine" not in plugins.load_plugins().names


@pytest.mark.parametrize(
    ("module", "why"), [("plugin_of_no_version", "amlflow_spec"), ("nowhere_at_all", "nowhere_at")]
)
def test_what_is_not_a_plugin_is_not_registered(module: str, why: str) -> None:
    with pytest.raises(UserErrorException, match=why), register(module):
        raise AssertionError
    assert plugins.REGISTERED_SETTING not in os.environ
