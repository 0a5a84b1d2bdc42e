"""Uploads whose process is killed in the middle of a file.

Nobody sees a part of the file, and a second try is whole.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from azureml.core import Dataset, Model, Workspace
from helpers.servers import clean_environment

SIZE = 6 << 20
WHOLE = {"a.bin": 1, "b.bin": SIZE}

CHILD = """
import os, resource, signal, sys
from amlflow_mlflow.rest.uploads import FilePart
from azureml.core import Model, Workspace

workspace = Workspace.from_config()
datastore = workspace.get_default_datastore()
if sys.argv[2] == "sqlite":
    # The kernel kills whoever writes more than this into a file.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
else:
    read, sent = FilePart.read, []

    def read_or_die(part, *size):
        if sum(sent) > 4 << 20:
            os.kill(os.getpid(), signal.SIGXFSZ)
        content = read(part, *size)
        sent.append(len(content))
        return content

    FilePart.read = read_or_die
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
if sys.argv[1] == "datastore":
    datastore.upload("src", sys.argv[3], show_progress=False)
else:
    Model.register(workspace, "src", sys.argv[3])
"""


def sizes(datastore: Any, name: str, target: str) -> dict[str, int]:
    """The files of a folder of the datastore, by their names, with the bytes of each."""
    paths = Dataset.File.from_files((datastore, name)).download(target)
    return {os.path.basename(path): os.path.getsize(path) for path in paths}


@pytest.mark.parametrize("kind", ["sqlite", "server"])
def test_a_process_that_is_killed(
    kind: str, folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri: str = request.getfixturevalue(f"{kind}_uri")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    workspace, name = Workspace.from_config(), f"killed-{os.urandom(4).hex()}"
    datastore: Any = workspace.get_default_datastore()
    Path("src").mkdir()
    Path("src/a.bin").write_bytes(b"a")
    with open("src/b.bin", "wb") as file:
        file.truncate(SIZE)

    for what in ("datastore", "model"):
        command = [sys.executable, "-c", CHILD, what, kind, name]
        environment = clean_environment(MLFLOW_TRACKING_URI=uri)
        assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGXFSZ
    # A small file that was on its way to a server, the next process has sent meanwhile.
    assert sizes(datastore, name, "first").items() <= WHOLE.items()
    assert Model.list(workspace, name) == []
    assert name not in workspace.models
    if kind == "sqlite":
        with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database:
            assert database.execute("SELECT name FROM registered_models").fetchall() == []

    datastore.upload("src", name, show_progress=False)
    assert sizes(datastore, name, "second") == WHOLE
    model = Model.register(workspace, "src", name)
    assert model.version == 1
    assert os.path.getsize(Path(model.download("copy"), "b.bin")) == SIZE
