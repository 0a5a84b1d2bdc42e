"""The logic of the studio's JavaScript, by node's own test runner."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parent / "js"
MISSING = (
    "node or the packages of tests/integration/js are not here: install Node.js 20 or later (Debian's "
    "packages are nodejs and npm) and run `npm ci --prefix tests/integration/js`"
)


def test_the_pages_javascript() -> None:
    if not shutil.which("node") or not (TESTS / "node_modules" / "happy-dom").is_dir():
        # In CI this fails, as every skip does.
        pytest.skip(MISSING)
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap"],
        cwd=TESTS, capture_output=True, text=True, check=False,
        # A node that runs tests tells its children so, and they report to it.
        env={name: value for name, value in os.environ.items() if name != "NODE_TEST_CONTEXT"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # To node it is a success when there are no tests.
    assert "\n# pass 0" not in done.stdout
