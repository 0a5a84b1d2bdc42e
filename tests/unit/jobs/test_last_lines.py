"""The last lines of a script's output, in the message of its run's error."""

from __future__ import annotations

from pathlib import Path

from amlflow.jobs.agent.last_lines import LAST_LINES, last_lines, read_last_lines


def test_a_progress_bar_does_not_push_out_the_error(tmp_path: Path) -> None:
    states = "".join(f"\r{state}%" for state in range(100))
    text = f"\x1b[31mValueError\x1b[0m: wrong\n{states}\n"
    (tmp_path / "log").write_bytes(text.encode())
    assert last_lines(text) == read_last_lines(tmp_path / "log") == "ValueError: wrong\n99%"


def test_there_are_only_so_many() -> None:
    lines = [str(number) for number in range(LAST_LINES + 5)]
    assert last_lines("\n".join(lines)).split("\n") == lines[5:]
    assert last_lines("") == ""
