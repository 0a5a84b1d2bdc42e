"""docs/models.md: its example runs as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from blocks import block
from helpers import servers


def test_the_models_print_what_is_shown(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block("models")],
        cwd=folder,
        env=servers.clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == block("models-output")
