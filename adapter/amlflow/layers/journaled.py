"""Adds a durable journal to a tracker: what is logged is on this machine's disk when the call
returns, and in the tracker soon after, exactly once.

Points, changes of tags, names, texts and status, and files that may replace others are journaled,
and are in the tracker in the order of the calls. While the tracker is away they wait. Everything
whose answer the caller needs is the tracker's own call, after what was journaled for it.

With ``AMLFLOW_OFFLINE`` runs start without the tracker, too, under ids of their own.
"""

from __future__ import annotations

import dataclasses
import logging
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from amlflow.journal import local, record
from amlflow.journal.local import is_local
from amlflow.journal.process import Journal
from amlflow.journal.settings import Settings
from amlflow.layers.layer import Layer
from amlflow.spec import (
    FINAL,
    LAUNCHED,
    UNSTARTED,
    ExperimentRecord,
    Feature,
    FileInRun,
    FileNotInRun,
    ModelRecord,
    Point,
    PropertyConflict,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
    Unavailable,
)

logger = logging.getLogger("amlflow")

PATIENCE_SECONDS = 0.8
"""How long a call waits for the tracker whose record may as well be sent later."""
MOST_FILE_BYTES = 64_000_000
"""Files up to this size are journaled; larger ones would hold up all else too long."""
MOST_HEADS = 10_000


