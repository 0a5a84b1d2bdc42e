"""Images that are built from an environment's definition, on a real Docker daemon."""

from __future__ import annotations

import dataclasses
import io
import json
import socket
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest
from amlflow.cli import main
from amlflow.environments import kept
from amlflow.environments.errors import EnvironmentBuildCanceled, EnvironmentBuildException
from amlflow.environments.in_images import ImageEnvironment, ensure_in_image, surroundings_of
from amlflow.environments.kept import STAGING, environments_folder
from amlflow.environments.kept_images import list_images, remove_image
from amlflow.environments.keys import key_of
from amlflow.environments.plan import plan_of
from amlflow.environments.specification import Specification
from amlflow.jobs.job import BUILD_LOG
from amlflow.spec import Images
from amlflow_docker.images import BUILDER as BUILDER_NAME
from amlflow_docker.images import DockerImages
from amlflow_docker.settings import parse_settings
from azureml.core import Environment, Run
from azureml.core.environment import DockerBuildContext
from docker.errors import APIError
from helpers import wheels
from helpers.submitted_jobs import error_of, find_children, log_of, submit, until, wait_for_end
from helpers.tiny_environments import environment_of, write_index


@pytest.fixture
def target(experiment: Any, docker_host: str) -> str:
    Path(".azureml").mkdir()
    Path(".azureml/compute.yaml").write_text("box:\n  kind: docker\n")
    return "box"


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, which is the only index."""
    return write_index(tmp_path / "wheels", monkeypatch, "1.0", "2.0")


@pytest.fixture
def images(jobs: Path, docker_host: str) -> Images:
    return DockerImages(parse_settings({}))


def folders_left() -> list[str]:
    """What builds have left in the folder of environments."""
    return sorted(path.name for path in environments_folder().glob(f"{STAGING}*"))


def test_a_script_logs_from_an_image_with_nothing_but_python(
    experiment: Any, target: str, docker_image: str
) -> None:
    code = """
        from azureml.core import Run

        run = Run.get_context()
        run.log("loss", 0.5)
        run.add_properties({"where": "inside"})
        run.child_run("fold").complete()
        run.upload_file("f.txt", __file__)
        print("logged to", run.id)
    """
    environment = Environment.from_docker_image("plain", docker_image)
    run = submit(experiment, code, compute_target=target, environment=environment)
    assert wait_for_end(run) == "Completed", (run.get_details(), log_of(run))
    assert log_of(run) == f"logged to {run.id}\n"
    assert run.get_metrics() == {"loss": 0.5}
    assert run.get_properties()["where"] == "inside"
    assert "f.txt" in run.get_file_names()
    assert [child.name for child in run.get_children()] == ["fold"]


def test_packages_are_added_to_an_image(
    experiment: Any, target: str, docker_image: str, links: Path
) -> None:
    code = """
        import subprocess, sys
        import amlflow_tiny
        from azureml.core import Run

        Run.get_context().log("version", amlflow_tiny.VERSION)
        subprocess.run(["python", "-c", "import amlflow_tiny"], check=True)
        import pip
    """
    environment = environment_of(links, "amlflow-tiny==1.0", "azureml-defaults")
    environment.docker.base_image = docker_image
    run = submit(experiment, code, compute_target=target, environment=environment)
    assert wait_for_end(run) == "Failed"  # it has none of the submitter's packages, such as pip
    assert error_of(run).endswith("No module named 'pip'")
    assert run.get_metrics() == {"version": "1.0"}
    assert "amlflow-tiny==1.0" in run.get_details_with_logs()["logFiles"][BUILD_LOG]
    again = environment.clone("another name")
    run = submit(experiment, "import amlflow_tiny", compute_target=target, environment=again)
    assert wait_for_end(run) == "Completed"
    assert BUILD_LOG not in run.get_file_names()


def test_a_package_that_is_not_there_fails_the_run(
    experiment: Any, target: str, docker_image: str, links: Path
) -> None:
    environment = environment_of(links, "amlflow-tiny==7.0")
    environment.docker.base_image = docker_image
    run = submit(experiment, "pass", compute_target=target, environment=environment)
    assert wait_for_end(run) == "Failed"
    assert "there is no version of amlflow-tiny==7.0" in error_of(run)
    assert BUILD_LOG in error_of(run)


def test_a_dockerfile_is_built_once(experiment: Any, target: str, docker_image: str) -> None:
    text = f"FROM {docker_image}\nRUN echo made > /made\nENV PYTHONPATH=/own WORD=there\n"
    text += f"LABEL of={uuid.uuid4().hex}\n"  # nobody has built it before
    text += "RUN mkdir /own && echo 'X = 1' > /own/of_the_image.py\n"
    code = """
        import os, sys, helper, of_the_image
        from azureml.core import Run
        Run.get_context().log("word", open("/made").read() + os.environ["WORD"])
    """
    environment = Environment.from_dockerfile("built", text)
    Path("src/part").mkdir(parents=True)
    Path("src/helper.py").write_text("")

    def run_it() -> Run:
        Path("src/part/script.py").write_text("\n".join(each[8:] for each in code.splitlines()))
        config = {"script": "part/script.py", "compute_target": target, "environment": environment}
        run = submit(experiment, "pass", **config)
        assert wait_for_end(run) == "Completed", (error_of(run), log_of(run))
        assert run.get_metrics() == {"word": "made\nthere"}
        return run

    first = run_it()
    assert "RUN echo made" in first.get_details_with_logs()["logFiles"][BUILD_LOG]
    assert BUILD_LOG not in run_it().get_file_names()


def test_a_build_context(experiment: Any, target: str, docker_image: str, links: Path) -> None:
    Path("context/docker").mkdir(parents=True)
    Path("context/data.txt").write_text("copied")
    Path("context/docker/Dockerfile").write_text(f"FROM {docker_image}\nCOPY data.txt /\n")
    context = DockerBuildContext.from_local_directory(None, "context", "docker/Dockerfile")
    Path("needs.txt").write_text(f"--find-links {links}\namlflow-tiny\n")
    environment = Environment.from_docker_build_context("c", context, pip_requirements="needs.txt")
    code = "import amlflow_tiny; print(open('/data.txt').read(), amlflow_tiny.VERSION)"
    run = submit(experiment, code, compute_target=target, environment=environment)
    assert wait_for_end(run) == "Completed", error_of(run)
    assert log_of(run) == "copied 2.0\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM {image}\nRUN exit 3\n", "returned a non-zero code: 3"),
        ("FROM {image}\nFRUM x\n", "unknown instruction: FRUM"),
        ("FROM nowhere.invalid/image:1\n", "nowhere.invalid"),
    ],
)
def test_a_dockerfile_that_cannot_be_built(
    experiment: Any, target: str, docker_image: str, text: str, said: str
) -> None:
    environment = Environment.from_dockerfile("bad", text.format(image=docker_image))
    run = submit(experiment, "pass", compute_target=target, environment=environment)
    assert wait_for_end(run) == "Failed"
    assert "The Dockerfile could not be built" in error_of(run)
    assert said in error_of(run)


def test_a_cancel_ends_a_build(experiment: Any, target: str, docker_image: str) -> None:
    text = f"FROM {docker_image}\nRUN echo begun && sleep 600\n"
    environment = Environment.from_dockerfile("slow", text)
    run = submit(experiment, "pass", compute_target=target, environment=environment)
    until(lambda: "begun" in run.get_details_with_logs()["logFiles"].get(BUILD_LOG, ""))
    assert run.get_status() == "Preparing"
    run.cancel()
    assert wait_for_end(run) == "Canceled"

    def commands() -> str:
        listing = docker.from_env().containers.list(ignore_removed=True)
        return str([container.attrs["Args"] for container in listing])

    until(lambda: "sleep 600" not in commands())


def test_a_build_makes_the_image_that_scripts_run_in(
    experiment: Any, target: str, docker_image: str, links: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = environment_of(links, "amlflow-tiny==1.0")
    text = f"FROM {docker_image}\nRUN echo {uuid.uuid4().hex} > /here\n"
    environment.docker.base_dockerfile = text
    details = environment.get_image_details(experiment.workspace)
    assert (details.image_exist, details.image, details.dockerfile) == (False, None, text)
    build = environment.build(experiment.workspace).wait_for_completion(show_output=True)
    assert build.status == "Succeeded"
    output = capsys.readouterr().out
    assert "RUN echo" in output
    assert "amlflow-tiny==1.0" in output
    details = environment.get_image_details(experiment.workspace)
    assert f"The environment is the image {details.image}.\n" in output
    assert details.image_exist
    client = docker.from_env()
    command = [details.interpreter_path, "-c", "import amlflow_tiny as t; print(t.VERSION)"]
    output = client.containers.run(details.image, command, network_disabled=True, remove=True)
    assert output == b"1.0\n"
    assert str(details.interpreter_path).startswith(str(details.environment_path))
    assert main(["environment", "build", "-n", environment.name]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["image"], row["made"]) == (details.image, False)
    assert main(["environment", "show", "-n", environment.name, "--query", "kind"]) == 0
    assert json.loads(capsys.readouterr().out) == "image"
    run = submit(
        experiment, "open('/here'); import amlflow_tiny", compute_target=target,
        environment=environment,
    )  # fmt: skip
    assert wait_for_end(run) == "Completed", error_of(run)
    assert BUILD_LOG not in run.get_file_names()  # nothing was left to make


def test_images_are_listed_until_they_are_removed(
    images: Images, docker_image: str, links: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    lines = (f"--find-links {links}", "amlflow-tiny==1.0")
    ensure_in_image(Specification(pip=lines), images, docker_image, "python3", io.StringIO())
    layer = list_images(images)[0]
    assert 0 < layer.disk_bytes < 1 << 20

    def amlflow(*words: str) -> Any:
        code = main(["environment", *words])
        text = capsys.readouterr().out
        return code, json.loads(text) if text else None

    [row] = [row for row in amlflow("list")[1] if row["hash"] == layer.key]
    assert (row["kind"], row["disk_bytes"]) == ("image", layer.disk_bytes)
    assert amlflow("remove", "--hash", layer.key)[0] == 1  # it was used just now
    monkeypatch.setattr(kept, "JUST_USED_S", 0)
    client = docker.from_env()
    container = client.containers.create(f"amlflow-environment:{layer.key}", ["true"])
    assert amlflow("remove", "--hash", layer.key)[0] == 1  # a container has it
    container.remove()
    unused = amlflow("prune", "--older-than", "0", "--dry-run")[1]
    assert layer.key in [row["hash"] for row in unused]
    assert not remove_image(images, dataclasses.replace(layer, key="gone"))
    assert amlflow("remove", "--hash", layer.key)[0] == 0
    assert layer.key not in [image.key for image in list_images(images)]
    assert amlflow("remove", "--hash", layer.key)[0] == 3


def test_many_makers_make_one(images: Images, docker_image: str, links: Path) -> None:
    lines = (f"--find-links {links}", "amlflow-tiny==1.0")
    specification = Specification(pip=lines)
    logs = [io.StringIO() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        made = list(
            pool.map(
                lambda log: ensure_in_image(specification, images, docker_image, "python3", log),
                logs,
            )
        )
    assert len({environment.image for environment in made}) == 1
    assert made[0].packages == ["amlflow-tiny==1.0"]
    assert sum("was made" in log.getvalue() for log in logs) == 1


BUILDER = """
import io, json, sys
from amlflow.environments.in_images import ensure_in_image
from amlflow.environments.specification import Specification
from amlflow_docker import images as module
from amlflow_docker.images import DockerImages
from amlflow_docker.settings import parse_settings
module.LEFT_S = 0.0
image, *pip = json.loads(sys.argv[1])
log = io.StringIO()
images = DockerImages(parse_settings({}))
made = ensure_in_image(Specification(pip=tuple(pip)), images, image, "python3", log)
print(made.image, "was made" in log.getvalue())
"""


def test_processes_make_one_image_after_one_that_was_killed(
    images: Images, docker_image: str, links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is killed while uv waits for an index; another one had left its container."""
    version = f"0.{uuid.uuid4().int % 10**9}"
    wheels.write_tiny(links, "amlflow-tiny", version)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        lines = [docker_image, f"--find-links {links}", f"amlflow-tiny=={version}"]

        def start() -> subprocess.Popen[str]:
            words = [sys.executable, "-c", BUILDER, json.dumps(lines)]
            return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

        with monkeypatch.context() as away:
            away.setenv("UV_DEFAULT_INDEX", index)
            killed = start()
            until(lambda: find_children(killed.pid, "install"))
            for process in [*psutil.Process(killed.pid).children(), killed]:
                process.kill()
            killed.communicate()
        [left] = folders_left()
    base = docker.from_env().images.get(docker_image).id
    surroundings = surroundings_of(DockerImages(parse_settings({})), str(base), "python3")
    key = key_of(plan_of(Specification(pip=tuple(lines[1:]))), surroundings)
    name = f"{BUILDER_NAME}-{key}-left"
    docker.from_env().containers.create(docker_image, ["true"], name=name)
    outputs = [process.communicate()[0].split() for process in [start(), start()]]
    assert len({image for image, _ in outputs}) == 1
    assert sorted(is_made for _, is_made in outputs) == ["False", "True"]
    # Not containers.list(): it asks for each container, which another test may have removed.
    names = [
        name for row in docker.from_env().api.containers(all=True) for name in row["Names"] or ()
    ]
    assert not any(each.lstrip("/").startswith(f"{BUILDER_NAME}-{key}") for each in names)
    assert left.startswith(f"{STAGING}")


