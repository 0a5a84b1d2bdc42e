"""amlflow in images that lack it."""

from __future__ import annotations

import io
import logging
import zipfile
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import docker
import pytest
from amlflow.spec import Work
from amlflow_docker import images
from amlflow_docker.compute import DockerCompute
from amlflow_docker.settings import parse_settings
from azureml.core import Environment, Run
from docker.models.images import ImageCollection
from helpers.submitted_jobs import ended, log_of, new_experiment, submit


@pytest.fixture
def served(folder: Path, jobs: Path, server_uri: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An experiment on a server, which a container reaches over the host's network."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server_uri)
    (folder / ".azureml").mkdir()
    (folder / ".azureml/compute.yaml").write_text("box:\n  kind: docker\n  network: host\n")
    return new_experiment()


def test_a_script_that_uses_amlflow(
    served: Any, docker_host: str, pip_image: str, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
        from azureml.core import Run

        run = Run.get_context()
        run.log("loss", 0.5)
        run.add_properties({"where": "inside"})
        run.child_run("fold").complete()
        print("logged to", run.id)
    """
    environment = Environment.from_docker_image("pip", pip_image)

    def once() -> Run:
        run = submit(served, code, compute_target="box", environment=environment)
        assert ended(run) == "Completed", (run.get_details(), log_of(run))
        return run

    run = once()
    assert log_of(run) == f"logged to {run.id}\n"
    assert run.get_metrics() == {"loss": 0.5}
    assert run.get_properties()["where"] == "inside"
    assert [child.name for child in run.get_children()] == ["fold"]
    said = [each.message for each in caplog.records if "Adding amlflow" in each.message]
    assert len(said) == 1
    added = docker.from_env().images.list(images.NAME)
    once()
    assert docker.from_env().images.list(images.NAME) == added
    assert [each.message for each in caplog.records if "Adding amlflow" in each.message] == said
    [layer] = [each for each in added if images.MADE_FROM in each.labels]
    assert layer.labels[images.MADE_FROM] == pip_image


def test_an_image_without_pip_is_told_once(
    docker_host: str, docker_image: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = docker.from_env()
    python = "/usr/bin/python3"  # a state of its own: other tests use the image, too
    base = client.images.get(docker_image)
    assert images.find(client, base, python) is None
    images.add(client, base, docker_image, python, None)
    [said] = caplog.records
    assert said.levelno == logging.WARNING
    assert "its /usr/bin/python3 has no pip" in said.message
    assert "'amlflow: false'" in said.message
    found = images.find(client, base, python)
    assert found is not None
    assert client.images.get(found).id == base.id


def test_a_check_asks_for_an_image_once(
    docker_host: str, docker_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    get = ImageCollection.get

    def counted(self: Any, name: str) -> Any:
        asked.append(name)
        return get(self, name)

    monkeypatch.setattr(ImageCollection, "get", counted)
    work = Work(name="w", command=["true"], is_script=False, folder=Path(), output=Path("out"))
    DockerCompute(parse_settings({"image": docker_image, "python": "python9"})).check(work)
    assert asked.count(docker_image) == 1


def test_an_image_without_python_needs_nothing(
    docker_host: str, docker_image: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = docker.from_env()
    base = client.images.get(docker_image)
    images.add(client, base, docker_image, "python9", None)
    assert images.find(client, base, "python9") is not None
    assert not caplog.records


def test_a_password_in_pips_message_is_left_out() -> None:
    said = "Could not fetch https://me:secret@index.example/simple"
    assert images._without_secrets(said) == "Could not fetch https://index.example/simple"


def test_an_installed_amlflow_becomes_the_wheel_it_came_from(tmp_path: Path) -> None:
    name, built = images._wheel()  # of this editable installation
    wheel = zipfile.ZipFile(io.BytesIO(built))
    wheel.extractall(tmp_path)
    [metadata] = tmp_path.glob("*.dist-info")
    # What an installer adds.
    record = (metadata / "RECORD").read_text()
    (metadata / "RECORD").write_text(
        record + "../../../bin/amlflow,,\namlflow/__pycache__/spec.cpython-311.pyc,,\n"
        f"{metadata.name}/INSTALLER,,\n"
    )
    (metadata / "INSTALLER").write_text("pip")
    installed = Distribution.at(metadata)
    again = zipfile.ZipFile(io.BytesIO(images._packed(installed)))
    assert sorted(again.namelist()) == sorted(wheel.namelist())
    for each in wheel.namelist():
        assert each.endswith("/RECORD") or again.read(each) == wheel.read(each), each
    assert images._state(installed) == (metadata / "RECORD").read_text()
    assert name == f"amlflow-{installed.version}-py3-none-any.whl"


def test_what_a_script_had_logged_when_it_was_killed(
    served: Any, docker_host: str, pip_image: str
) -> None:
    code = """
        import os
        from azureml.core import Run

        run = Run.get_context()
        for number in range(1000):
            run.log("m", number)
        os.kill(os.getpid(), 9)
    """
    environment = Environment.from_docker_image("pip", pip_image)
    run = submit(served, code, compute_target="box", environment=environment)
    assert ended(run) == "Failed"
    assert run.get_metrics() == {"m": list(range(1000))}
