"""A script uses v1's names on a Python version that amlflow itself does not support.

The script runs on the oldest such Python of this machine. If there is none, it runs on this Python,
which then has only its standard library and the client.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pandas
import pytest
from amlflow.core.store import store_of
from amlflow.environments.container_room import room_for_container
from amlflow.environments.room import find_room
from amlflow.jobs.job import AGENT_PYTHON
from amlflow.old_pythons.client.values import decode, encode
from helpers.old_pythons import old_pythons
from helpers.submitted_jobs import until

RUN_ON_IT = "import sys; sys.path.insert(0, sys.argv[1]); exec(open(sys.argv[2]).read())"


class Script:
    """Runs a script as one of a run."""

    def __init__(self, folder: Path, run: Any) -> None:
        self._folder, self.run = folder, run
        store = store_of(run)
        self._environ = {
            **os.environ,
            AGENT_PYTHON: sys.executable,
            "MLFLOW_TRACKING_URI": store.uri,
            "AZUREML_RUN_ID": run.id,
            "AZUREML_ARM_SUBSCRIPTION": store.subscription_id,
            "AZUREML_ARM_RESOURCEGROUP": store.resource_group,
            "AZUREML_ARM_WORKSPACE_NAME": store.workspace_name,
            "AZUREML_ARM_PROJECT_NAME": run.experiment.name,
            "TMPDIR": str(folder),
        }

    def start(self, code: str, python: str | None = None, **environ: str) -> subprocess.Popen[str]:
        file = self._folder / "script.py"
        file.write_text(textwrap.dedent(code))
        room = find_room(self._folder / "rooms", (3, 6))
        return subprocess.Popen(
            [python or old_pythons()[0], "-I", "-S", "-c", RUN_ON_IT, str(room), str(file)],
            cwd=self._folder, env={**self._environ, **environ}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def output(self, code: str, python: str | None = None, **environ: str) -> str:
        process = self.start(code, python, **environ)
        text, _ = process.communicate(timeout=60)
        assert process.returncode == 0, text
        return text


@pytest.fixture
def script(sqlite_uri: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    from azureml.core import Experiment, Workspace

    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri)
    experiment = Experiment(Workspace("sub", "group", "workspace"), "old")
    return Script(folder, experiment.start_logging(snapshot_directory=None))


def test_a_script_uses_v1s_names(script: Script) -> None:
    code = """
    import io, os, sys, threading
    import azureml.core
    from azureml.core import Dataset, Experiment, Model, Run, Workspace
    from azureml.core.run import Run as SameRun, _OfflineRun
    from azureml.exceptions import AzureMLException, UserErrorException

    def error_of(function, *arguments):
        try:
            function(*arguments)
        except Exception as error:
            return error

    run = Run.get_context()
    assert Run is SameRun and isinstance(run, Run) and not isinstance(run, _OfflineRun)
    assert Run.get_context() is run and run.id == os.environ["AZUREML_RUN_ID"]
    assert str(run).startswith("Run(Experiment: old"), run
    workspace = run.experiment.workspace
    assert workspace.name == "workspace" and workspace.experiments["old"] == run.experiment
    assert [each.id for each in run.experiment.get_runs()] == [run.id]

    run.log("loss", 0.5)
    run.log("loss", 0.25, step=3)
    run.log("text", "a")
    run.log_list("list", range(3))
    run.log_row("row", a=1, b="x")
    run.log_table("table", {"a": [1, 2]})
    error = error_of(run.log, "loss", [1])
    assert isinstance(error, UserErrorException) and isinstance(error, AzureMLException)
    assert "run.log_list()" in error.message and "run.log_list()" in str(error), error
    assert isinstance(error_of(run.log, "", 1), UserErrorException)
    assert run.get_metrics("loss") == {"loss": [0.5, 0.25]}

    run.tag("key", "value")
    assert run.get_tags() == {"key": "value"}
    run.display_name = "named"
    assert run.display_name == "named"

    os.mkdir("below")
    os.chdir("below")
    with open("file.txt", "w") as file:
        file.write("content")
    run.upload_file("file.txt", "file.txt")
    run.upload_file("stream.txt", io.BytesIO(b"stream"))
    run.download_file("stream.txt", "back.txt")
    with open("back.txt") as file:
        assert file.read() == "stream"
    model = run.register_model("model", "file.txt")
    assert Model(workspace, "model").version == model.version == 1

    with run.child_run("child") as child:
        child.log("x", 1)
    try:
        with run.child_run("bad") as bad:
            raise ValueError("reason")
    except ValueError:
        pass
    assert child.get_status() == "Completed" and bad.get_status() == "Failed"
    assert "reason" in bad.get_details()["error"]["error"]["message"]

    threads = [threading.Thread(target=run.log, args=("thread", i)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run.get_metrics("thread")["thread"]) == list(range(20))
    pid = os.fork()
    if pid == 0:
        run.log("forked", 7)
        assert run.get_tags() == {"key": "value"}
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0

    class Unknown:
        def __repr__(self):
            return "unknown"

    run.log("object", Unknown())
    assert run.get_metrics("object") == {"object": "unknown"}
    assert "cannot be passed" in str(error_of(run.tag, "key", Unknown()))
    assert isinstance(error_of(getattr, run, "gone"), AttributeError)
    assert "no key vault" in str(error_of(__import__, "azureml.core.keyvault"))
    try:
        from azureml.core import Gone
    except ImportError as error:
        assert "Gone" in str(error)
    else:
        assert False
    print("done")
    """
    assert script.output(code).endswith("done\n")
    metrics = script.run.get_metrics()
    assert metrics["forked"] == 7
    assert metrics["text"] == "a"
    assert metrics["list"] == [0, 1, 2]
    assert metrics["row"] == {"a": 1, "b": "x"}
    assert metrics["table"] == {"a": [1, 2]}


def test_the_newest_of_them_logs(script: Script) -> None:
    code = """
    from azureml.core import Run
    Run.get_context().log("x", 1)
    """
    assert script.output(code, old_pythons()[-1]) == ""
    assert script.run.get_metrics() == {"x": 1}


def test_what_a_killed_script_has_logged_is_kept(script: Script) -> None:
    code = """
    import os, signal
    from azureml.core import Run
    run = Run.get_context()
    run.id
    for number in range(500):
        run.log("x", number)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    process = script.start(code)
    assert process.wait(60) == -signal.SIGKILL
    until(lambda: len(script.run.get_metrics().get("x", [])) == 500)


def test_the_process_that_makes_the_calls_is_killed(script: Script) -> None:
    code = """
    import os, signal
    from azureml.core import Run
    from azureml.connection import connection
    run = Run.get_context()
    os.kill(connection._process.pid, signal.SIGKILL)
    connection._process.wait()
    try:
        run.get_metrics()
    except RuntimeError as error:
        print(error)
    """
    assert script.output(code).startswith("The process that makes amlflow's calls for this script")


def test_without_amlflows_own_python_the_error_says_what_to_do(script: Script) -> None:
    code = """
    try:
        from azureml.core import Run
    except RuntimeError as error:
        print(error)
    """
    assert "submit the script with an environment" in script.output(code, **{AGENT_PYTHON: ""})


def test_a_container_gets_folders_without_links_in_their_paths(tmp_path: Path) -> None:
    """A container has these folders by these paths only, and none of this machine's libraries."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    room = room_for_container(tmp_path / "link", is_old=True)
    assert room.python is not None
    assert {room.path, room.python.parent} < set(room.folders)
    for path in room.folders:
        assert path.parent == tmp_path / "real"
    client = (room.path / "azureml").resolve()
    assert client.is_relative_to(room.folders[0])
    assert (client / "connection.py").is_file()
    new = room_for_container(tmp_path / "link", is_old=False)
    assert (new.path, new.folders, new.python) == (room.folders[0], [room.folders[0]], None)

    code = "import ctypes, socket, sys; print(open('/proc/self/maps').read())"
    maps = subprocess.check_output([room.python, "-I", "-c", code], text=True)
    loaded = {line.split(maxsplit=5)[5] for line in maps.splitlines() if "/" in line}
    outside = {path for path in loaded if not path.startswith(str(room.python.parent))}
    assert not [path for path in outside if ".so" in path]


def test_a_table_arrives_with_its_types() -> None:
    frame = pandas.DataFrame(
        {
            "number": [1, 2],
            "real": [0.5, None],
            "text": ["x", None],
            "time": pandas.to_datetime(["2020-01-01T12:00:00", None]),
            "mixed": [1, "a"],
        }
    )
    copy = decode(encode(frame, id), id)
    assert copy.isna().to_dict() == frame.isna().to_dict()
    assert copy["time"].dtype.kind == "M"
    assert copy["number"].dtype == "int64"
    cells = [table.astype(object).where(table.notna(), None) for table in (copy, frame)]
    assert cells[0].to_dict("list") == cells[1].to_dict("list")


def test_what_is_not_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"another release|cannot unpack"):
        decode({"$": "frame", "value": [1]}, id)


def test_a_table_without_pandas_says_where_to_add_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"needs the package pandas.*conda file"):
        decode({"$": "frame", "value": []}, id)
