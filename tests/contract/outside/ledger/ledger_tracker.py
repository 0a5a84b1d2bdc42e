"""Runs as JSON documents in an SQLite file, each changed in a transaction that no other enters."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from amlflow import spec
from amlflow.fork_safety import delay_forks
from amlflow.spec import ExperimentRecord, Point, RunDraft, RunRecord
from ledger import features

TABLES = """
CREATE TABLE IF NOT EXISTS experiments (
    place INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, created INTEGER, tags TEXT
);
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, alias TEXT, experiment INTEGER, created INTEGER, document TEXT,
    UNIQUE (experiment, alias)
);
CREATE TABLE IF NOT EXISTS points (
    run TEXT, writer TEXT, name TEXT, position INTEGER, time INTEGER, document TEXT,
    UNIQUE (run, writer, name, position, time)
);
"""
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
OWN = ("name", "type", "status", "user", "description", "tags", "system")
TIMES = ("started", "ended")
MAX_PART_BYTES = 255


class LedgerTracker(spec.TrackerBase):
    features = features

    def __init__(self, uri: str, folder: str) -> None:
        super().__init__(uri)
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._opened() as database:
            database.executescript("PRAGMA journal_mode = wal;" + TABLES)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        path = self._folder / "ledger.db"
        connect = functools.partial(sqlite3.connect, path, 60, isolation_level=None)
        with delay_forks(), contextlib.closing(connect()) as database:
            yield database

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._opened() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                with database:
                    yield database
            except (UnicodeEncodeError, OverflowError) as error:
                raise spec.Refused(f"SQLite does not take this: {error}.") from error

    # experiments

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        with self._changing() as database:
            database.execute(
                "INSERT OR IGNORE INTO experiments (name, created, tags) VALUES (?, ?, '{}')",
                (name, _number(_now())),
            )
        with self._opened() as database:
            [found] = _experiments(database, "WHERE name = ?", name)
        return found

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        with self._opened() as database:
            return _experiment(database, experiment_id)

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        with self._opened() as database:
            yield from _experiments(database, "ORDER BY place DESC")

    def update_experiment(self, experiment_id: str, change: spec.ExperimentChange) -> None:
        with self._changing() as database:
            found = _experiment(database, experiment_id)
            tags = _without({**found.tags, **change.tags}, change.tags_removed)
            new = (change.name or found.name, json.dumps(tags), experiment_id)
            try:
                database.execute("UPDATE experiments SET name = ?, tags = ? WHERE place = ?", new)
            except sqlite3.IntegrityError:
                raise spec.Refused(f"There is an experiment {change.name!r} already.") from None

    def delete_experiment(self, experiment_id: str) -> None:
        with self._changing() as database:
            found = _experiment(database, experiment_id)
            if _runs(database, "WHERE experiment = ? LIMIT 1", experiment_id):
                raise spec.Refused(f"Experiment {found.name!r} has runs and is not deleted.")
            database.execute("DELETE FROM experiments WHERE place = ?", (experiment_id,))

    # runs

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        made = [(uuid.uuid4().hex, draft) for draft in drafts]
        with self._changing() as database:
            for run_id, draft in made:
                _experiment(database, draft.experiment_id)
                document = {key: getattr(draft, key, None) for key in OWN}
                document["name"] = draft.name or run_id[:8]
                document["started"] = document["ended"] = None
                if draft.status not in spec.UNSTARTED:
                    document["started"] = _number(draft.created)
                if draft.status in spec.FINAL:
                    document["ended"] = _number(draft.created)
                same = "WHERE id = ? AND experiment = ?"
                if draft.run_id and _runs(database, same, draft.run_id, draft.experiment_id):
                    raise spec.Refused(f"The experiment has a run {draft.run_id!r} already.")
                row = (run_id, draft.run_id, draft.experiment_id, _number(draft.created),
                       json.dumps(document))  # fmt: skip
                try:
                    database.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?)", row)
                except sqlite3.IntegrityError:
                    raise spec.Refused(
                        f"The experiment has a run {draft.run_id!r} already."
                    ) from None
            return [_run(database, run_id) for run_id, _ in made]

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        with self._opened() as database:
            return _run(database, run_id, experiment_id)

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        statement = "SELECT count(*) FROM runs WHERE experiment = ? AND (created, id) <= (?, ?)"
        with self._opened() as database:
            return [
                database.execute(
                    statement, (run.experiment_id, _number(run.created), run.id)
                ).fetchone()[0]
                for run in runs
            ]

    def find_runs(self, query: spec.RunQuery) -> Iterator[RunRecord]:
        wanted = query.experiment_ids
        with self._opened() as database:
            found = _runs(database, "ORDER BY created DESC, id")
        return (run for run in found if wanted is None or run.experiment_id in wanted)

    def update_run(self, run_id: str, change: spec.RunChange) -> None:
        with self._changing() as database:
            run = _run(database, run_id)
            changed = spec.transition(run, change)
            document: dict[str, Any] = {key: getattr(changed, key) for key in OWN}
            for key in TIMES:
                time = getattr(changed, key)
                document[key] = None if time is None else _number(time)
            database.execute(
                "UPDATE runs SET document = ? WHERE id = ?", (json.dumps(document), run.id)
            )

    # metrics

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        with self._changing() as database:
            _run(database, run_id)
            database.executemany(
                "INSERT OR IGNORE INTO points VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (run_id, each.writer, each.name, each.position, _number(each.time),
                     json.dumps([each.kind.value, each.value, each.step, each.order]))
                    for each in points
                ],
            )  # fmt: skip

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        with self._opened() as database:
            _run(database, run_id)
            rows = database.execute(
                "SELECT writer, name, time, document FROM points WHERE run = ? "
                "ORDER BY time, position, rowid",
                (run_id,),
            ).fetchall()
        found = []
        for writer, name, time, document in rows:
            if names is None or name in names:
                kind, value, step, order = json.loads(document)
                found.append(
                    Point(name=name, value=value, kind=spec.Kind(kind), step=step, order=order,
                          time=_time(time), writer=writer)
                )  # fmt: skip
        return found

    # files

    def _place(self, run_id: str, name: str) -> Path:
        folder = (self._folder / "files" / self.get_run(run_id).id).resolve()
        if any(len(part.encode(errors="replace")) > MAX_PART_BYTES for part in name.split("/")):
            raise spec.Refused(f"{name[:60]!r}… is longer than a file system takes.")
        with contextlib.suppress(ValueError):  # a NUL, or a name that leads out of the folder
            path = (folder / name).resolve()
            if path.relative_to(folder).as_posix() == name and path != folder:
                return path
        raise spec.Refused(f"{name!r} is not a name for a file of a run.")

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        for name in files:
            spec.check_file_name(name)
        places = {name: self._place(run_id, name) for name in files}
        with self._changing():
            for name, place in places.items():
                if place.is_file() and not replace:
                    raise spec.FileInRun(run_id, name)
                if place.is_dir() or any(each.is_file() for each in place.parents):
                    raise spec.Refused(f"{name!r} cannot be a file: it or its folder is taken.")
            with tempfile.TemporaryDirectory(dir=self._folder) as staging:
                copies = {place: Path(staging, str(n)) for n, place in enumerate(places.values())}
                for name, place in places.items():
                    shutil.copyfile(files[name], copies[place])
                for place, copy in copies.items():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    copy.replace(place)

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        folder = self._folder / "files" / self.get_run(run_id).id
        names = [each.relative_to(folder) for each in folder.rglob("*") if each.is_file()]
        return sorted(each.as_posix() for each in names if each.as_posix().startswith(prefix))

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        try:
            place = self._place(run_id, name)
        except spec.Refused:
            raise spec.FileNotInRun(run_id, name) from None
        if not place.is_file():
            raise spec.FileNotInRun(run_id, name)
        shutil.copyfile(place, destination)

    def has_snapshot(self, digest: str) -> bool:
        return (self._folder / "snapshots" / digest).is_file()

    def put_snapshot(self, digest: str, archive: Path) -> None:
        (self._folder / "snapshots").mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as staging:
            copy = Path(staging, digest)
            shutil.copyfile(archive, copy)
            copy.replace(self._folder / "snapshots" / digest)

    def get_snapshot(self, digest: str, destination: Path) -> None:
        if not self.has_snapshot(digest):
            raise spec.Refused(f"Snapshot {digest!r} does not exist.")
        shutil.copyfile(self._folder / "snapshots" / digest, destination)

    # links

    def run_link(self, run: RunRecord) -> str:
        return f"{self.uri}#{run.id}"

    def experiment_link(self, experiment_id: str) -> str:
        return f"{self.uri}#experiment={experiment_id}"

    def own_paths(self) -> Sequence[Path]:
        return [self._folder.absolute()]


def _experiments(
    database: sqlite3.Connection, condition: str, *values: str
) -> list[ExperimentRecord]:
    rows = database.execute(
        f"SELECT place, name, created, tags FROM experiments {condition}", values
    ).fetchall()
    return [
        ExperimentRecord(id=str(place), name=name, created=_time(created), tags=json.loads(tags))
        for place, name, created, tags in rows
    ]


def _experiment(database: sqlite3.Connection, experiment_id: str) -> ExperimentRecord:
    for found in _experiments(database, "WHERE place = ?", experiment_id):
        return found
    raise spec.ExperimentNotFound(experiment_id)


def _runs(database: sqlite3.Connection, condition: str, *values: str) -> list[RunRecord]:
    rows = database.execute(
        f"SELECT id, alias, experiment, created, document FROM runs {condition}", values
    ).fetchall()
    return [_record(*row) for row in rows]


def _record(
    run_id: str, alias: str | None, experiment: int, created: int, document: str
) -> RunRecord:
    values = json.loads(document)
    values.update({key: values[key] and _time(values[key]) for key in TIMES})
    return RunRecord(
        id=run_id, alias=alias, experiment_id=str(experiment), root_id=run_id,
        created=_time(created), **values,
    )  # fmt: skip


def _run(database: sqlite3.Connection, run_id: str, experiment_id: str | None = None) -> RunRecord:
    which = "WHERE id = ?1 OR alias = ?1 ORDER BY id != ?1"  # an id comes before an alias
    for found in _runs(database, which, run_id):
        if experiment_id in (None, found.experiment_id):
            return found
    raise spec.RunNotFound(run_id)


def _without(tags: dict[str, str | None], removed: Sequence[str]) -> dict[str, str | None]:
    return {key: value for key, value in tags.items() if key not in removed}


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _number(time: datetime) -> int:
    return (time - EPOCH) // MICROSECOND


def _time(number: int) -> datetime:
    return EPOCH + number * MICROSECOND
