"""Adds a durable journal to a tracker: a call returns when its values are on this machine's disk.
Points, changes of tags, names, texts and status, and files that may replace others are journaled.
They reach the tracker soon after, exactly once, in the order of the calls. While the tracker is
away, they wait. A call whose result the caller needs goes straight to the tracker, after the
journal of its run is flushed.

With ``AMLFLOW_OFFLINE`` runs start without the tracker, too, under ids of their own.
"""

from __future__ import annotations

import dataclasses
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from amlflow.exceptions import AzureMLException
from amlflow.journal import offline_runs, record
from amlflow.journal.changes import Changes, with_liveness
from amlflow.journal.journal import Journal
from amlflow.journal.offline_runs import is_local
from amlflow.journal.record import point_line
from amlflow.journal.sender import Ticket
from amlflow.journal.settings import JournalSettings
from amlflow.layers.layer import Layer
from amlflow.metric_numbers import names_metrics
from amlflow.spec import (
    FINAL,
    LAUNCHED,
    UNSTARTED,
    ExperimentRecord,
    FileInRun,
    FileNotInRun,
    ModelDraft,
    ModelRecord,
    Point,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    Tracker,
    Unavailable,
    check_file_name,
    transition,
)

logger = logging.getLogger("amlflow")

RETRY_LIMIT_S = 0.8
"""How long a call waits for the tracker if its record may also be sent later."""
MIN_WAIT_S = 1.0
"""How long a call waits at least if its record must be in the tracker."""
MAX_FILE_BYTES = 64_000_000
"""Files up to this size are journaled. Larger ones would delay other records too long."""
MAX_HEADS = 10_000


