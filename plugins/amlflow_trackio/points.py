"""Metrics: stored exactly in amlflow's own database, and for trackio in the same transaction."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from amlflow.point_values import from_plain, to_plain
from amlflow.spec import Kind, Point, Refused
from amlflow.times import from_microseconds, to_microseconds
from amlflow.tracker_data import (
    MAX_FILE,
    Malformed,
    is_scalar,
    is_whole,
    parse,
    to_kind,
    to_metrics_json,
    to_metrics_object,
    to_time,
)

from amlflow_trackio.database import Database
from amlflow_trackio.drawing import OURS, draw_points
from amlflow_trackio.projects import Projects
from amlflow_trackio.run_config import decode_json

_ZONE = re.compile(r"[+-]\d\d:?\d\d$")
THEIRS = "trackio"
"""The ``writer`` of points that trackio's own client has logged."""


class Points:
    """The metrics of runs.

    ``project_of`` returns the project of a run, and ``blob`` the path of a run's file.
    """

    def __init__(
        self,
        database: Database,
        projects: Projects,
        project_of: Callable[[str], str],
        blob: Callable[[sqlite3.Connection, str, str], Path | None],
    ) -> None:
        self._database, self._projects = database, projects
        self._project_of, self._blob = project_of, blob

    def write(self, run_id: str, points: Sequence[Point]) -> None:
        """Do what :meth:`amlflow.spec.Tracker.write_points` does."""
        project = self._project_of(run_id)
        if not points:
            return
        try:
            rows = [
                (run_id, point.name, point.writer, to_microseconds(point.time), *_pack(point))
                for point in points
            ]
        except ValueError as error:  # Python does not write numbers of thousands of digits
            raise Refused(f"A metric cannot be kept: {error}.") from error

        with self._database.writing(self._projects.ready(project)) as connection:
            [run_name] = connection.execute(
                "SELECT coalesce(shown.run_name, name) FROM runs"
                " LEFT JOIN project.configs AS shown ON shown.run_id = runs.id WHERE runs.id = ?",
                (run_id,),
            ).fetchone()
            connection.executemany("INSERT OR IGNORE INTO points VALUES (?, ?, ?, ?, ?, ?)", rows)

            def place_image(point: Point, identity: str) -> str | None:
                source = self._blob(connection, run_id, point.value)
                if source is None:
                    return None
                return self._place_image(source, project, run_id, point, identity)

            draw_points(connection, run_id, run_name, points, place_image)

    def _place_image(
        self, source: Path, project: str, run_id: str, point: Point, identity: str
    ) -> str:
        """Put an image into trackio's media folder, and return its path in that folder."""
        name = identity + PurePosixPath(point.value).suffix
        path = PurePosixPath(project, run_id, str(point.position), name)
        target = self._database.folder / "media" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            try:
                os.link(source, target)  # files of runs are replaced as a whole, never changed
            except FileExistsError:
                raise
            except OSError:
                shutil.copyfile(source, target)
        return str(path)

    def read(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        """Do what :meth:`amlflow.spec.Tracker.read_points` does."""
        project = self._project_of(run_id)
        names_sql = "SELECT value FROM json_each(?)" if names is not None else "SELECT name"
        path = self._projects.known(project)
        with self._database.reading(path) as connection:
            rows = connection.execute(
                "SELECT name, writer, time, content FROM points"  # noqa: S608
                f" WHERE run_id = ? AND name IN ({names_sql})",
                (run_id,) if names is None else (run_id, json.dumps(list(names))),
            )
            points = [point for row in rows if (point := _unpack(run_id, *row)) is not None]
            if path is not None:
                points += _read_client_points(connection, run_id, names)
        return sorted(points, key=lambda point: (point.time, point.position))


def _pack(point: Point) -> tuple[str, str]:
    value = to_plain(point.kind, point.value)
    content = [point.kind.value, value, point.step, point.order]
    return str(point.position), json.dumps(content, ensure_ascii=False, allow_nan=False)


def _unpack(
    run_id: str, name: object, writer: object, time: object, content: object
) -> Point | None:
    fields = parse(run_id, str(name), content, _to_content)
    if fields is None or not isinstance(name, str) or not isinstance(writer, str):
        return None
    kind, value, step, order = fields
    return Point(
        name=name,
        value=value,
        kind=kind,
        step=step,
        order=order,
        time=from_microseconds(time),
        writer=writer,
    )


def _to_content(text: str) -> tuple[Kind, Any, int | None, int]:
    content = to_metrics_json(text, MAX_FILE)
    if not isinstance(content, list) or len(content) != 4:
        raise Malformed("a list of four values")
    kind, value, step, order = content
    value = from_plain(kind, value)
    if not (step is None or is_whole(step)) or not is_whole(order):
        raise Malformed("a list with a kind, a value, a step and an order")
    return to_kind(kind, value), value, step, order


def _read_client_points(
    connection: sqlite3.Connection, run_id: str, names: Sequence[str] | None
) -> Iterator[Point]:
    """Yield the scalars that trackio's own client has logged to a run."""
    orders: dict[str, int] = {}
    for step, time, metrics in connection.execute(
        "SELECT step, timestamp, metrics FROM project.metrics"
        " WHERE run_id = ? AND (log_id IS NULL OR log_id NOT GLOB ?) ORDER BY timestamp, id",
        (run_id, f"{OURS}*"),
    ):
        values = parse(run_id, "trackio's metrics", decode_json(metrics), to_metrics_object)
        moment = parse(run_id, "trackio's timestamp", time, _to_time)
        if values is None or moment is None or not is_whole(step):
            continue
        for name, value in values.items():
            if (names is not None and name not in names) or not is_scalar(value):
                continue
            order = orders[name] = orders.get(name, -1) + 1
            yield Point(
                name=name,
                value=_value(value),
                step=step,
                order=order,
                time=moment,
                writer=THEIRS,
            )


def _value(value: Any) -> Any:
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def _to_time(text: str) -> datetime:
    """Parse a time of trackio's. It is in UTC if it has no zone."""
    timestamp = text.replace("Z", "+00:00")
    return to_time(timestamp if _ZONE.search(timestamp) else f"{timestamp}+00:00")
