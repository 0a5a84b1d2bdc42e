"""When a server starts, it knows which parts of the studio MLflow's page has no place for."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from amlflow_page.graft_places import PLACES, missing_places


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A build of a page with all places, in two files."""
    scripts = tmp_path / "static" / "js"
    scripts.mkdir(parents=True)
    (tmp_path / "index.html").write_text("<html><head></head><body></body></html>")
    names = list(PLACES.values())
    (scripts / "main.js").write_text(f'x("{names[0]}")')
    (scripts / "2.chunk.js").write_text(" ".join(names[1:]))
    return tmp_path


def test_the_installed_mlflow_has_all_places() -> None:
    mlflow = find_spec("mlflow")
    assert mlflow is not None
    assert missing_places(Path(str(mlflow.origin)).parent / "server" / "js" / "build") == []


def test_what_has_no_place_is_named(build: Path) -> None:
    assert missing_places(build) == []
    (build / "static" / "js" / "main.js").write_text("x()")
    assert missing_places(build) == ["the status and Cancel"]
    (build / "index.html").write_text("<html></html>")
    assert missing_places(build)[0] == "the studio"


def test_a_folder_without_a_page_has_no_place(tmp_path: Path) -> None:
    assert missing_places(tmp_path) == ["the studio", *PLACES]
