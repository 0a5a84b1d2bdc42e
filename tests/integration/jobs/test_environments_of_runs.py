"""What a run tells about its environment while it is made, if that fails, and afterwards."""

from __future__ import annotations

import http.server
import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from amlflow.core.environments.build_request import build_request_of
from azureml.core import Environment
from azureml.core.conda_dependencies import CondaDependencies
from azureml.exceptions import ActivityFailedException, UserErrorException
from helpers import wheels
from helpers.submitted_jobs import submit, until, wait_for_end
from helpers.tiny_environments import environment_of, write_index
from helpers.tls_servers import serve

BUILD_LOG = "azureml-logs/20_image_build_log.txt"
CODE = "import amlflow_tiny; print('version', amlflow_tiny.VERSION)"
SLOW = """
import os, pathlib, signal, time
def build_wheel(*arguments, **more):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pathlib.Path({started!r}).write_text(str(os.getpid()))
    time.sleep(600)
build_editable = build_wheel
"""


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, which is the only index."""
    return write_index(tmp_path / "wheels", monkeypatch, "1.0")


def is_running(pid: int) -> bool:
    """Whether a process runs. One that has ended stays in the list until its parent asks for it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def need_no_tracker() -> Any:
    raise AssertionError("nothing of this environment is in the tracker")


