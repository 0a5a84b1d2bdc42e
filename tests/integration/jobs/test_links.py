"""Symbolic links that a script creates in its outputs and logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.submitted_jobs import log_of, submit, until, wait_for_end


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    place = tmp_path / "secrets"
    place.mkdir()
    (place / "token").write_text("secret")
    return place


def test_links_that_lead_out_are_left_out_and_named(
    experiment: Any, jobs: Path, secrets: Path
) -> None:
    run = submit(
        experiment,
        f"""
        import os
        os.symlink("/etc/passwd", "outputs/passwd")
        os.symlink({str(secrets)!r}, "outputs/folder")
        os.symlink("../outputs/folder", "logs/chain")
        os.symlink("../outputs/passwd", "logs/chain2")
        os.symlink("../../job.json", "outputs/job.json")
        os.mkfifo("outputs/pipe")
        open("outputs/kept", "w").write("kept")
        os.symlink("kept", "outputs/also kept")
        print("done")
        """,
    )
    assert wait_for_end(run) == "Completed"
    assert run.get_file_names() == ["outputs/also kept", "outputs/kept", "user_logs/std_log.txt"]
    warnings = run.get_details()["warnings"]
    for name in (
        "outputs/passwd",
        "outputs/folder",
        "outputs/job.json",
        "outputs/pipe",
        "logs/chain",
        "logs/chain2",
    ):
        assert any(each.startswith(f"{name!r} was not stored") for each in warnings)
        assert f"amlflow: {name!r} was not stored" in log_of(run)
    assert log_of(run).startswith("done\namlflow: ")
    until(lambda: not list(jobs.iterdir()), what="the job's end")


@pytest.mark.parametrize("name", ["outputs", "logs"])
def test_a_folder_that_is_replaced_by_a_link(experiment: Any, secrets: Path, name: str) -> None:
    run = submit(
        experiment,
        f"""
        import os
        os.rmdir({name!r})
        os.symlink({str(secrets)!r}, {name!r})
        """,
    )
    assert wait_for_end(run) == "Completed"
    assert run.get_file_names() == ["user_logs/std_log.txt"]
    [warning] = run.get_details()["warnings"]
    assert warning.startswith(f"{name!r} was not stored. It is one of these: a link that leads out")


def test_a_link_that_is_put_there_while_the_agent_sends(experiment: Any, secrets: Path) -> None:
    run = submit(
        experiment,
        f"""
        import os, time
        end = time.monotonic() + 4
        while time.monotonic() < end:
            with open("logs/new", "w") as file:
                file.write(f"mine {{time.monotonic()}}")
            os.replace("logs/new", "logs/swapped")
            os.symlink({str(secrets / "token")!r}, "logs/link")
            os.replace("logs/link", "logs/swapped")
        with open("logs/new", "w") as file:
            file.write("mine")
        os.replace("logs/new", "logs/swapped")
        """,
    )
    seen = set()

    def over() -> bool:
        has_ended = run.get_status() == "Completed"  # before the names: the file may come last
        if "logs/swapped" in run.get_file_names():
            run.download_file("logs/swapped", "seen")
            seen.add(Path("seen").read_text())
        return has_ended

    until(over)
    assert seen
    assert not any("secret" in each for each in seen)
