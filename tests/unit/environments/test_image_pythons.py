"""What depends on the Python in a container image."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from amlflow.environments.container_room import find_copied_room
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.image_pythons import platform_of
from amlflow.environments.in_images import (
    LABEL,
    find_compiled,
    find_warning,
    has_all,
    parse_labels,
)
from amlflow.environments.plan import plan_of
from amlflow.environments.specification import Specification
from amlflow.spec import ImagePython
from amlflow_docker.images import to_python
from helpers import wheels


def python(**values: Any) -> ImagePython:
    known = {
        "program": "/usr/bin/python3", "version": "3.11.2", "machine": "x86_64",
        "libc": "glibc 2.36", "base": "/usr/bin/python3.11",
    }  # fmt: skip
    return ImagePython(**{**known, **values})


@pytest.mark.parametrize(
    ("libc", "machine", "expected"),
    [
        ("glibc 2.36", "x86_64", "x86_64-manylinux_2_36"),
        ("glibc 2.31.9", "x86_64", "x86_64-manylinux_2_31"),
        ("glibc 2.27", "aarch64", "aarch64-manylinux_2_17"),
        ("glibc 2.99", "arm64", "aarch64-manylinux_2_40"),
        ("musl", "x86_64", "x86_64-unknown-linux-musl"),
    ],
)
def test_the_platform_is_the_newest_that_the_image_has(
    libc: str, machine: str, expected: str
) -> None:
    assert platform_of(python(libc=libc, machine=machine)) == expected


@pytest.mark.parametrize(
    ("libc", "machine"),
    [("glibc 2.12", "x86_64"), ("", "x86_64"), ("glibc 2.36", "ppc64le"), ("glibc x", "x86_64")],
)
def test_a_platform_that_uv_does_not_know(libc: str, machine: str) -> None:
    with pytest.raises(EnvironmentBuildException, match=f"an image for {machine}"):
        platform_of(python(libc=libc, machine=machine))


@pytest.mark.parametrize(
    ("lines", "is_there"),
    [
        (["numpy"], True),
        (["numpy>=1.20,<2"], True),
        (["numpy==1.19"], False),
        (["NumPy"], True),
        (["pandas"], False),
        (["numpy[extra]"], False),
        (["pandas; python_version < '3.8'"], True),
        (["numpy; python_version >= '3.8'"], True),
        (["azureml-defaults"], True),
        (["numpy @ https://example.org/numpy-1.26.0.tar.gz"], False),
    ],
)
def test_whether_an_image_has_all(lines: list[str], is_there: bool) -> None:
    plan = plan_of(Specification(pip=tuple(lines)))
    assert has_all(plan, python(packages={"numpy": "1.26.0"})) is is_there


def test_a_wheel_for_this_machine_alone_was_compiled(tmp_path: Path) -> None:
    import zipfile

    tags = {"own": "cp311-cp311-linux_x86_64", "pure": "py3-none-any",
            "for-all": "cp311-cp311-manylinux_2_17_x86_64"}  # fmt: skip
    for name, tag in tags.items():
        with zipfile.ZipFile(wheels.write_tiny(tmp_path, name, "1.0", tag=tag)) as wheel:
            wheel.extractall(tmp_path / "site")
    assert find_compiled(tmp_path / "site") == ["own==1.0"]


def test_the_room_of_containers_has_files_and_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "sources" / "amlflow"
    (package / "spec" / "__pycache__").mkdir(parents=True, mode=0o700)
    for name in ("images.pyc", "images.pyc.4711"):  # finished, and still being written
        (package / "spec" / "__pycache__" / name).write_text("")
    module = package / "spec" / "images.py"
    module.write_text("one = 1\n")
    module.chmod(0o600)
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "amlflow").symlink_to(package)
    monkeypatch.setattr("amlflow.environments.container_room.find_room", lambda folder: linked)
    room = find_copied_room(tmp_path)
    assert (room / "amlflow" / "spec" / "images.py").read_text() == "one = 1\n"
    assert not [path for path in room.rglob("*") if path.is_symlink()]
    assert [path.name for path in room.rglob("*.pyc*")] == ["images.pyc"]
    assert all(path.stat().st_mode & 0o004 for path in room.rglob("*"))
    assert find_copied_room(tmp_path) == room
    module.write_text("one = 1 \n")
    assert find_copied_room(tmp_path) != room


def test_a_version_that_has_no_form_does_not_fit() -> None:
    plan = plan_of(Specification(pip=("pytz>2000",)))
    assert not has_all(plan, python(packages={"pytz": "2004d-old"}))


def test_what_an_image_says_of_its_python_is_read() -> None:
    known = python(folders=["/a"], packages={"numpy": "1.0"})
    assert to_python(json.dumps(asdict(known)).encode()) == python(
        folders=("/a",), packages={"numpy": "1.0"}
    )


@pytest.mark.parametrize(
    "change",
    [
        {"version": "abc"}, {"version": "3.11"}, {"version": "--index-url=http://a"},
        {"version": 3}, {"machine": None}, {"libc": 2.36}, {"program": "python"},
        {"base": "/usr/bin/python\nhome = /a"}, {"folders": "/a"}, {"folders": [1]},
        {"packages": ["numpy"]}, {"packages": {"numpy": None}}, {"search_path": []}, {"more": "a"},
    ],
)  # fmt: skip
def test_an_image_that_does_not_answer_as_a_python_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="description"):
        to_python(json.dumps({**asdict(python()), **change}).encode())


@pytest.mark.parametrize("answer", [b"", b"[]", b"null", b"{}", b"\xff", b"1e999"])
def test_an_answer_that_is_not_a_description_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError):
        to_python(answer)


LABELLED = {
    "python": "/opt/a",
    "takes_amlflow": True,
    "is_old": False,
    "key": "a",
    "packages": ["numpy==1.0"],
}


def test_what_the_label_of_an_image_says_is_read() -> None:
    environment = parse_labels("sha256:a", {LABEL: json.dumps({**LABELLED, "warnings": ["w"]})})
    assert environment is not None
    assert (environment.python, environment.packages) == ("/opt/a", ["numpy==1.0"])
    assert environment.warnings == ["w"]


@pytest.mark.parametrize(
    "change",
    [
        {"python": 1}, {"takes_amlflow": "yes"}, {"is_old": 1}, {"key": None},
        {"packages": "numpy"}, {"packages": [1]}, {"warnings": {}}, {"warnings": [None]},
        {"image": "b"}, {"more": 1},
    ],
)  # fmt: skip
def test_a_label_of_another_form_counts_as_absent(change: dict[str, Any]) -> None:
    assert parse_labels("sha256:a", {LABEL: json.dumps({**LABELLED, **change})}) is None
    assert parse_labels("sha256:a", {LABEL: json.dumps(LABELLED)[:-1]}) is None
    assert parse_labels("sha256:a", {}) is None


class OneImage:
    """Images with one image, which are looked into instead of a daemon's."""

    adds_amlflow = True
    default_image = None
    program = "python3"

    def __init__(self, answer: ImagePython | None, *labels: dict[str, str]) -> None:
        self.answer, self.labels = answer, labels
        self.looks: list[str] = []

    def get(self, image: str) -> str:
        return f"sha256:{image}"

    get_local = get

    def find(self, name: str) -> tuple[str, dict[str, str]] | None:
        return ("sha256:made", self.labels[0]) if self.labels else None

    def look(self, image: str, program: str) -> ImagePython | None:
        self.looks.append(f"{image} {program}")
        return self.answer


