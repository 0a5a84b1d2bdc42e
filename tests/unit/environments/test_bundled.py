"""The pip and setuptools that come with a Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from amlflow.environments.bundled import add_bundled


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An environment with a Python that is a link to one with three wheels."""
    bundled = tmp_path / "lib" / "python3.8" / "ensurepip" / "_bundled"
    bundled.mkdir(parents=True)
    for name in ("pip-22.0.4", "pip-23.0.1", "setuptools-56.0.0"):
        (bundled / f"{name}-py3-none-any.whl").touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3.8").touch()
    home = tmp_path / "environment"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").symlink_to(tmp_path / "bin" / "python3.8")
    (home / "site").mkdir()
    return home


def names_in_path(home: Path) -> list[str]:
    [path_file] = (home / "site").glob("*.pth")
    return [Path(line).name.partition("-py3")[0] for line in path_file.read_text().splitlines()]


def test_the_newest_wheels_are_importable(home: Path) -> None:
    add_bundled(str(home / "bin" / "python"), (3, 8), home, home / "site")
    assert names_in_path(home) == ["pip-23.0.1", "setuptools-56.0.0"]
    assert (home / "bin" / "pip").stat().st_mode & 0o111


def test_what_the_definition_names_is_left_alone(home: Path) -> None:
    metadata = home / "site" / "pip-20.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Name: pip\nVersion: 20.0\n")
    add_bundled(str(home / "bin" / "python"), (3, 8), home, home / "site")
    assert names_in_path(home) == ["setuptools-56.0.0"]
    assert not (home / "bin" / "pip").exists()


def test_a_python_that_brings_nothing(home: Path) -> None:
    add_bundled(str(home / "bin" / "python"), (3, 11), home, home / "site")
    assert list((home / "site").iterdir()) == []
