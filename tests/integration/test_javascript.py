"""Tests of the studio's JavaScript, which node's own test runner runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from helpers.tools import lack, need

TESTS = Path(__file__).parent / "js"


def test_the_pages_javascript() -> None:
    node = need("node")
    if not (TESTS / "node_modules" / "happy-dom").is_dir():
        lack("the packages of tests/integration/js (npm ci --prefix tests/integration/js)")
    done = subprocess.run(
        [node, "--test", "--test-reporter=tap", "all.js"],
        cwd=TESTS, capture_output=True, text=True, check=False,
        # If node itself runs these tests, it sets this variable, and the child would report to it.
        env={name: value for name, value in os.environ.items() if name != "NODE_TEST_CONTEXT"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # node also ends with success if it finds no tests.
    assert "\n# pass 0" not in done.stdout
