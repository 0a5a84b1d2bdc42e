"""The journal of a process is removed or cut while it logs: what had returned is in the tracker."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from amlflow.journal.folder import process_folders, tracker_folder
from amlflow.journal.segment_files import segments_in
from helpers import logging_processes
from helpers.removal import remove_at_once, replace_by_file
from helpers.tools import need

LOGS = """
from amlflow.exceptions import ServiceException
run = begin()
log(run, 0)
run.flush()
print(run.id, flush=True)
raised = []
for number in range(1, 10_000):
    try:
        log(run, number)
    except ServiceException as error:
        raised.append(number)
    if number == 5000:
        print("in the middle", flush=True)
    if number > 5000:
        time.sleep(0.0001)
try:
    run.complete()
except ServiceException:  # there is no journal for the end either
    run.flush()
print(raised, flush=True)
"""


def without_roots_rights() -> list[str]:
    """Words before a command that have root ask for permissions, as every other user does."""
    if os.geteuid() != 0:
        return []
    return [need("setpriv"), "--bounding-set=-dac_override", "--"]


def remove_all(folder: Path) -> None:
    remove_at_once(folder.parent.parent)


def cut(folder: Path) -> None:
    for path in segments_in(folder):
        os.truncate(path, 0)


def replace_all_by_file(folder: Path) -> None:
    replace_by_file(folder.parent.parent)


def forbid_writing(folder: Path) -> None:
    for path in (folder, folder / "running"):
        path.chmod(0o500)


DAMAGES = [remove_all, cut, replace_all_by_file, forbid_writing]
"""tests/integration/journal/test_vanished.py has more, without a process of their own."""


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_what_had_returned_is_in_the_tracker(
    sqlite_uri: str, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    journals = tmp_path / "journal"
    process = logging_processes.start(
        LOGS, sqlite_uri, before=without_roots_rights(), AMLFLOW_JOURNAL_FOLDER=str(journals)
    )
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    process.stdout.readline()
    [folder] = process_folders(tracker_folder(journals, sqlite_uri))
    damage(folder.path)
    out, err = logging_processes.wait_for_output(process)
    raised = set(eval(out))
    assert logging_processes.read_stored(sqlite_uri, run_id) == [
        n for n in range(10_000) if n not in raised
    ]
    if damage is replace_all_by_file:
        assert err.count("another cannot be made") == 1
    else:
        assert raised == set()
        assert err.count("while it was in use") == 1, err
