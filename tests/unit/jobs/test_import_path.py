"""From which folder the Python of a job imports amlflow."""

from __future__ import annotations

import site
import sys
from pathlib import Path

import pytest
from amlflow.jobs import launch


@pytest.mark.parametrize("is_installed", [False, True])
def test_the_folder_of_installed_packages_is_not_passed_on(
    monkeypatch: pytest.MonkeyPatch, is_installed: bool
) -> None:
    """Otherwise a script would import the submitter's packages before those of its environment."""
    folder = str(Path(site.getsitepackages()[0]).resolve()) if is_installed else "/checkout"
    monkeypatch.setattr(launch, "_own_folder", lambda: folder)
    monkeypatch.setattr(sys, "path", [folder])
    assert launch.import_path() == (None if is_installed else folder)
