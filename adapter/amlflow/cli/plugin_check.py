"""``amlflow plugins check``: the conformance suites on a plugin that is installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile

from amlflow import plugins
from amlflow.cli.errors import Missing
from amlflow.exceptions import UserErrorException


def check(name: str, uri: str | None) -> None:
    """Run the suites for a plugin's tracker and compute target. pytest prints the failures.

    ``name`` is the plugin's name, as ``amlflow plugins`` prints it.

    Raises:
        Missing: no plugin has this name.
        UserErrorException: a sentence of the contract does not hold, or the plugin does not load
            or does not say where to try it.
    """
    if importlib.util.find_spec("pytest") is None:
        raise UserErrorException("The suites need pytest: pip install 'amlflow[testing]'.")
    plugin = plugins.load_plugins().manager.get_plugin(name)
    if plugin is None:
        if why := plugins.load_plugins().failures.get(name):
            raise UserErrorException(f"The plugin {name!r} does not load: {why}.")
        raise Missing(f"Plugin {name!r} does not exist; {plugins.load_plugins().describe()}.")
    environment = dict(os.environ)
    suites = []
    for hook, suite, attribute, value in (
        ("amlflow_tracker", "TestTracker", "check_uri", uri),
        ("amlflow_compute", "TestCompute", "check_kind", None),
        ("amlflow_cluster", "TestCluster", "check_cluster", None),
    ):
        if not hasattr(plugin, hook):
            continue
        where = value or getattr(plugin, attribute, None)
        if where is None:
            raise UserErrorException(
                f"The plugin {name!r} does not say which tracker, compute target or cluster to "
                f"test. Beside the hook {hook}, it needs {attribute} (see amlflow.spec.hookimpl)."
            )
        environment[f"AMLFLOW_{attribute.upper()}"] = where
        suites.append(f"amlflow.testing.check::{suite}")
    if not suites:
        raise UserErrorException(f"The plugin {name!r} has no tracker, compute target or cluster.")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", folder, "-q"]
        options = ["-p", "no:cacheprovider", "--basetemp", f"{folder}/files", "--pyargs", *suites]
        result = subprocess.run([*command, *options], cwd=folder, env=environment, check=False)
    if result.returncode != 0:
        raise UserErrorException(
            f"The plugin {name!r} does not keep the contract. Each failure above names the broken "
            "sentences of amlflow.spec. If one names a service that does not answer, start the "
            "service, and check again."
        )
