"""The blocks of docs/distributed.md run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from blocks import block
from helpers import servers


def test_two_processes_of_one_run(folder: Path, sqlite_uri: str, jobs: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block("distributed")],
        cwd=folder,
        env=servers.clean_environment(MLFLOW_TRACKING_URI=sqlite_uri),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n".join(done.stdout.splitlines()[-2:]) == block("distributed-output").strip()
