"""``amlflow plugins new`` writes the files of a plugin."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from amlflow.cli.errors import WrongUsage
from amlflow.cli.new_plugin import FILES, write_plugin
from amlflow.cli.plugins import plugins
from amlflow.exceptions import UserErrorException
from amlflow.spec import Feature


@pytest.fixture(autouse=True)
def _working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_its_files_are_named_after_it() -> None:
    answer = plugins("new", "my_notes", None)
    assert isinstance(answer, dict)
    folder = Path("amlflow-my-notes")
    assert answer["folder"] == str(folder)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    assert files == sorted(answer["files"])
    assert len(files) == len(FILES)
    for path in folder.rglob("*.*"):
        text = path.read_text()
        assert "$" not in text
        if path.suffix == ".py":
            ast.parse(text)
    assert "class MyNotesTracker(" in (folder / "amlflow_my_notes" / "tracker.py").read_text()


def test_it_claims_all_features_that_one_process_can_have() -> None:
    write_plugin("notes")
    source = Path("amlflow-notes/amlflow_notes/__init__.py").read_text()
    claimed = {feature for feature in Feature if f"        Feature.{feature.name}," in source}
    assert claimed == set(Feature) - {Feature.SHARED}


@pytest.mark.parametrize("name", ["", "Notes", "1a", "a-b", "../a", "class", "a" * 41, "a/b"])
def test_a_name_that_cannot_be_a_module(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserErrorException, match="is not a valid name for a plugin"):
        write_plugin(name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_stays_as_it_is() -> None:
    Path("amlflow-notes").mkdir()
    with pytest.raises(UserErrorException, match="exists already"):
        write_plugin("notes")
    assert not list(Path("amlflow-notes").iterdir())


def test_a_name_is_needed() -> None:
    with pytest.raises(WrongUsage, match="plugins new NAME"):
        plugins("new", None, None)
