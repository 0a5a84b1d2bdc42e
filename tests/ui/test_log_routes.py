"""The studio's routes for logs: pieces of a log, lines with a text, and all logs as one file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

from helpers.studio import READER, Server, permit


def test_all_logs_are_downloaded_as_one_file(studio: Server, experiment: Any):
    run = experiment.start_logging(snapshot_directory=None)
    assert studio.get("runs/logs/archive", run_id=run.id).status_code == 404
    logs = {
        "user_logs/std_log.txt": b"one\n" * 100_000,
        "logs/a/b.txt": b"",
        "azureml-logs/c": b"x",
    }
    for name, content in logs.items():
        Path("log.txt").write_bytes(content)
        run.upload_file(name, "log.txt")
    run.upload_file("outputs/model.bin", "log.txt")
    answer = studio.get("runs/logs/archive", READER, run_id=run.id)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="logs-{run.id}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as zipped:
        assert {name: zipped.read(name) for name in zipped.namelist()} == logs
    permit(studio, READER, experiment.id, "DENY")
    assert studio.get("runs/logs/archive", READER, run_id=run.id).status_code == 403
    assert studio.get("runs/log/hits", READER, run_id=run.id, text="a").status_code == 403
    assert studio.get("runs/log/hits", run_id=run.id, name="logs/a/b.txt").status_code == 400


def test_a_log_is_read_on_from_where_one_was(studio: Server, experiment: Any):
    run = experiment.start_logging(snapshot_directory=None)
    Path("log.txt").write_text("one\ntwö\n", encoding="utf-8")
    run.upload_file("user_logs/std_log.txt", "log.txt")
    run.upload_file("outputs/model.bin", "log.txt")
    assert studio.get("runs/logs", run_id=run.id).json()["files"] == [
        {"name": "user_logs/std_log.txt", "size": 9}
    ]

    def read(offset: int, name: str = "user_logs/std_log.txt") -> Any:
        return studio.get("runs/log", READER, run_id=run.id, name=name, offset=offset)

    assert read(0).content.decode() == "one\ntwö\n"
    assert read(4).content.decode() == "twö\n"
    assert (read(9).content, read(9).headers["X-Log-Size"]) == (b"", "9")
    assert read(-5).content.decode() == "twö\n"
    assert read(0, "user_logs/none.txt").status_code == 404
    for outside in ("../../secret", "user_logs/../../x", "outputs/model.bin", "/etc/passwd"):
        assert read(0, outside).status_code in (400, 404)
        assert b"root" not in read(0, outside).content
