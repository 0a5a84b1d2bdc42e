"""``python -m amlflow script.py`` runs a script as Python itself does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from amlflow.__main__ import is_script, main

SCRIPT = """
import json, sys
import azureml.core, beside
seen = [__name__, sys.argv, sys.path[0], beside.NAME, __file__]
open("seen.json", "w").write(json.dumps(seen))
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def script(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script in a folder with a module beside it; the interpreter's state comes back."""
    (folder / "scripts").mkdir()
    (folder / "scripts" / "beside.py").write_text("NAME = 'beside'\n")
    (folder / "scripts" / "train.py").write_text(SCRIPT)
    monkeypatch.setattr(sys, "argv", ["amlflow"])
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.delitem(sys.modules, "beside", raising=False)
    return Path("scripts", "train.py")


@pytest.mark.parametrize("code", [0, 7])
def test_a_script_has_its_arguments_its_folder_and_its_exit_code(
    script: Path, folder: Path, code: int
) -> None:
    import json

    with pytest.raises(SystemExit) as end:
        main([str(script), str(code), "-o", "table"])
    assert end.value.code == code
    assert json.loads((folder / "seen.json").read_text()) == [
        "__main__", [str(script), str(code), "-o", "table"], str(folder / "scripts"), "beside",
        str(script),
    ]  # fmt: skip
    assert sys.argv == [str(script), str(code), "-o", "table"]


def test_what_a_zip_application_is_found_by_stays_on_the_path(
    script: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["/app.pyz", *sys.path[1:]])
    with pytest.raises(SystemExit):
        main([str(script), "0"])
    assert sys.path[:2] == [str(folder / "scripts"), "/app.pyz"]


def test_a_script_that_does_not_exist_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["nowhere.py"]) == 3
    assert "'nowhere.py' does not exist" in capsys.readouterr().err


def test_a_command_stays_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert not is_script([])
    assert not is_script(["run", "list"])
    assert main(["version", "-o", "none"]) == 0
