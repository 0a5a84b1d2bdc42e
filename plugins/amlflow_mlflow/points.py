"""Metrics in MLflow: native points where they are exact, and entries for all other values.

The process that has created a run, or was the first to log to it, is its *owner*. The owner's
numbers are only stored as MLflow's metric points, at even milliseconds. Every other point is an
*entry*, which stores it exactly: texts, None, lists, rows, tables, infinities, and all points of
other processes. (Two processes may log the same value in the same millisecond, and MLflow would
store only one.) Entries also store from when on the owner's numbers are ints or bools.

For MLflow's charts, the numbers in an entry are also drawn as MLflow points, at odd milliseconds. A
reader leaves out the points that an entry draws. Each writer has its entries in a JSON tag of its
own, so no writer changes what another one has written. If a tag becomes full, its entries are moved
to a file of the run.
"""

from __future__ import annotations

import json
import logging
import math
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amlflow.exceptions import AzureMLException
from amlflow.point_values import from_plain, to_plain
from amlflow.spec import FileNotInRun, Kind, Point, Refused
from amlflow.tracker_data import (
    MAX_COUNT,
    MAX_NOTE,
    Malformed,
    is_whole,
    leave_out,
    parse,
    parse_file,
    show_value,
    to_id,
    to_kind,
    to_metrics_json,
)

from amlflow_mlflow.entities import MetricPoint, Row, RunData
from amlflow_mlflow.records import from_ms, to_ms
from amlflow_mlflow.spelling import CLAIM, POINTS, WRITER, from_key, shorten, to_key
from amlflow_mlflow.store import Store

logger = logging.getLogger("amlflow")

BATCH = 1000
"""How many entities MLflow accepts in one call: metrics, tags and params together."""
TAG_ROOM = 5000
"""How many characters of entries a tag may have. Older servers do not accept more."""
FOLDER = "amlflow/points"
EXACT_INT = 2**53
"""Up to this number, a double can represent every whole number."""

TYPES = ("type:bool", "type:int", "type:float")
"""The kinds of those entries that store the type of the owner's numbers."""
MIN_STEP, MAX_STEP = -(2**63), 2**63 - 1
Entry = list[Any]
"""[name, kind, value, step, order, milliseconds], with the value as ``to_plain`` encodes it. Or,
for the type of the owner's numbers:
[name, "type:int", None, None, position, milliseconds]."""


