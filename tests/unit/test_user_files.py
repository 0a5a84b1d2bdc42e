"""Files of a project, which may be those of a repository that somebody else has written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.compute import declared as declared_targets
from amlflow.core.project import config_json
from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.core.scripts.dockerfiles import read_dockerfile
from amlflow.core.scripts.environment import Environment
from amlflow.core.scripts.run_configuration import RunConfiguration
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.requirement_lines import parse_lines
from amlflow.exceptions import AzureMLException, UserErrorException
from amlflow.jobs import snapshot
from amlflow.user_files import MAX_BYTES, parse_json, parse_yaml, read_bytes, read_text

BOMB = "a: &a {k: v}\n" + "".join(
    f"{name}: &{name} {{{', '.join(f'k{each}: *{before}' for each in range(9))}}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {k: v}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
NOT_YAML = (
    "{", "a: b: c", "*a", "a:\tb\n\t- c", "a: \0", "[" * 400, "[" * 900 + "]" * 900,
    "{a: 2020-13-45}", "{a: 2020-01-01T99:99:99}", "a: " + "9" * 5000, "!!bool maybe", '!!int ""',
    "!!timestamp soon", "!!binary ä", "!!python/object/apply:os.getcwd []", r'{a: "\ud800"}',
    r'{"\ud800": a}', BOMB, MERGES, "&a [*a]", "&a {a: *a}",
    "&a {<<: *a}",
)  # fmt: skip
NOT_JSON = ("{", "", "[" * 400, "[" * 900 + "]" * 900, "9" * 5000, r'{"a": "\ud800"}')


@pytest.mark.parametrize("text", NOT_YAML, ids=lambda text: repr(text)[:30])
def test_what_is_not_yaml_is_told_so(text: str) -> None:
    with pytest.raises(UserErrorException, match=r"conda\.yml (is not YAML|has )"):
        parse_yaml(text, "conda.yml")


@pytest.mark.parametrize("text", NOT_JSON, ids=lambda text: repr(text)[:30])
def test_what_is_not_json_is_told_so(text: str) -> None:
    with pytest.raises(UserErrorException, match=r"config\.json (is not JSON|has )"):
        parse_json(text, "config.json")


def test_a_value_that_is_named_twice_is_read() -> None:
    text = "x: &x {a: [1, 2]}\ny: *x\nz: {<<: *x, b: 3}"
    assert parse_yaml(text, "f") == {
        "x": {"a": [1, 2]},
        "y": {"a": [1, 2]},
        "z": {"a": [1, 2], "b": 3},
    }


@pytest.mark.parametrize(
    ("target", "why"),
    [("/dev/zero", "is not a file"), ("folder", "is not a file"), ("link", "cannot be read"),
     ("nothing", "does not exist"), ("large", "more than 1048576 bytes")],
)  # fmt: skip
@pytest.mark.skipif(os.name == "nt", reason="links need a permission there")
def test_what_cannot_be_read_is_told_so(tmp_path: Path, target: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "large").write_bytes(bytes(MAX_BYTES + 1))
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(UserErrorException, match=f"link .*{why}"):
        read_bytes(tmp_path / "link")


def test_a_file_that_is_not_utf_8_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a\xff")
    with pytest.raises(UserErrorException, match="not text in UTF-8: invalid start byte at byte 1"):
        read_text(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"\xef\xbb\xbfa")
    assert read_text(tmp_path / "file") == "a"


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "config.json": (".azureml/config.json", lambda path: config_json.find_config(str(path))),
    "compute.yaml": (".azureml/compute.yaml", declared_targets.read_file),
    "run configuration": (".azureml/a.runconfig", lambda path: RunConfiguration.load(".", "a")),
    "conda": ("conda.yml", CondaDependencies),
    "environment": (
        "env/azureml_environment.json",
        lambda path: Environment.load_from_directory(str(path.parent)),
    ),
}
"""Each reader of a project's files that parses them."""


@pytest.mark.parametrize("text", ["[" * 400, "{a: 2020-13-45}", "x" * (MAX_BYTES + 1), BOMB])
@pytest.mark.parametrize("reader", READERS)
def test_each_reader_of_a_projects_files_says_so(
    reader: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, read = READERS[reader]
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    with pytest.raises(AzureMLException):
        read(tmp_path / name)


@pytest.mark.skipif(os.name == "nt", reason="links need a permission there")
def test_a_link_to_a_device_is_not_read_for_ever(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(UserErrorException, match="is not a file"):
        Environment.from_pip_requirements("e", str(tmp_path / "link"))
    with pytest.raises(UserErrorException, match="is not a file"):
        read_dockerfile(str(tmp_path / "link"))
    with pytest.raises(EnvironmentBuildException, match="is not a file"):
        parse_lines(["-r link"], [tmp_path])


@pytest.mark.parametrize(
    "read", [CondaDependencies, lambda path: Environment.from_pip_requirements("e", path)]
)
def test_a_file_of_packages_that_is_not_there_is_v1s_error(read: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        read(str(tmp_path / "nothing"))


def test_an_ignore_file_has_a_limit(tmp_path: Path) -> None:
    (tmp_path / ".amlignore").write_text("x" * (MAX_BYTES + 1))
    with pytest.raises(AzureMLException, match=r"\.amlignore is too large"):
        snapshot.collect(tmp_path)
