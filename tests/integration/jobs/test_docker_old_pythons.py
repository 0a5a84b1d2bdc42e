"""Scripts in images whose Python is too old for amlflow, on a real Docker daemon."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import docker
import pytest
from amlflow.environments.pythons import OLDEST, OLDEST_CLIENT, choose
from helpers.submitted_jobs import log_of, submit, wait_for_end
from helpers.tiny_environments import environment_of, write_index


@pytest.fixture
def old_image(docker_image: str) -> tuple[str, str]:
    """An image with this machine's oldest Python that amlflow does not run on, and its path.

    If there is none, it is the image with Debian's Python.
    """
    choices = (choose(f"3.{minor}")[0] for minor in range(OLDEST_CLIENT[1], OLDEST[1]))
    old = next((python for python in choices if python.minor < OLDEST), None)
    if old is None:
        return docker_image, "python3"
    program = Path(old.path).resolve()
    home = program.parents[1]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in (program, *home.glob("lib/libpython3*.so*")):
            tar.add(path, path.relative_to("/"))
        library = home / "lib" / f"python3.{old.minor[1]}"
        left_out = ("test", "site-packages", "__pycache__", "idlelib", "ensurepip")
        for path in library.iterdir():
            if path.name not in left_out and not path.name.startswith("config-"):
                tar.add(path, path.relative_to("/"))
    client = docker.from_env()
    container = client.containers.create(docker_image, ["true"])
    try:
        container.put_archive("/", archive.getvalue())
        image = container.commit("amlflow-tests/old-python")
    finally:
        container.remove()
    return str(image.id), str(program)


@pytest.mark.parametrize(
    "packages", [pytest.param((), marks=pytest.mark.long), ("amlflow-tiny==1.0",)]
)
def test_a_script_logs_from_an_image_with_an_old_python(
    experiment: Any,
    old_image: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    packages: tuple[str, ...],
) -> None:
    Path(".azureml").mkdir()
    Path(".azureml/compute.yaml").write_text("box:\n  kind: docker\n")
    links = write_index(tmp_path / "wheels", monkeypatch, "1.0")
    image, program = old_image
    code = f"""
        import sys
        from azureml.core import Run

        run = Run.get_context()
        run.log("loss", 0.5)
        run.tag("python", "%d.%d" % sys.version_info[:2])
        run.log_table("t", {{"a": [1, 2]}})
        run.child_run("fold").complete()
        run.upload_file("f.txt", __file__)
        open("outputs/own.txt", "w").write("own")
        try:
            run.upload_file("host.txt", {__file__!r})
        except Exception as error:
            run.tag("error", type(error).__name__)
        if {bool(packages)}:
            import amlflow_tiny
        print(run.get_metrics()["loss"])
    """
    environment = environment_of(links, *packages)
    environment.docker.base_image = image
    environment.python.interpreter_path = program
    run = submit(experiment, code, compute_target="box", environment=environment)
    assert wait_for_end(run) == "Completed", (run.get_details(), log_of(run))
    assert log_of(run) == "0.5\n"
    assert run.get_metrics() == {"loss": 0.5, "t": {"a": [1, 2]}}
    assert {"f.txt", "outputs/own.txt"} <= set(run.get_file_names())
    assert [child.name for child in run.get_children()] == ["fold"]
    assert run.get_details().get("warnings", []) == []
    tags = run.get_tags()
    # The calls are made in the container, which does not have this machine's files.
    assert (tags["error"], "host.txt" in run.get_file_names()) == ("UserErrorException", False)
    if program != "python3":
        assert f"3.{tags['python'].partition('.')[2]}" == f"3.{OLDEST_CLIENT[1]}"