@dataclass
class _Progress:
    """The state of one writer in one run, as far as this process knows."""

    owner: bool | None = None
    spilled: int = 0
    tail: list[Entry] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Points:
    """The metrics of runs.

    ``put`` and ``get`` store and read a run's files.
    """

    def __init__(
        self,
        store: Store,
        put: Callable[[str, dict[str, Path]], None],
        get: Callable[[str, str, Path], None],
    ) -> None:
        self._store, self._put, self._get = store, put, get
        self._progress: dict[tuple[str, str], _Progress] = {}
        self._lock = threading.Lock()

    def note_owner(self, run_id: str, writer: str) -> None:
        """Note that this writer has created the run, so it is the owner."""
        with self._lock:
            self._progress[run_id, writer] = _Progress(owner=True)

    # writing

    def write(self, run_id: str, points: Sequence[Point]) -> None:
        """Do what :meth:`amlflow.spec.Tracker.write_points` does."""
        if not points:
            return
        for point in points:
            if not MIN_STEP <= point.position <= MAX_STEP:
                raise Refused(
                    f"The step {point.position} of metric {shorten(point.name)!r} does not fit "
                    "into 64 bits, in which MLflow stores steps."
                )
        key = run_id, points[0].writer
        while True:
            with self._lock:
                progress = self._progress.get(key)
            if progress is None:
                stored_progress = self._read_progress(*key)
                with self._lock:
                    progress = self._progress.setdefault(key, stored_progress)
            with progress.lock:
                if self._progress.get(key) is not progress:
                    continue  # forgotten while this thread waited
                try:
                    self._write(*key, progress, points)
                except BaseException:
                    # It is not known whether the tracker has the points. The next call asks.
                    self._progress.pop(key, None)
                    raise
                return

    def forget(self, run_id: str) -> None:
        """Forget a run that has ended."""
        for key, progress in list(self._progress.items()):
            if key[0] == run_id:
                with progress.lock:
                    self._progress.pop(key, None)

    def _read_progress(self, run_id: str, writer: str) -> _Progress:
        """Read a writer's state from a run. Another process with this writer may have set it."""
        data = self._store.get_run(run_id).data
        owner = _owner(data)
        progress = _Progress(owner=None if owner is None else owner == writer)
        progress.spilled, progress.tail = _read_note(run_id, writer, data.tags)
        entries = [*self._read_spilled(run_id, writer, progress.spilled), *progress.tail]
        progress.types.update((entry[0], entry[1][5:]) for entry in entries if _is_type(entry))
        return progress

    def _write(
        self, run_id: str, writer: str, progress: _Progress, points: Sequence[Point]
    ) -> None:
        params = {}
        if progress.owner is None:  # the first writer becomes the owner, in this call
            params = {CLAIM: writer}
        owner = progress.owner is not False
        types = dict(progress.types)
        metrics, drawing, entries = _encode(points, owner, types)
        tail, spilled = [*progress.tail, *_new(entries, progress.tail)], progress.spilled
        tags = {}
        if entries:
            state = _state(spilled, tail)
            if len(state) > TAG_ROOM:
                self._spill(run_id, writer, spilled, tail)
                spilled, tail = spilled + 1, []
                state = _state(spilled, tail)
            tags = {POINTS + writer: state}
        # MLflow commits the parts of a call one after the other: params, metrics, tags. If a reader
        # saw a drawing without its entry, it would take it for the owner's number. So drawings are
        # sent in a later call. A number without its type is only read as a float for a moment.
        first = metrics[: BATCH - len(params) - len(tags)]
        try:
            self._store.log_batch(run_id, metrics=first, params=params, tags=tags)
        except Refused:
            if not params or self._read_claim(run_id) in (None, writer):
                raise
            progress.owner = False
            self._write(run_id, writer, progress, points)
            return
        progress.owner, progress.types = owner, types
        progress.tail, progress.spilled = tail, spilled
        for start in range(len(first), len(metrics), BATCH):
            self._store.log_batch(run_id, metrics=metrics[start : start + BATCH])
        try:
            for start in range(0, len(drawing), BATCH):
                self._store.log_batch(run_id, metrics=drawing[start : start + BATCH])
        except AzureMLException as error:
            logger.warning(
                "What was logged to run %s is stored, but MLflow's charts lack points of it: %s",
                run_id,
                error.message,
            )

    def _read_claim(self, run_id: str) -> str | None:
        return _owner(self._store.get_run(run_id).data)

    def _spill(self, run_id: str, writer: str, number: int, entries: list[Entry]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "entries.json"
            path.write_text(_to_text(entries), encoding="utf-8")
            self._put(run_id, {_file(writer, number): path})

    # reading

    def read(self, run_id: str, names: Sequence[str] | None) -> list[Point]:
        """Do what :meth:`amlflow.spec.Tracker.read_points` does."""
        data = self._store.get_run(run_id).data
        owner = _owner(data) or ""
        points: list[Point] = []
        types: dict[str, list[tuple[tuple[int, int], str]]] = {}
        drawn_keys: set[tuple[str, int, int]] = set()
        seen: set[tuple[str, str, int, int]] = set()
        for writer, entry in self._entries(run_id, data.tags):
            name, kind, value, step, order, time = entry
            position = order if step is None else step
            if _is_type(entry):
                types.setdefault(name, []).append(((time, position), kind[5:]))
                continue
            drawn_keys.update((key, at, time + 1) for key, at, _ in _draw(entry))
            if (names is not None and name not in names) or (writer, name, position, time) in seen:
                continue
            seen.add((writer, name, position, time))
            points.append(
                Point(
                    name=name,
                    kind=Kind(kind),
                    value=from_plain(kind, value),
                    step=step,
                    order=order,
                    time=from_ms(time),
                    writer=writer,
                )
            )
        keys = [key for key in data.metrics if names is None or from_key(key) in names]
        for key, history in self._store.metric_rows(run_id, keys).items():
            name = from_key(key)
            switches = sorted(types.get(name, ()))
            points += [
                Point(
                    name=name,
                    value=_restore_type(row, switches) if switches else row.value,
                    step=row.step,
                    order=order,
                    time=from_ms(row.timestamp),
                    writer=owner,
                )
                for order, row in enumerate(history)
                if not drawn_keys or (key, row.step, row.timestamp) not in drawn_keys
            ]
        points.sort(key=lambda point: (point.time, point.position))
        return points

    def _entries(self, run_id: str, tags: Mapping[str, str]) -> Iterator[tuple[str, Entry]]:
        for key in tags:
            if key.startswith(POINTS):
                writer = parse(run_id, key, key[len(POINTS) :], to_id)
                if writer is None:  # not valid, and a part of the names of files
                    continue
                files, tail = _read_note(run_id, writer, tags)
                for entry in self._read_spilled(run_id, writer, files):
                    yield writer, entry
                for entry in tail:
                    yield writer, entry

    def _read_spilled(self, run_id: str, writer: str, count: int) -> Iterator[Entry]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "entries.json"
            for number in range(count):
                name = _file(writer, number)
                try:
                    self._get(run_id, name, path)
                except FileNotInRun:
                    leave_out(run_id, name, "a file with metrics of the run", "missing")
                    return
                values = parse_file(run_id, name, path, _to_list)
                yield from _entries(run_id, name, values or [])
                path.unlink()


def _read_note(run_id: str, writer: str, tags: Mapping[str, str]) -> tuple[int, list[Entry]]:
    """Read a writer's tag: the number of its files of entries, and the entries in the tag."""
    key = POINTS + writer
    files, tail = parse(run_id, key, tags.get(key), _to_state) or (0, [])
    return files, list(_entries(run_id, key, tail))


def _to_state(text: str) -> tuple[int, list[Any]]:
    state = to_metrics_json(text, MAX_NOTE)
    fields: dict[str, Any] = state if isinstance(state, dict) else {}
    files, tail = fields.get("files"), fields.get("tail")
    if not is_whole(files) or not 0 <= files <= MAX_COUNT or not isinstance(tail, list):
        raise Malformed("an object with files (a number) and tail (a list)")
    return files, tail


def _to_list(text: str) -> list[Any]:
    entries = to_metrics_json(text)
    if not isinstance(entries, list):
        raise Malformed("a list")
    return entries


def _entries(run_id: str, key: str, values: list[Any]) -> Iterator[Entry]:
    """Yield the valid entries of a list."""
    for entry in values:
        try:
            _check(entry)
        except Malformed as wrong:
            leave_out(run_id, key, str(wrong), show_value(entry))
        else:
            # The first release wrote NaN and infinities without encoding them.
            yield [*entry[:2], to_plain(entry[1], entry[2]), *entry[3:]]


def _check(entry: Any) -> None:
    if not isinstance(entry, list) or len(entry) != 6:
        raise Malformed("entries of six values")
    name, kind, value, step, order, time = entry
    if (
        not isinstance(name, str)
        or not (step is None or is_whole(step))
        or not (is_whole(order) and is_whole(time))
    ):
        raise Malformed("entries with a name, step, order and milliseconds")
    if kind not in TYPES:
        to_kind(kind, from_plain(kind, value))


def _file(writer: str, number: int) -> str:
    return f"{FOLDER}/{writer}-{number:06}.json"


def _owner(data: RunData) -> str | None:
    owner: str | None = data.tags.get(WRITER) or data.params.get(CLAIM)
    return owner


def _state(files: int, tail: list[Entry]) -> str:
    return _to_text({"files": files, "tail": tail})


def _to_text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _is_type(entry: Entry) -> bool:
    return entry[1] in TYPES


def _new(entries: list[Entry], tail: list[Entry]) -> list[Entry]:
    """Return the entries that are not stored yet, as a batch may be sent again."""
    return [entry for entry in entries if entry not in tail] if tail else entries


def _encode(
    points: Sequence[Point], owner: bool, types: dict[str, str]
) -> tuple[list[MetricPoint], list[MetricPoint], list[Entry]]:
    """Turn points into native MLflow points, points that draw entries, and entries.

    Updates ``types``, the types of the owner's numbers.
    """
    metrics: list[MetricPoint] = []
    drawing: list[MetricPoint] = []
    entries: list[Entry] = []
    for point in points:
        time = to_ms(point.time)
        key = to_key(point.name)
        if owner and _native(point):
            value_type = type(point.value).__name__
            if types.get(point.name, "float") != value_type:
                types[point.name] = value_type
                entries.append([point.name, f"type:{value_type}", None, None, point.position, time])
            metrics.append(MetricPoint(key, float(point.value), time, point.position))
            continue
        value = to_plain(point.kind, point.value)
        entry = [point.name, point.kind.value, value, point.step, point.order, time]
        entries.append(entry)
        drawing += [MetricPoint(key, value, time + 1, at) for key, at, value in _draw(entry)]
    return metrics, drawing, entries


def _native(point: Point) -> bool:
    """Whether an MLflow point (with the entry for its type) stores this point exactly."""
    value = point.value
    if point.kind is not Kind.SCALAR or not isinstance(value, (bool, int, float)):
        return False
    if isinstance(value, float):
        # MLflow changes infinities into large numbers, and loses the sign of a zero.
        return not math.isinf(value) and not (value == 0 and math.copysign(1, value) < 0)
    return -EXACT_INT <= value <= EXACT_INT


def _draw(entry: Entry) -> list[tuple[str, int, float]]:
    """Return the MLflow points (key, step, value) that show an entry's numbers in charts."""
    name, kind, value, step, order, _ = entry
    value = from_plain(kind, value)
    columns: Iterable[tuple[str, Iterable[tuple[int, Any]]]]
    if kind == Kind.SCALAR.value:
        columns = [(name, [(order if step is None else step, value)])]
    elif kind == Kind.LIST.value:
        columns = [(name, enumerate(value))]
    elif kind == Kind.ROW.value:
        columns = [(f"{name}.{column}", [(order, cell)]) for column, cell in value.items()]
    elif kind == Kind.TABLE.value:
        columns = [(f"{name}.{column}", enumerate(cells)) for column, cells in value.items()]
    else:
        return []
    drawing = []
    for column, cells in columns:
        try:
            key = to_key(column)
        except Refused:  # name and column are too long together, but the entry has the values
            continue
        drawing += [(key, at, float(cell)) for at, cell in cells if _drawable(cell)]
    return drawing


def _drawable(cell: Any) -> bool:
    if isinstance(cell, int) and not isinstance(cell, bool):
        return abs(cell) < 10**300
    return isinstance(cell, (bool, float))


def _restore_type(row: Row, switches: list[tuple[tuple[int, int], str]]) -> bool | int | float:
    """Return a row's number with the type that the owner's entries store."""
    time, step, value = row
    type_name = "float"
    for since, value_type in switches:
        if since > (time, step):
            break
        type_name = value_type
    if type_name == "float" or not value.is_integer():
        return value
    return bool(value) if type_name == "bool" else int(value)