def test_a_run_tells_which_packages_it_had(
    experiment: Any, links: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registered = environment_of(links, "amlflow-tiny").register(experiment.workspace)
    registered.environment_variables = {}
    run = submit(experiment, CODE, environment=registered)
    run.wait_for_completion(show_output=True)
    output = capsys.readouterr().out
    assert output.index(f"Streaming {BUILD_LOG}") < output.index("Streaming user_logs/std_log.txt")
    assert output.count("\n\nStreaming ") == 2
    assert output.count("Making the environment") == 1
    assert output.count("version 1.0") == 1

    details = run.get_details()
    environment = details["environment"]
    assert environment.pop("hash") in output
    assert environment == {"name": "tiny", "version": "1", "packages": ["amlflow-tiny==1.0"]}
    assert details["runDefinition"]["environment"]["version"] == "1"
    assert BUILD_LOG in details["logFiles"]
    used = run.get_environment()
    assert (used, used.version) == (registered, "1")

    changed = Environment.get(experiment.workspace, "tiny")
    changed.environment_variables = {"TOKEN": "secret"}
    second = submit(experiment, CODE, environment=changed)
    assert wait_for_end(second) == "Completed"
    assert second.get_details()["environment"]["version"] is None
    assert second.get_environment().environment_variables == {}

    Path("src/conda.yml").write_text(
        f"dependencies: [python, pip: ['--find-links {links}', '-r more.txt', '-c limits.txt']]\n"
    )
    Path("src/more.txt").write_text("amlflow-tiny\n")
    Path("src/limits.txt").write_text("amlflow-tiny==1.0\n")
    in_file = Environment("in a file")
    in_file.python.conda_dependencies = CondaDependencies()
    in_file.python.conda_dependencies_file = "conda.yml"
    third = submit(experiment, CODE, environment=in_file)
    assert wait_for_end(third) == "Completed"
    # The definition needs neither the conda file nor those that it names.
    python = third.get_environment().python
    assert list(python.conda_dependencies.pip_packages) == ["amlflow-tiny"]
    assert python.constraints == ["amlflow-tiny==1.0"]
    shutil.rmtree("src")
    found = build_request_of("again", python, in_file.docker, need_no_tracker).find()
    assert found is not None
    assert found.key == third.get_details()["environment"]["hash"]
    assert BUILD_LOG not in second.get_details()["logFiles"]


class DatedIndex(http.server.SimpleHTTPRequestHandler):
    """An index that says when each wheel was uploaded: ``amlflow-tiny`` 1.0 is of 2020."""

    def do_GET(self) -> None:
        if self.path != "/simple/amlflow-tiny/":
            super().do_GET()
            return
        files = [
            {
                "filename": name, "url": f"/{name}", "hashes": {},
                "upload-time": f"{2020 if '-1.0-' in name else 2024}-01-01T00:00:00Z",
            }
            for name in sorted(os.listdir(self.directory))
        ]  # fmt: skip
        versions = {"meta": {"api-version": "1.1"}, "name": "amlflow-tiny", "files": files}
        content = json.dumps(versions).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


def test_packages_are_of_before_a_date(
    experiment: Any, links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the variable or by the definition. A run's definition has the date of the variable."""
    wheels.write_tiny(links, "amlflow-tiny", "2.0")
    with serve(partial(DatedIndex, directory=str(links)), None) as address:
        environment = Environment("dated")
        environment.python.conda_dependencies = CondaDependencies.create(
            pip_packages=["amlflow-tiny"], pip_indexurl=f"{address}/simple"
        )
        environment = environment.register(experiment.workspace)
        new = submit(experiment, f"{CODE}\nimport json.no_such_module", environment=environment)
        assert wait_for_end(new) == "Failed"
        assert "UV_EXCLUDE_NEWER=2021-06-30" in str(new.get_details()["error"])
        with monkeypatch.context() as patch:
            patch.setenv("UV_EXCLUDE_NEWER", "2021-06-30")
            old = submit(experiment, f"{CODE}\nimport json.no_such_module", environment=environment)
        assert wait_for_end(old) == "Failed"
        assert "UV_EXCLUDE_NEWER" not in str(old.get_details()["error"])
        assert old.get_environment().python.packages_before == "2021-06-30"
        assert old.get_environment().version == "1"
        again = submit(experiment, CODE, environment=old.get_environment())
        assert wait_for_end(again) == "Completed", again.get_details()["error"]
    used = [run.get_details()["environment"] for run in (new, old, again)]
    assert [each["packages"] for each in used] == [
        ["amlflow-tiny==2.0"], ["amlflow-tiny==1.0"], ["amlflow-tiny==1.0"],
    ]  # fmt: skip
    assert used[0]["hash"] != used[1]["hash"] == used[2]["hash"]


def test_a_run_without_an_environment(experiment: Any) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    assert "environment" not in run.get_details()
    with pytest.raises(UserErrorException, match="has no environment: it was not submitted"):
        run.get_environment()
    plain = submit(experiment, "print(1)")
    assert wait_for_end(plain) == "Completed"
    assert plain.get_environment() == Environment("default-environment")


def test_a_build_that_fails_leaves_its_log(
    experiment: Any, links: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = submit(experiment, CODE, environment=environment_of(links, "amlflow-tiny==3.0"))
    with pytest.raises(ActivityFailedException, match="there is no version of amlflow-tiny==3"):
        run.wait_for_completion(show_output=True)
    assert f"Streaming {BUILD_LOG}" in capsys.readouterr().out
    details = run.get_details()
    assert details["error"]["error"]["message"].endswith(f"The log of the build is {BUILD_LOG}.")
    assert details["environment"] == {"name": "tiny", "version": None}
    assert "amlflow-tiny==3.0" in run.get_details_with_logs()["logFiles"][BUILD_LOG]


def test_cancel_ends_a_build(experiment: Any, links: Path, tmp_path: Path) -> None:
    source, started = tmp_path / "slow", tmp_path / "started"
    source.mkdir()
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "slow"\nbackend-path = ["."]\n'
        '[project]\nname = "slow"\nversion = "1"\n'
    )
    (source / "slow.py").write_text(SLOW.format(started=str(started)))
    run = submit(experiment, CODE, environment=environment_of(links, f"slow @ file://{source}"))
    until(lambda: started.exists() and started.read_text())
    assert run.get_status() == "Preparing"
    until(lambda: BUILD_LOG in run.get_file_names())
    run.cancel()
    assert wait_for_end(run) == "Canceled"
    until(lambda: not is_running(int(started.read_text())))
    assert not [name for name in os.listdir(tmp_path / "state/environments") if name[0] != "."]


def test_children_build_their_environment_once(experiment: Any, links: Path) -> None:
    from azureml.core import ScriptRunConfig

    parent = experiment.start_logging(snapshot_directory=None)
    Path("src").mkdir()
    Path("src/script.py").write_text(CODE)
    config = ScriptRunConfig(
        "src", "script.py", environment=environment_of(links, "amlflow-tiny==1.0")
    )
    children = [parent.submit_child(config) for _ in range(3)]
    assert [wait_for_end(child) for child in children] == ["Completed"] * 3
    logs = [child.get_details_with_logs()["logFiles"].get(BUILD_LOG, "") for child in children]
    assert "".join(logs).count("Making the environment") == 1
    assert len({child.get_details()["environment"]["hash"] for child in children}) == 1
    parent.complete()
