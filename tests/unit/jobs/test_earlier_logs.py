"""The logs of a cluster job's earlier attempt get names of their own."""

from __future__ import annotations

from pathlib import Path

from amlflow.jobs.agent.attempts import keep_earlier_log
from amlflow.jobs.job import JobFolder
from amlflow.testing.memory import MemoryTracker
from helpers.cluster_runs import record, stored


def test_the_logs_of_all_processes_are_kept(tmp_path: Path) -> None:
    tracker, folder = MemoryTracker("memory:"), JobFolder("job", tmp_path)
    folder.make()
    run_id = stored(tracker, record("Running")).id
    keep_earlier_log(tracker, run_id, folder, 2)
    assert list(tracker.list_files(run_id, "")) == []  # attempt 1 has written none
    for attempt in (2, 3):
        for name in ("", "_process_0", "_process_1", "_process_12"):
            path = tmp_path / "log"
            path.write_text(f"{attempt - 1}{name}")
            tracker.put_files(run_id, {f"user_logs/std_log{name}.txt": path}, replace=True)
        keep_earlier_log(tracker, run_id, folder, attempt)
    kept = [name for name in tracker.list_files(run_id, "user_logs/") if "attempt" in name]
    assert kept == [
        f"user_logs/std_log{process}_attempt_{attempt}.txt"
        for process in ("", "_process_12", "_process_1")
        for attempt in (1, 2)
    ]
    tracker.get_file(run_id, "user_logs/std_log_process_12_attempt_1.txt", tmp_path / "read")
    assert (tmp_path / "read").read_text() == "1_process_12"