class Journaled(Layer):
    """See :class:`amlflow.spec.Tracker` for what each method promises, and this module for when.

    Opening the tracker is left to the first call that needs it.
    """

    def __init__(
        self,
        uri: str,
        opened: Callable[[], Tracker],
        settings: Settings,
        parent: Journaled | None = None,
    ) -> None:
        """``parent`` is what the process that this one was forked from had opened."""
        self._uri, self._open, self._settings = uri, opened, settings
        self._opening = threading.Lock()
        self._tracker: Tracker | None = None
        self.journal = Journal(uri, settings, lambda: self.inner)
        self._heads: dict[tuple[str, str, str, str], str] = {}
        self._changing: dict[str, int] = {}
        self._local: dict[str, RunRecord] = {}
        self._local_files: dict[str, dict[str, Path]] = {}
        if parent is not None:  # its runs that were started while the tracker was away
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
    def features(self) -> frozenset[Feature]:  # type: ignore[override]
        return self.inner.features

    @property
    def uri(self) -> str:
        return self._uri

    @property
    def away(self) -> bool:
        """Whether the tracker did not answer when it was last called to send something."""
        return self.journal.away is not None

    def flush(self, run_id: str | None = None, seconds: float | None = None) -> None:
        """Return when all that this process has logged is in the tracker.

        Raises:
            Unavailable: it is not, after some seconds (default: ``AMLFLOW_FLUSH_SECONDS``).
            UserErrorException: the tracker refused something of the run; the message names it.
        """
        self.journal.wait(seconds=seconds)
        if run_id is not None:
            self.journal.recover(run_id)
            self.journal.raise_refused(run_id)

    # runs

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        try:
            return self.inner.ensure_experiment(name)
        except Unavailable:
            if not self._settings.offline:
                raise
            from datetime import datetime, timezone

            logger.warning("The tracker is away; experiment %r is known by its name alone.", name)
            now = datetime.now(timezone.utc)
            return ExperimentRecord(id=local.local_experiment(name), name=name, created=now)

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        if is_local(experiment_id):
            return self.ensure_experiment(experiment_id[len(local.LOCAL) :])
        return self.inner.get_experiment(experiment_id)

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        if any(each.writer is not None for each in drafts):
            self.journal.sender()  # without a journal nothing is to start
        if any(is_local(each.experiment_id) or is_local(each.parent_id) for each in drafts):
            records = self._create_local(drafts)
        else:
            try:
                records = self.inner.create_runs(drafts)
            except Unavailable:
                if not self._settings.offline or any(LAUNCHED in each.system for each in drafts):
                    raise
                records = self._create_local(drafts)
        for draft, made in zip(drafts, records, strict=True):
            if draft.writer is not None and draft.status not in FINAL | UNSTARTED:
                self.journal.sender().folder.note_running(made.id)
        return records

    def _create_local(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        records = []
        for draft in drafts:
            made, kept = local.started(draft)
            self.journal.sender().segments.append(record.to_line(kept))
            self._local[made.id] = made
            records.append(made)
        return records

    def _known(self, run_id: str) -> str:
        """The tracker's id of a run, where it has got there."""
        return self.journal.ids.known(run_id) or run_id

    def _is_here_only(self, run_id: str) -> bool:
        """Whether the run was started while the tracker was away, and has not got there yet."""
        return is_local(run_id) and self.journal.ids.known(run_id) is None

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        """Also: a run of this machine whose process has died without an end is NotResponding."""
        if self._is_here_only(run_id):
            return self._local[run_id]
        if self.journal.started is not None:
            self.journal.started.hurry()  # who looks at a run may soon end it
        self._settle(run_id)
        dead = self.journal.dead_runs()  # before: somebody may be about to send what they left
        return self._judged(self.inner.get_run(self._known(run_id), experiment_id), dead)

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for run_id in list(self._changing):
            self._settle(run_id)
        dead = self.journal.dead_runs()
        for found in self.inner.find_runs(query):
            yield self._judged(found, dead)

    @staticmethod
    def _judged(found: RunRecord, dead: set[str]) -> RunRecord:
        if found.id in dead and found.status == Status.RUNNING:
            return dataclasses.replace(found, status=Status.NOT_RESPONDING)
        return found

    def _settle(self, run_id: str) -> None:
        """Have the changes that were journaled for a run reach the tracker."""
        number, sender = self._changing.get(run_id), self.journal.started
        if number is None or sender is None:
            return
        seconds = self._settings.flush_seconds
        if not sender.wait(number, seconds, through_outage=False):
            raise sender.away or Unavailable(
                f"The tracker has not taken a change of run {run_id} within {seconds:g} s."
            )
        self._changing.pop(run_id, None)

    def update_run(self, run_id: str, change: RunChange) -> None:
        """Properties are the tracker's own call; the rest is journaled, and waited for.

        While the tracker is away, tags and texts wait in the journal. A status is waited for, and
        if it does not get there :class:`Unavailable` says so, and it is sent later all the same.
        """
        if self._is_here_only(run_id):
            self._change_local(run_id, change)
            return
        sender = self.journal.sender()
        if change.properties:
            self.journal.wait()
            self.inner.update_run(self._known(run_id), change)
            return
        begun, limit = time.monotonic(), self._settings.flush_seconds
        if change.status in FINAL:
            self.journal.settle(run_id, 0 if self._settings.offline and self.away else limit)
        ticket = sender.append(record.to_line(record.change_record(self._known(run_id), change)))
        self._changing[run_id] = ticket.number
        try:
            if change.status is None and not change.system:
                sender.wait(ticket.number, PATIENCE_SECONDS, through_outage=False)
            elif self._settings.offline:
                if not sender.wait(ticket.number, limit, through_outage=False):
                    logger.warning("Run %s is sent when the tracker is back.", run_id)
            else:
                self.journal.wait(ticket.number, max(1.0, limit - (time.monotonic() - begun)))
        finally:
            if change.status in FINAL:
                self._ended(run_id)
            if sender.done >= ticket.number:
                self._changing.pop(run_id, None)
            try:
                sender.collect(ticket)
            finally:
                if change.status in FINAL:
                    self.journal.raise_refused(run_id)

    def _ended(self, run_id: str) -> None:
        if self.journal.started is not None:
            self.journal.started.folder.note_ended(run_id)

    def _change_local(self, run_id: str, change: RunChange) -> None:
        known = self._local[run_id]
        for key, value in change.properties.items():
            if known.properties.get(key, value) != value:
                raise PropertyConflict(key, known.properties[key], value)
        self.journal.sender().segments.append(record.to_line(record.change_record(run_id, change)))
        self._local[run_id] = known.changed(change)
        if change.status in FINAL:
            self._ended(run_id)
            logger.warning("Run %s is sent when the tracker is back.", known.alias)

    # metrics

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        """The points are on the disk when this returns, and in the tracker within a second."""
        sender = self.journal.started or self.journal.sender()
        for point in points:
            key = (run_id, point.name, point.kind, point.writer)
            head = self._heads.get(key)
            if head is None:
                head = self._head(key, point)
            sender.segments.append(record.point_line(head, point))

    def _head(self, key: tuple[str, str, str, str], point: Point) -> str:
        if self._tracker is not None:
            self._tracker.check_name(point.name)
        if len(self._heads) > MOST_HEADS:
            self._heads.clear()
        head = self._heads[key] = record.point_head(self._known(key[0]), point)
        return head

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        """All that this process has logged is among them, and what dead processes here have left.

        Of a run that was started while the tracker is away, they are what the journal has.
        """
        if self._is_here_only(run_id):
            return self._waiting_points(run_id, names)
        self.journal.wait()
        known = self._known(run_id)
        self.journal.recover(known)
        return self.inner.read_points(known, names)

    def _waiting_points(self, run_id: str, names: Sequence[str] | None) -> list[Point]:
        found = [
            record.to_point(each)
            for lines, _, _ in self.journal.sender().folder.waiting()
            for each in filter(None, map(record.record_of, lines))
            if each[:2] == [record.POINT, run_id] and (names is None or each[3] in names)
        ]
        return sorted(found, key=lambda point: (point.time, point.position))

    # files

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        """Files that may replace others are journaled; the rest is the tracker's own call.

        So are very large ones, unless the tracker is away.
        """
        here = self._is_here_only(run_id)
        size = sum(path.stat().st_size for path in files.values())
        if here or (replace and size <= MOST_FILE_BYTES):
            self._keep_files(run_id, files, replace=replace)
            return
        try:
            self._settle(run_id)
            self.inner.put_files(self._known(run_id), files, replace=replace)
        except Unavailable:
            if not replace:
                raise
            self._keep_files(run_id, files, replace=True)

    def _keep_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool) -> None:
        here = self._is_here_only(run_id)
        known = self._local_files.setdefault(run_id, {}) if here else {}
        for name in files:
            if name in known and not replace:
                raise FileInRun(run_id, name)
        sender = self.journal.sender()
        kept = {name: uuid.uuid4().hex for name in files}
        for name, path in files.items():
            sender.segments.keep_file(path, kept[name])
        entry = [record.FILES, self._known(run_id), kept, replace]
        number = sender.segments.append(record.to_line(entry))
        known.update({name: sender.folder.files / kept[name] for name in kept})
        if not here:
            self._changing[run_id] = number

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        if self._is_here_only(run_id):
            return sorted(
                name for name in self._local_files.get(run_id, {}) if name.startswith(prefix)
            )
        self._settle(run_id)
        return self.inner.list_files(self._known(run_id), prefix)

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        if self._is_here_only(run_id):
            if name not in self._local_files.get(run_id, {}):
                raise FileNotInRun(run_id, name)
            shutil.copyfile(self._local_files[run_id][name], destination)
            return
        self._settle(run_id)
        self.inner.get_file(self._known(run_id), name, destination)

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
            name = uuid.uuid4().hex
            segments = self.journal.sender().segments
            segments.keep_file(archive, name)
            segments.append(record.to_line([record.SNAPSHOT, None, digest, name]))

    def own_paths(self) -> Sequence[Path]:
        """Also the folder of the journals."""
        try:
            paths = super().own_paths()
        except Unavailable:
            if not self._settings.offline:
                raise
            paths = ()
        return [*paths, self._settings.folder]

    # models and links

    def register_model(
        self,
        run_id: str,
        path: str,
        name: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> ModelRecord:
        self._settle(run_id)
        return self.inner.register_model(
            self._known(run_id), path, name,
            description=description, tags=tags, properties=properties,
        )  # fmt: skip

    def run_link(self, run: RunRecord) -> str:
        return self.inner.run_link(dataclasses.replace(run, id=self._known(run.id)))
