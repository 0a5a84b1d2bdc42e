"""The studio's list of a run's logs, from what an artifact store answers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from amlflow_page import logs


class Cloud:
    """An artifact store in which somebody has chosen the names."""

    def list_artifacts(self, path: str) -> list[Any]:
        names = ("std_log.txt", "../outside.txt", "..", "a/../../../outside.txt")
        found = [SimpleNamespace(path="/etc/outside.txt", is_dir=False, file_size=1)]
        for name in names:
            is_dir = name.endswith("..")
            found.append(SimpleNamespace(path=f"{path}/{name}", is_dir=is_dir, file_size=1))
        return found if path.endswith("user_logs") else []


@pytest.mark.parametrize("base", ["", "1/a/artifacts"])
def test_names_that_lead_out_of_a_runs_files_are_not_listed(
    base: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(logs, "artifacts_of", lambda run_id: (Cloud(), base))
    listed = [file["name"] for file in logs.log_files("a")]
    assert "user_logs/std_log.txt" in listed
    assert not any(".." in name or name.startswith("/") for name in listed)
