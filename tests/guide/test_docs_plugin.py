"""The plugin of docs/plugins.md, from an empty folder to a passing suite."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from blocks import block
from helpers.wheels import lend_packages, make_environment, pip, run


def test_from_an_empty_folder_to_a_passing_suite(folder: Path, wheel: Path) -> None:
    # What pip would fetch is here: the wheel, and what both it and a build need.
    environment = make_environment(folder / ".venv", with_pip=True)
    pip(environment, "install", "--no-deps", "--no-index", wheel)
    lend_packages(environment)
    # The same tests run whole in tests/contract.
    offline = {
        "PYTEST_ADDOPTS": "--quick",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    told = []
    for command in [*block("plugin-new").splitlines(), *block("plugin-check").splitlines()]:
        if "plugins check" in command:  # it runs the suites that have just passed
            offline["PYTEST_ADDOPTS"] = "--quick -k 'test_a_ and not killed'"
        done = run("bash", "-c", command, folder=folder, PATH=path, AMLFLOW=str(wheel), **offline)
        assert done.returncode == 0, command + done.stdout + done.stderr
        told.append(done.stdout + done.stderr)
    assert "notes: no layers" in told[4]
    for suite in (told[2], told[5]):
        assert " passed" in suite
        assert "features not claimed" in suite
    example = run(
        environment / "bin" / "python", "-c", block("plugin-example"), folder=folder,
        MLFLOW_TRACKING_URI="notes:mine",
    )  # fmt: skip
    assert "Completed {'loss': 0.25}" in example.stdout, example.stderr


def test_a_known_limit() -> None:
    names: dict[str, Any] = {}
    exec(block("plugin-limit"), names)
    assert names["NotesTracker"].known_limits == names["known_limits"]