class Journaled(Layer):
    """A layer that writes to a journal first. The module's docstring says which calls do so.

    The first call that needs the tracker opens it.
    """

    def __init__(
        self,
        uri: str,
        open_tracker: Callable[[], Tracker],
        settings: JournalSettings,
        parent: Journaled | None = None,
    ) -> None:
        """Keep the arguments. ``parent`` is the layer of the process that has forked this one."""
        self._uri, self._open, self._settings = uri, open_tracker, settings
        self._opening = threading.Lock()
        self._tracker: Tracker | None = None
        self.journal = Journal(uri, settings, lambda: self.inner)
        self._heads: dict[tuple[str, str, str, str], str] = {}
        self._changes = Changes()
        self._local: dict[str, RunRecord] = {}
        self._local_files: dict[str, dict[str, tuple[Journal, str]]] = {}
        if parent is not None:  # take over its runs that were started while the tracker was away
            self.journal.ids = parent.journal.ids
            self._local, self._local_files = parent._local, parent._local_files

    @property
    def inner(self) -> Tracker:  # type: ignore[override]
        if self._tracker is None:
            with self._opening:
                if self._tracker is None:
                    self._tracker = self._open()
        return self._tracker

    @property
    def features(self) -> frozenset[str]:  # type: ignore[override]
        return self.inner.features

    @property
    def uri(self) -> str:
        return self._uri if self._tracker is None else self._tracker.uri

    @property
    def away(self) -> bool:
        """Whether the last attempt to send something found that the tracker does not answer."""
        return self.journal.away is not None

    def flush(self, run_id: str | None = None, seconds: float | None = None) -> None:
        """Wait until all that this process has logged is in the tracker.

        With ``run_id``, records of other runs that the tracker forbids are not waited for.

        Raises:
            Unavailable: the wait took longer than ``seconds`` (default: ``AMLFLOW_FLUSH_SECONDS``).
            UserErrorException: the tracker refused something of the run. The message names it.
            ServiceException: something was removed from this machine's disk before it was sent.
        """
        tracker_id = None if run_id is None else self._tracker_id(run_id)
        self.journal.wait(seconds=seconds, run_id=tracker_id)
        if tracker_id is not None:
            self.journal.recover(tracker_id)
            self.journal.raise_refused(tracker_id)

    def finish(self) -> None:
        """Wait as :meth:`flush` does. If it raises, the end of the process does not wait again."""
        self.journal.finish()

    # runs

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        try:
            return self.inner.ensure_experiment(name)
        except Unavailable:
            if not self._settings.offline:
                raise
            logger.warning("The tracker is away; experiment %r is known by its name alone.", name)
            return offline_runs.local_experiment(name)

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        if is_local(experiment_id):
            return self.ensure_experiment(experiment_id[len(offline_runs.LOCAL) :])
        return self.inner.get_experiment(experiment_id)

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        if any(draft.writer is not None for draft in drafts):
            self.journal.begin()  # raises before the run is created if there can be no journal
        if any(is_local(draft.experiment_id) or is_local(draft.parent_id) for draft in drafts):
            records = self._create_local(drafts)
        else:
            try:
                records = self.inner.create_runs(drafts)
            except Unavailable:
                if not self._settings.offline or any(LAUNCHED in draft.system for draft in drafts):
                    raise
                records = self._create_local(drafts)
        for draft, run in zip(drafts, records, strict=True):
            if draft.writer is not None and draft.status not in FINAL | UNSTARTED:
                self.journal.note_running(run.id)
        return records

    def _create_local(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        started = [offline_runs.start_run(draft) for draft in drafts]
        for run, entry in started:
            self.journal.write(entry)
            self._local[run.id] = run
        return [run for run, _ in started]

    def _tracker_id(self, run_id: str) -> str:
        """Return the tracker's id of a run, or ``run_id`` itself if the tracker has no other."""
        return self.journal.tracker_id(run_id) or run_id

    def _is_here_only(self, run_id: str) -> bool:
        """Whether a run was started while the tracker was away, and is not in the tracker yet."""
        return is_local(run_id) and self.journal.tracker_id(run_id) is None

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        """Return a run. It is NotResponding if its process on this machine has died."""
        if self._is_here_only(run_id):
            return self._local[run_id]
        self.journal.hurry()  # the caller may soon end the run, and then waits for its records
        self._settle(run_id)
        dead_runs = self.journal.dead_runs()  # first: a dead run's end may be sent soon
        return with_liveness(self.inner.get_run(self._tracker_id(run_id), experiment_id), dead_runs)

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        self._settle(points=names_metrics(query))
        dead_runs = self.journal.dead_runs()
        for run in self.inner.find_runs(query):
            yield with_liveness(run, dead_runs)

    def count_runs(self, query: RunQuery) -> int | None:
        self._settle(points=names_metrics(query))
        return super().count_runs(query)

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        self._settle(points=names_metrics(query, field))
        dead_runs = self.journal.dead_runs()
        runs = super().first_runs(query, field, last)
        return None if runs is None else [with_liveness(run, dead_runs) for run in runs]

    def field_values(self, query: RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]] | None:
        self._settle(points=names_metrics(query, *fields))
        # The tracker's status of a dead run is not right: with_liveness() needs the whole record.
        if "status" in fields and self.journal.dead_runs():
            return None
        return super().field_values(query, fields)

    def _settle(self, run_id: str | None = None, *, points: bool = False) -> None:
        """Wait until the journaled changes of a run, or of all runs, are in the tracker.

        So a reader sees each change whose call has returned. With ``points``, wait for points, too.
        """
        if run_id is not None:
            run_id = self._tracker_id(run_id)
        if not (number := self.journal.written if points else self._changes.last(run_id)):
            return
        seconds = self._settings.flush_seconds
        # If all runs are read, a run whose records the tracker forbids does not hide the others.
        of_all = run_id not in self._changes
        if not self.journal.wait_briefly(number, seconds, run_id, any_run=of_all):
            raise self.journal.obstacle(number, run_id) or Unavailable(
                f"The tracker has not taken a change of run {run_id} within {seconds:g} s."
            )
        self._changes.forget(self.journal.done)

    def update_run(self, run_id: str, change: RunChange) -> None:
        """Send properties straight to the tracker, and journal every other change.

        While the tracker is away, tags and texts wait in the journal. A status is waited for.

        Raises:
            Unavailable: a status has not reached the tracker in time. It is sent later anyway.
            UserErrorException: the change ends the run, and the tracker refused something that was
                logged to the run before.
            AzureMLException: the tracker refused the change.
        """
        # The tracker does not have the run yet: its record is on this machine.
        if self._is_here_only(run_id):
            self._change_local(run_id, change)
            return
        tracker_id = self._tracker_id(run_id)
        # The caller must know whether the run has the property already, and only the tracker does.
        if change.properties:
            self.journal.wait(run_id=tracker_id)
            self.inner.update_run(tracker_id, change)
            return
        deadline = time.monotonic() + self._settings.flush_seconds
        # The end comes after all that was logged to the run.
        if change.status in FINAL:
            self._end_run(run_id, change, deadline)
            return
        # Tags, texts and other statuses.
        self._await_change(self._write_change(tracker_id, change), tracker_id, change, deadline)

    def _end_run(self, run_id: str, change: RunChange, deadline: float) -> None:
        """Journal the end of a run, wait for it, and raise what was refused of the run before."""
        tracker_id = self._tracker_id(run_id)
        # What other processes have logged to the run comes first.
        patience = 0 if self._settings.offline and self.away else self._settings.flush_seconds
        self.journal.settle(run_id, patience)
        # Raises if the end cannot be journaled. Then the run has not ended.
        ticket = self._write_change(tracker_id, change)
        try:
            self._await_change(ticket, tracker_id, change, deadline)
        except AzureMLException:
            # If a record was refused, raise that error: the caller can do more about it.
            self.journal.raise_refused(tracker_id)
            raise
        finally:
            # The end is in the journal or refused, so the run will not count as dead.
            self.journal.note_ended(run_id)
        self.journal.raise_refused(tracker_id)

    def _write_change(self, run_id: str, change: RunChange) -> Ticket:
        ticket = self.journal.write_awaited(record.change_record(run_id, change))
        self._changes.note(run_id, ticket.number)
        return ticket

    def _await_change(
        self, ticket: Ticket, run_id: str, change: RunChange, deadline: float
    ) -> None:
        """Wait for a change as :meth:`_wait_for` does, and raise the tracker's error about it."""
        try:
            self._wait_for(ticket.number, run_id, change, deadline)
            self.journal.collect(ticket)
        finally:
            self.journal.forget(ticket)

    def _wait_for(self, number: int, run_id: str, change: RunChange, deadline: float) -> None:
        """Wait for a change. Raises :class:`Unavailable`, or if offline, logs a warning."""
        seconds = max(MIN_WAIT_S, deadline - time.monotonic())
        if change.status is None and not change.system:
            self.journal.wait_briefly(number, RETRY_LIMIT_S, run_id)
        elif not self._settings.offline:
            self.journal.wait(number, seconds, run_id)
        elif not self.journal.wait_briefly(number, seconds, run_id):
            logger.warning("Run %s is sent when the tracker is back.", run_id)

    def delete_run(self, run_id: str) -> None:
        """Send the run's records first, as the tracker may refuse them later, and delete it."""
        self.flush(run_id)
        super().delete_run(self._tracker_id(run_id))

    def restore_run(self, run_id: str) -> None:
        super().restore_run(self._tracker_id(run_id))

    def _change_local(self, run_id: str, change: RunChange) -> None:
        run = self._local[run_id]
        changed_run = transition(run, change)
        self.journal.write(record.change_record(run_id, change))
        self._local[run_id] = changed_run
        if change.status in FINAL:
            self.journal.note_ended(run_id)
            self.journal.raise_refused(run_id)
            logger.warning("Run %s is sent when the tracker is back.", run.alias)

    # metrics

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Write points to the disk. They are in the tracker within a second."""
        for point in points:
            key = (run_id, point.name, point.kind, point.writer)
            head = self._heads.get(key)
            if head is None:
                head = self._make_head(key, point)
            self.journal.write_line(point_line(head, point))

    def _make_head(self, key: tuple[str, str, str, str], point: Point) -> str:
        if self._tracker is not None:
            self._tracker.check_name(point.name)
        if len(self._heads) > MAX_HEADS:
            self._heads.clear()
        head = self._heads[key] = record.point_head(self._tracker_id(key[0]), point)
        return head

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        """Return a run's points, with all that this process and dead ones here have logged.

        For a run that was started while the tracker was away, return the journal's points.
        """
        if self._is_here_only(run_id):
            return self._read_waiting(run_id, names)
        tracker_id = self._tracker_id(run_id)
        self.journal.wait(run_id=tracker_id)
        self.journal.recover(tracker_id)
        return self.inner.read_points(tracker_id, names)

    def _read_waiting(self, run_id: str, names: Sequence[str] | None) -> list[Point]:
        points = [
            record.to_point(entry)
            for entry in self.journal.waiting_records()
            if entry[:2] == [record.POINT, run_id] and (names is None or entry[3] in names)
        ]
        return sorted(points, key=lambda point: (point.time, point.position))

    # files

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        """Journal files that may replace others, and send other files straight to the tracker.

        Very large files are sent straight to the tracker, too, unless it is away.
        """
        for name in files:
            check_file_name(name)
        is_here = self._is_here_only(run_id)
        size = sum(path.stat().st_size for path in files.values())
        if is_here or (replace and size <= MAX_FILE_BYTES):
            self._keep_files(run_id, files, replace=replace)
            return
        try:
            self._settle(run_id)
            self.inner.put_files(self._tracker_id(run_id), files, replace=replace)
        except Unavailable:
            if not replace:
                raise
            self._keep_files(run_id, files, replace=True)

    def _keep_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool) -> None:
        is_here = self._is_here_only(run_id)
        files_here = self._local_files.setdefault(run_id, {}) if is_here else {}
        for name in files:
            if name in files_here and not replace:
                raise FileInRun(run_id, name)
        copies = {name: self.journal.keep_file(path) for name, path in files.items()}
        sent_to = self._tracker_id(run_id)
        number = self.journal.write([record.FILES, sent_to, copies, replace])
        files_here.update({name: (self.journal, copy) for name, copy in copies.items()})
        if not is_here:
            self._changes.note(sent_to, number)

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        if self._is_here_only(run_id):
            names = self._local_files.get(run_id, {})
            return sorted(name for name in names if name.startswith(prefix))
        self._settle(run_id)
        return self.inner.list_files(self._tracker_id(run_id), prefix)

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        if self._is_here_only(run_id):
            if name not in self._local_files.get(run_id, {}):
                raise FileNotInRun(run_id, name)
            journal, copy = self._local_files[run_id][name]
            shutil.copyfile(journal.copy_path(copy), destination)
            return
        self._settle(run_id)
        self.inner.get_file(self._tracker_id(run_id), name, destination)

    def read_beginning(self, run_id: str, name: str, count: int) -> bytes | None:
        if self._is_here_only(run_id):
            return None
        self._settle(run_id)
        return super().read_beginning(self._tracker_id(run_id), name, count)

    def has_snapshot(self, digest: str) -> bool:
        try:
            return self.inner.has_snapshot(digest)
        except Unavailable:
            if not self._settings.offline:
                raise
            return False

    def put_snapshot(self, digest: str, archive: Path) -> None:
        try:
            self.inner.put_snapshot(digest, archive)
        except Unavailable:
            if not self._settings.offline:
                raise
            name = self.journal.keep_file(archive)
            self.journal.write([record.SNAPSHOT, None, digest, name])

    def own_paths(self) -> Sequence[Path]:
        """Return the tracker's own paths, and the folder of the journals."""
        try:
            paths = super().own_paths()
        except Unavailable:
            if not self._settings.offline:
                raise
            paths = ()
        return [*paths, self._settings.folder]

    def register_model(self, draft: ModelDraft) -> ModelRecord:
        """Send the run's files that wait in the journal first, and register the model."""
        if draft.run_id is not None:
            self._settle(draft.run_id)
            draft = dataclasses.replace(draft, run_id=self._tracker_id(draft.run_id))
        return super().register_model(draft)

    def run_link(self, run: RunRecord) -> str:
        return self.inner.run_link(dataclasses.replace(run, id=self._tracker_id(run.id)))
