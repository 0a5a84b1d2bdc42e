"""The tracker on trackio. Its methods promise what :class:`amlflow.spec.Tracker` says.

trackio shows numbers, images and tables of runs, and a config for each run. A database beside
trackio's (:mod:`amlflow_trackio.database`) stores all of the contract exactly. What fits into the
config is also written there.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from amlflow.spec import (
    ExperimentChange,
    ExperimentRecord,
    Point,
    RunChange,
    RunDraft,
    RunNotFound,
    RunQuery,
    RunRecord,
    TrackerBase,
)
from amlflow.times import to_microseconds

from amlflow_trackio.changes import apply
from amlflow_trackio.claims import FEATURES
from amlflow_trackio.creation import create
from amlflow_trackio.database import Database
from amlflow_trackio.drawing import draw_run
from amlflow_trackio.experiments import Experiments
from amlflow_trackio.files import Files
from amlflow_trackio.folders import OWN, folder_of, uri_of
from amlflow_trackio.links import experiment_link, run_link
from amlflow_trackio.points import Points
from amlflow_trackio.projects import Projects, is_project_name
from amlflow_trackio.records import COLUMNS, to_runs
from amlflow_trackio.run_config import to_params
from amlflow_trackio.search import to_where
from amlflow_trackio.snapshots import Snapshots

PAGE = 500


class TrackioTracker(TrackerBase):
    """A tracker that keeps experiments and runs in a trackio folder of this machine."""

    features = FEATURES

    def __init__(self, uri: str) -> None:
        folder = self._folder = folder_of(uri)
        self.uri = uri_of(folder)
        self._database = Database(folder)
        self._projects = Projects(folder)
        self._experiments = Experiments(self._database, self._projects, self.uri)
        self._files = Files(self._database, self._project_of)
        self._points = Points(self._database, self._projects, self._project_of, self._files.blob)
        self._snapshots = Snapshots(folder)
        self._projects_by_run: dict[str, str] = {}

    def _project_of(self, run_id: str) -> str:
        """Return the project of a run, which never changes. Raises :class:`RunNotFound`."""
        if run_id not in self._projects_by_run:
            with self._database.reading() as connection:
                row = connection.execute(
                    "SELECT experiment_id FROM runs WHERE id = ?", (run_id,)
                ).fetchone()
            if row is None or not is_project_name(row[0]):
                raise RunNotFound(run_id, self.uri)
            self._projects_by_run[run_id] = row[0]
        return self._projects_by_run[run_id]

    # experiments

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        return self._experiments.ensure(name)

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        return self._experiments.get(experiment_id)

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        yield from self._experiments.read_all()

    def update_experiment(self, experiment_id: str, change: ExperimentChange) -> None:
        self._experiments.update(experiment_id, change)

    def delete_experiment(self, experiment_id: str) -> None:
        self._experiments.delete(experiment_id)

    # runs

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        for experiment_id in {draft.experiment_id for draft in drafts}:
            self._experiments.get(experiment_id)
        return create(self._database, self._projects, drafts)

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM runs WHERE (id = ?1 OR alias = ?1)"  # noqa: S608
                " AND (?2 IS NULL OR experiment_id = ?2) ORDER BY id = ?1 DESC, rowid LIMIT 1",
                (run_id, experiment_id),
            ).fetchall()
            runs = to_runs(connection, rows)
        if not runs or run_id not in (runs[0].id, runs[0].alias):
            raise RunNotFound(run_id, self.uri)
        return self._with_params(runs)[0]

    def _with_params(self, runs: Sequence[RunRecord]) -> list[RunRecord]:
        """Return the runs with the parameters that trackio's own client has put into configs."""
        params = dict[str, dict[str, str]]()
        for project in {run.experiment_id for run in runs}:
            path = self._projects.known(project)
            if path is None:
                continue
            ids = json.dumps([run.id for run in runs if run.experiment_id == project])
            with self._database.reading(path) as connection:
                for run_id, config in connection.execute(
                    "SELECT run_id, config FROM project.configs"
                    " WHERE run_id IN (SELECT value FROM json_each(?))",
                    (ids,),
                ):
                    params[run_id] = to_params(run_id, config)
        return [dataclasses.replace(run, params=params.get(run.id, {})) for run in runs]

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        numbers = []
        with self._database.reading() as connection:
            for run in runs:
                created = to_microseconds(run.created)
                [number] = connection.execute(
                    "SELECT count(*) FROM runs WHERE experiment_id = ?"
                    " AND (created < ? OR created = ? AND id <= ?)",
                    (run.experiment_id, created, created, run.id),
                ).fetchone()
                numbers.append(number)
        return numbers

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        where, parameters = to_where(query.conditions)
        to_check = [each for each in query.conditions if each.field in ("params", "alias")]
        if query.experiment_ids is None:
            where += " AND experiment_id IN (SELECT id FROM experiments WHERE archived IS NULL)"
        else:
            where += f" AND experiment_id IN ({', '.join('?' * len(query.experiment_ids))})"
            parameters += query.experiment_ids
        size = min(query.limit, PAGE) if query.limit else PAGE
        later, after = "TRUE", list[object]()
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(
                    f"SELECT {COLUMNS} FROM runs WHERE {where} AND {later}"  # noqa: S608
                    " ORDER BY created DESC, id LIMIT ?",
                    (*parameters, *after, size),
                ).fetchall()
                page = to_runs(connection, rows)
            # Params are in trackio's own tables, which the statement above does not see. An alias
            # that is another run's id counts as absent.
            for run in self._with_params(page):
                if all(condition.holds(run) for condition in to_check):
                    yield run
            if len(rows) < size:
                return
            # Continue after the last row of this page, so that runs which have just started do not
            # shift the pages. SQLite compares the values as they are stored.
            last_id, created = rows[-1][0], rows[-1][8]
            later = "created <= ? AND (created < ? OR id > ?)"
            after = [created, created, last_id]
            size = PAGE

    def update_run(self, run_id: str, change: RunChange) -> None:
        project = self._project_of(run_id)
        fields = (change.status, change.name, change.description)
        is_shown = any(value is not None for value in fields) or bool(
            change.tags or change.tags_removed or change.properties
        )
        with self._database.writing(
            self._projects.ready(project) if is_shown else None
        ) as connection:
            apply(connection, run_id, change)
            if is_shown:
                rows = connection.execute(
                    f"SELECT {COLUMNS} FROM runs WHERE id = ?",  # noqa: S608
                    (run_id,),
                ).fetchall()
                [run] = to_runs(connection, rows)
                draw_run(connection, run, renamed=change.name is not None)

    # metrics

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        self._points.write(run_id, points)

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        return self._points.read(run_id, names)

    # files

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        self._files.put(run_id, files, replace=replace)

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        return self._files.names(run_id, prefix)

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        self._files.get(run_id, name, destination)

    def has_snapshot(self, digest: str) -> bool:
        return self._snapshots.has(digest)

    def put_snapshot(self, digest: str, archive: Path) -> None:
        self._snapshots.put(digest, archive)

    def get_snapshot(self, digest: str, destination: Path) -> None:
        self._snapshots.get(digest, destination)

    # links

    def run_link(self, run: RunRecord) -> str:
        return run_link(run.experiment_id, run.id)

    def experiment_link(self, experiment_id: str) -> str:
        return experiment_link(experiment_id)

    # this machine

    def own_paths(self) -> Sequence[Path]:
        # The paths in the folder are listed, too: you may work in this very folder.
        with self._database.reading() as connection:
            projects = connection.execute("SELECT id FROM experiments").fetchall()
        names = [name for (name,) in projects if is_project_name(name)]
        files = [f"{name}{ending}" for name in names for ending in (".db", ".lock")]
        return [self._folder, *(self._folder / name for name in (OWN, "media", *files))]