def warning_of(images: Any) -> str | None:
    return find_warning(Specification(), images, "an-image", "python3")


def test_an_image_whose_python_is_too_old_is_warned_of() -> None:
    images = OneImage(python(version="3.5.9"))
    assert warning_of(images) == (
        "The image 'an-image' has Python 3.5.9, but amlflow needs 3.6: a script that imports "
        "azureml fails there. Use an image with a newer Python, or submit without Docker."
    )
    assert images.looks == ["sha256:an-image python3"]


def test_an_image_for_another_machine_with_an_old_python_is_warned_of() -> None:
    assert warning_of(OneImage(python(version="3.8.18", machine="riscv64"))) == (
        "The image 'an-image' has Python 3.8.18, but amlflow needs 3.10 where this machine's own "
        "Python cannot run in the image: a script that imports azureml fails there. Use an image "
        "with a newer Python, or submit without Docker."
    )


@pytest.mark.parametrize(
    "answer",
    [
        python(version="3.10.0"),
        python(version="3.5.9", packages={"amlflow": "1"}),
        python(version="3.8.18", machine=platform.machine()),
        None,
    ],
)
def test_an_image_without_that_fault_is_not_warned_of(answer: ImagePython | None) -> None:
    assert warning_of(OneImage(answer)) is None


def test_an_image_that_was_made_before_is_not_started() -> None:
    label = json.dumps({**LABELLED, "warnings": []})
    images = OneImage(python(version="3.8.18"), {LABEL: label})
    assert warning_of(images) is None
    without = OneImage(python(version="3.8.18"))
    without.adds_amlflow = False
    assert warning_of(without) is None
    assert images.looks + without.looks == []
