"""trackio's files that cannot be opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from amlflow.spec import Unavailable
from amlflow_trackio.projects import Projects


@pytest.mark.parametrize("method", ["known", "ready", "is_empty"])
def test_a_file_that_cannot_be_opened_is_an_outage(tmp_path: Path, method: str) -> None:
    (tmp_path / "p.db").mkdir()
    with pytest.raises(Unavailable, match=r"p\.db' or trackio's: "):
        getattr(Projects(tmp_path), method)("p")
