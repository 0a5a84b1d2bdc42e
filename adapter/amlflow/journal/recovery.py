"""Sends the records of dead processes. The process that gets a folder's lock sends it."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from amlflow.exceptions import AuthenticationException, AzureMLException, ServiceException
from amlflow.journal.delivery import Delivery, calls_of
from amlflow.journal.folder import (
    REFUSED,
    ProcessFolder,
    dead_folders,
    forget_dead,
    list_dead,
    note_dead,
    note_refused,
    process_folders,
)
from amlflow.journal.offline_runs import LocalIds, display_id, display_owner
from amlflow.journal.record import (
    LOST,
    POINT,
    Numbered,
    Record,
    record_of,
    run_of,
    to_point,
)
from amlflow.run_errors import to_error
from amlflow.spec import FINAL, RunChange, RunNotFound, Status, Tracker, Unavailable

logger = logging.getLogger("amlflow")


@dataclass(slots=True)
class Recovered:
    """What a recovery did: the number of records, and the runs that had no end."""

    sent: int = 0
    refused: int = 0
    torn: int = 0
    not_responding: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)


def recover(
    tracker_folder: Path,
    tracker: Callable[[], Tracker],
    *,
    but: ProcessFolder | None = None,
    of_run: str | None = None,
    close: RunChange | None = None,
    counts: Recovered | None = None,
) -> Recovered:
    """Send the records of processes that have died.

    Args:
        tracker_folder: The folder of the journals for the tracker.
        tracker: Opens the tracker.
        but: The folder of this process, which is left out.
        of_run: Only send folders that have something of this run.
        close: How to end runs that their dead process did not end, including those that were marked
            as NotResponding before. None: mark them as NotResponding.
        counts: Where to count; a new object if left out.

    Raises:
        Unavailable: the tracker did not accept some records now. They stay for the next recovery.
            If it accepts nothing of two folders, the other folders are not tried.
        AuthenticationException: the tracker wants other credentials for some records. They stay,
            and the others are sent.
        ServiceException: a folder cannot be read or sent. It stays, the log says why, and the
            others are sent.
    """
    counts = counts or Recovered()
    problem: AzureMLException | None = None
    for folder in dead_folders(tracker_folder, but):
        count_before = counts.sent + counts.refused
        try:
            if (of_run is None or folder.mentions(of_run)) and folder.take():
                _send(folder, tracker, close, counts)
                folder.remove()
        except AuthenticationException as error:
            problem = problem or error
        except Unavailable as error:
            if isinstance(problem, Unavailable) and counts.sent + counts.refused == count_before:
                raise
            problem = error
        except Exception as error:  # such as a failing disk or a damaged file
            logger.exception("What a process has left in %s is not sent.", folder.path)
            problem = problem or ServiceException(
                f"What a process has left in {folder.path} cannot be sent and stays there "
                f"({error!r}). What other processes have left is sent. Repair that folder or move "
                "it away."
            )
        finally:
            folder.release()
    if close is not None:
        for run_id in list_dead(tracker_folder):
            _mark(tracker(), run_id, close, counts)
            forget_dead(tracker_folder, run_id)
    if problem is not None:
        raise problem
    return counts


def _send(
    folder: ProcessFolder,
    tracker: Callable[[], Tracker],
    close: RunChange | None,
    counts: Recovered,
) -> None:
    ids = LocalIds()

    def on_refused(_: int, record: Record, error: AzureMLException) -> None:
        counts.refused += 1
        counts.sent -= 1
        if record[0] == LOST:  # the process that wrote it has reported the loss
            return
        path = note_refused(folder, record, error.message)
        logger.error("The tracker refused a record of %s, kept in %s: %s",
                     display_owner(record[1]), path, error.message)  # fmt: skip

    def on_answer(count: int) -> None:
        counts.sent += count

    # Try each call once. What the tracker does not accept now waits for the next recovery.
    delivery = Delivery(tracker, folder, ids, on_refused, max_tries=1)
    delivery.late = True
    try:
        delivery.bring_held(on_answer)
        for lines, number, offset in folder.unsent():
            records = [(record_of(line), len(line)) for line in lines if line]
            whole_records = [(record, size) for record, size in records if record is not None]
            if len(whole_records) < len(records):
                # The calls that wrote these records have not returned.
                counts.torn += len(records) - len(whole_records)
                logger.warning("A record in %s was not written to its end; it is left out.",
                               folder.path)  # fmt: skip
            numbered = (Numbered(n, record, size) for n, (record, size) in enumerate(whole_records))
            delivery.bring(calls_of(numbered), on_answer)
            folder.note_sent(number, offset)
        forbidden_runs = list(delivery.held)
        for run_id in folder.running():
            if run_id in forbidden_runs:
                continue
            with contextlib.suppress(RunNotFound):
                tracker_id = ids.of(tracker(), run_id)
                if close is None:
                    note_dead(folder.path.parent, tracker_id)
                _mark(tracker(), tracker_id, close, counts)
            folder.note_ended(run_id)
        if forbidden_runs:
            raise delivery.held.why(sys.maxsize) or AuthenticationException("It is forbidden.")
    finally:
        delivery.held.close()


def _mark(tracker: Tracker, run_id: str, close: RunChange | None, counts: Recovered) -> None:
    """Mark a run as NotResponding, or end it with ``close``, unless it has ended."""
    try:
        if tracker.get_run(run_id).status in FINAL:
            return
        tracker.update_run(run_id, close or RunChange(status=Status.NOT_RESPONDING))
    except RunNotFound:
        return
    (counts.not_responding if close is None else counts.closed).append(run_id)


def failure(message: str) -> RunChange:
    """Make the change that ends a run as Failed. Use it for a run whose process has died."""
    error = to_error(message, "ServiceError")
    return RunChange(
        status=Status.FAILED, ended=datetime.now(timezone.utc), system={"error": json.dumps(error)}
    )


def waiting(tracker_folder: Path) -> Iterator[dict[str, Any]]:
    """Yield, for each process and run, how many records wait, since when, and in which process."""
    for folder in process_folders(tracker_folder):
        about, is_alive = folder.about(), folder.is_alive()
        counts: dict[str, list[Any]] = {
            run_id: [0, about.get("started")] for run_id in folder.running()
        }
        for record in _waiting_records(folder):
            run_id = run_of(record)
            if run_id is None:
                continue
            count = counts.setdefault(run_id, [0, None])
            if record[0] == POINT and not count[0]:
                count[1] = to_point(record).time.isoformat()
            count[0] += 1
        for run_id, (count, start) in counts.items():
            yield {
                "run_id": display_id(run_id),
                "waiting": count,
                "since": start or about.get("started"),
                "process": about.get("pid"),
                "host": about.get("host"),
                "alive": is_alive,
            }


def count_left(tracker_folder: Path) -> int:
    """Count the waiting records of dead processes."""
    return sum(1 for folder in dead_folders(tracker_folder) for _ in _waiting_records(folder))


def _waiting_records(folder: ProcessFolder) -> Iterator[Record]:
    """Yield the records of a folder that can be read."""
    try:
        for lines in folder.waiting():
            yield from filter(None, map(record_of, lines))
    except OSError as error:
        logger.warning("What waits in %s cannot be read: %s", folder.path, error)


def put_back(tracker_folder: Path, uri: str) -> None:
    """Turn refused records into records of a dead process, so that they are sent again.

    Refused records of a living process stay, because it may add to them. If this process dies here,
    a record may be kept twice: as waiting, and as refused. The tracker stores it once.
    """
    for path in sorted((tracker_folder / REFUSED).glob("*.jsonl")):
        owner = ProcessFolder(tracker_folder / path.stem)
        if owner.path.exists() and not owner.take():
            continue
        try:
            folder = ProcessFolder.make(tracker_folder, uri)
            try:
                entries = map(json.loads, path.read_text(encoding="utf-8").splitlines())
                folder.leave([entry["record"] for entry in entries], path.parent)
                path.unlink()
            finally:
                folder.release()
        finally:
            owner.release()


def read_refused(tracker_folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the run, reason and file of each record that the tracker refused."""
    for path in sorted((tracker_folder / REFUSED).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            yield {
                "run_id": display_id(entry["record"][1] or ""),
                "why": entry["why"],
                "file": str(path),
            }