def test_an_image_that_has_all_gets_no_packages(
    images: Images, docker_image: str, links: Path
) -> None:
    lines = (f"--find-links {links}", "amlflow-tiny==1.0")
    log = io.StringIO()
    first = ensure_in_image(Specification(pip=lines), images, docker_image, "python3", log)
    program = str(first.python)
    lines = ("amlflow-tiny>=1", "other-tiny; python_version < '3'")
    second = ensure_in_image(Specification(pip=lines), images, first.image, program, log)
    assert (second.key, second.packages) == ("", [])


def test_programs_of_packages_start(images: Images, docker_image: str, links: Path) -> None:
    wheels.write_tiny(
        links, "tiny-program", "1.0", content="def main():\n    print('started')\n",
        programs={"tiny-program": "tiny_program:main"},
    )  # fmt: skip
    specification = Specification(pip=(f"--find-links {links}", "tiny-program"))
    made = ensure_in_image(specification, images, docker_image, "python3", io.StringIO())
    output = docker.from_env().containers.run(made.image, "tiny-program", remove=True)
    assert output == b"started\n"


@pytest.mark.parametrize(
    ("lines", "program", "said"),
    [
        (("amlflow-tiny",), "python9", "does not have 'python9'"),
        (("-e .",), "python3", "without -e"),
        (("compiled-tiny",), "python3", ": compiled-tiny==1.0. They cannot be compiled"),
    ],
)
def test_packages_that_cannot_be_added(
    images: Images, docker_image: str, links: Path, lines: Any, program: str, said: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    (tmp_path / "pyproject.toml").write_text("[project]\nname='x'\nversion='1'\n")
    wheels.write_tiny(links, "compiled-tiny", "1.0", tag="py3-none-linux_x86_64")
    specification = Specification(pip=(f"--find-links {links}", *lines), folders=(str(tmp_path),))
    with pytest.raises(EnvironmentBuildException, match=said):
        ensure_in_image(specification, images, docker_image, program, io.StringIO())
    assert folders_left() == []


def test_a_package_that_would_be_compiled_is_taken_from_the_newest_wheel(
    images: Images, docker_image: str, links: Path
) -> None:
    """A package that another requires, and the definition does not pin. A pin is never changed."""
    wheels.write_tiny(links, "compiled-tiny", "1.0")
    wheels.write_tiny(links, "amlflow-more", "1.0", ["compiled-tiny"])
    wheels.write_compiled_source(links, "compiled-tiny", "2.0")

    def made(*lines: str) -> ImageEnvironment:
        specification = Specification(pip=(f"--find-links {links}", *lines))
        return ensure_in_image(specification, images, docker_image, "python3", io.StringIO())

    environment = made("amlflow-more")
    assert environment.packages == ["amlflow-more==1.0", "compiled-tiny==1.0"]
    [warning] = environment.warnings
    assert warning.startswith("compiled-tiny==2.0 has no wheel for Python 3.")
    assert warning.endswith("compiled-tiny==1.0, which has a wheel, is installed instead.")
    with pytest.raises(EnvironmentBuildException, match=r": compiled-tiny==2.0\. They cannot be"):
        made("amlflow-more", "compiled-tiny==2.0")


def test_a_full_disk_leaves_no_image(
    images: Images, docker_image: str, links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azureml.exceptions import ComputeTargetException
    from docker.models.containers import Container

    def refuse(*args: Any) -> None:
        raise APIError("500", explanation="write /layer: no space left on device")

    monkeypatch.setattr(Container, "put_archive", refuse)
    specification = Specification(pip=(f"--find-links {links}", "amlflow-tiny==2.0"))
    with pytest.raises(ComputeTargetException, match="the disk of the Docker host is full"):
        ensure_in_image(specification, images, docker_image, "python3", io.StringIO())
    assert folders_left() == []


def test_a_build_ends_on_request(images: Images, docker_image: str, links: Path) -> None:
    asked = threading.Event()
    asked.set()
    specification = Specification(pip=(f"--find-links {links}", "amlflow-tiny<2"))
    with pytest.raises(EnvironmentBuildCanceled):
        ensure_in_image(specification, images, docker_image, "python3", io.StringIO(), asked.is_set)


def test_what_a_script_had_logged_when_it_was_killed(
    experiment: Any, target: str, docker_image: str
) -> None:
    code = """
        import os
        from azureml.core import Run

        run = Run.get_context()
        for number in range(1000):
            run.log("m", number)
        os.kill(os.getpid(), 9)
    """
    environment = Environment.from_docker_image("plain", docker_image)
    run = submit(experiment, code, compute_target=target, environment=environment)
    assert wait_for_end(run) == "Failed"
    assert run.get_metrics() == {"m": list(range(1000))}
