"""Metrics of a run: v1's ``log_*`` calls and ``get_metrics``."""

from __future__ import annotations

import os
import posixpath
import re
import tempfile
import time
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

from amlflow.core.arguments import check_text
from amlflow.core.runs import metric_values
from amlflow.core.runs.base import RunBase, display_id
from amlflow.core.runs.descendants import descendants
from amlflow.core.runs.stamps import this_writer
from amlflow.exceptions import UserErrorException
from amlflow.spec import (
    Condition,
    FileInRun,
    FileNotInRun,
    Kind,
    Op,
    Point,
    Refused,
    RunRecord,
    Unavailable,
    tried_once,
)
from amlflow.tracker_data import leave_out, parse_file, to_metrics_json
from amlflow.working_folder import local_path

MAX_NAME = 250
MAX_STEP = 2**63 - 1
READERS = 8
"""How many runs are read at the same time."""
_FOLDERS = frozenset({"amlflow", "outputs", "logs", "user_logs", "azureml-logs", "system_logs"})
"""Names of folders in a run. A file of a metric does not get such a name."""


class RunMetrics(RunBase):
    """Metrics of a run.

    ``description`` is accepted in every call and not stored, as in v1.
    """

    def log(self, name: str, value: Any, description: str = "", step: int | None = None) -> None:
        """Log a single value: a number, text, bool or None. numpy's scalars are accepted.

        Any other object is logged as its ``repr``, with a warning. Several values under one name
        form a series in the order of the calls. ``step`` is the value's place on the x axis of
        charts.

        Raises:
            UserErrorException: the value is a list, a range or a generator. Use :meth:`log_list`.
        """
        if type(value) is not float:
            value = metric_values.value_or_text(value, name)
        self._point(name, Kind.SCALAR, value, step)

    def log_list(self, name: str, value: Iterable[Any], description: str = "") -> None:
        """Log several values at once. A generator is read to its end."""
        _check_name(name)
        self._point(name, Kind.LIST, metric_values.to_list(value, name))

    def log_row(self, name: str, description: str | None = None, **kwargs: Any) -> None:
        """Log one row with named columns. Several calls make a table."""
        self._point(name, Kind.ROW, metric_values.row(kwargs, name))

    def log_table(self, name: str, value: dict[str, list[Any]], description: str = "") -> None:
        """Log a table: a dict of column names to equally long lists."""
        self._point(name, Kind.TABLE, metric_values.table(value, name))

    def log_image(
        self, name: str, path: str | None = None, plot: Any = None, description: str = ""
    ) -> None:
        """Store an image file, or a matplotlib figure (or ``pyplot``) as PNG, as a metric.

        The file in the run gets the name of the path; a figure is called ``<name>_<seconds>.png``.
        If the name is taken, the file gets a unique name. :meth:`get_metrics` returns it.

        Raises:
            UserErrorException: neither or both are given, or ``path`` is not a file.
        """
        if (path is None) == (plot is None):
            raise UserErrorException(
                f"log_image({name!r}) takes either path or plot, and got "
                f"{'neither' if path is None else 'both'}."
            )
        if path is not None:
            if not isinstance(path, (str, os.PathLike)):
                instead = "; pass it as plot=" if hasattr(path, "savefig") else ""
                raise UserErrorException(
                    f"log_image({name!r}) takes the path of a file as path, and got a "
                    f"{_describe(path)}{instead}."
                )
            source = local_path(path)
            if not source.is_file():
                raise UserErrorException(f"log_image({name!r}): {str(path)!r} is not a file.")
            self._file_point(name, Kind.IMAGE, source, os.fspath(path))
            return
        if not hasattr(plot, "savefig"):
            instead = "; pass it as path=" if isinstance(plot, (str, os.PathLike)) else ""
            raise UserErrorException(
                f"log_image({name!r}) takes a matplotlib figure or pyplot as plot, and got a "
                f"{_describe(plot)}{instead}."
            )
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "plot.png"
            plot.savefig(source, format="png")
            self._file_point(name, Kind.IMAGE, source, f"{name}_{int(time.time())}.png")

    def log_confusion_matrix(
        self, name: str, value: dict[str, Any] | str, description: str = ""
    ) -> None:
        """Log a confusion matrix, a dict or JSON text in v1's schema."""
        self._document(name, Kind.CONFUSION_MATRIX, value)

    def log_accuracy_table(
        self, name: str, value: dict[str, Any] | str, description: str = ""
    ) -> None:
        """Log an accuracy table, a dict or JSON text in v1's schema."""
        self._document(name, Kind.ACCURACY_TABLE, value)

    def log_residuals(self, name: str, value: dict[str, Any] | str, description: str = "") -> None:
        """Log residuals, a dict or JSON text in v1's schema."""
        self._document(name, Kind.RESIDUALS, value)

    def log_predictions(
        self, name: str, value: dict[str, Any] | str, description: str = ""
    ) -> None:
        """Log predictions, a dict or JSON text in v1's schema."""
        self._document(name, Kind.PREDICTIONS, value)

    def get_metrics(
        self,
        name: str | None = None,
        recursive: bool = False,
        run_type: str | None = None,
        populate: bool = False,
    ) -> dict[str, Any]:
        """Return the logged metrics by name, in v1's shapes.

        A value that was logged once is returned as it is. Several values, or a list, become a list
        in their order. Rows and tables become dicts of columns. An image or a JSON document becomes
        the name of its file. With ``populate``, it becomes the file's content: bytes or a dict, or
        None if the file is missing or not JSON. Metrics of other clients of the tracker are
        included.

        Args:
            name: Only the metric of this name.
            recursive: The metrics of this run and all runs below it, by run id. Runs without
                metrics are left out, as in v1.
            run_type: With ``recursive``, only those runs below this one that have this type.
            populate: Read the files as well.
        """
        if name is not None:
            check_text(name, "A metric's name", "run.get_metrics(name, recursive=True)")
        if not recursive:
            return self._metrics_of(self._record, name, populate)
        conditions = [] if run_type is None else [Condition("type", Op.EQ, run_type)]
        records = [*descendants(self._tracker, self._record, conditions), self._record]
        with ThreadPoolExecutor(min(READERS, len(records))) as pool:
            results = list(
                pool.map(lambda record: self._metrics_of(record, name, populate), records)
            )
        return {
            display_id(record): values
            for record, values in zip(records, results, strict=True)
            if values
        }

    def _metrics_of(self, record: RunRecord, name: str | None, populate: bool) -> dict[str, Any]:
        points = self._tracker.read_points(record.id, None if name is None else [name])

        def content(point: Point) -> Any:
            return self._content(record.id, point) if populate else point.value

        return metric_values.shapes(points, content)

    def _content(self, run_id: str, point: Point) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "content"
            try:
                self._tracker.get_file(run_id, point.value, path)
            except (FileNotInRun, Refused):
                leave_out(run_id, point.name, "a file of the run", "missing")
                return None
            if point.kind is Kind.IMAGE:
                return path.read_bytes()
            return parse_file(run_id, point.value, path, to_metrics_json)

    def _document(self, name: str, kind: Kind, value: Any) -> None:
        _check_name(name)
        text = metric_values.document(value, kind, name)
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "document.json"
            source.write_text(text, encoding="utf-8")
            self._file_point(name, kind, source, name)

    def _file_point(self, name: str, kind: Kind, source: Path, file_name: str) -> None:
        _check_name(name)
        self._point(name, kind, self._put_named(source, file_name))

    def _put_named(self, source: Path, file_name: str) -> str:
        """Store a file under this name, or under a unique one if it is taken. Returns the name."""
        run_id, stored_name = self._record.id, _file_name(file_name)
        names = this_writer().names(run_id)
        if names is None:  # another process created the run, so only the tracker knows the names
            try:
                with tried_once():
                    self._tracker.put_files(run_id, {stored_name: source})
                return stored_name
            except (FileInRun, Refused, Unavailable):
                pass
        elif len(os.fsencode(stored_name)) <= MAX_NAME and names.take(stored_name):
            self._tracker.put_files(run_id, {stored_name: source}, replace=True)
            return stored_name
        stem, suffix = posixpath.splitext(posixpath.basename(stored_name))
        base = re.sub(r"[^\w.\-]+", "_", stem)[:100].strip(".") or "file"
        suffix = suffix if re.fullmatch(r"\.\w{1,10}", suffix) else ""
        unique_name = f"{base}_{uuid.uuid4().hex[:12]}{suffix}"
        self._tracker.put_files(run_id, {unique_name: source}, replace=True)
        return unique_name

    def _point(self, name: str, kind: Kind, value: Any, step: int | None = None) -> None:
        _check_name(name)
        if step is not None:
            step = _step(name, step)
        writer = this_writer()
        run_id = self._record.id
        turn = writer.turn(run_id)
        tracker = self._tracker
        with turn.lock:
            order, time = turn.stamp(name, step)
            point = Point(
                name=name,
                value=value,
                kind=kind,
                step=step,
                order=order,
                time=time,
                writer=writer.id,
            )
            tracker.write_points(run_id, [point])


def _describe(value: Any) -> str:
    """Describe a value in a message: its type. For a module such as pyplot, also its name."""
    kind = type(value).__name__
    return f"{kind} ({value.__name__})" if isinstance(value, ModuleType) else kind


def _file_name(name: str) -> str:
    """Make a valid name for a file of the run that is similar to this path.

    If the path is in the working folder, its folders are part of the name.
    """
    path = posixpath.normpath(name.replace(os.sep, "/"))
    if path.startswith(("/", "../")):
        path = posixpath.basename(path)
    # A file with such a name would block a folder, or look like a file of amlflow itself.
    if path.split("/")[0] in _FOLDERS and ("/" not in path or path.startswith("amlflow/")):
        path = f"_{path}"
    path = path.encode(errors="replace").decode().replace("\\", "_").replace("\0", "_")
    return path if path.strip(". ") else f"_{len(name)}"


def _step(name: str, step: Any) -> int:
    plain = metric_values.scalar(step, f"The step of {name!r}")
    if not isinstance(plain, (int, float)) or not -MAX_STEP <= plain <= MAX_STEP or plain % 1:
        raise UserErrorException(
            f"The step of {name!r} must be a whole number of at most 63 bits, and is {step!r}."
        )
    return int(plain)


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise UserErrorException(
            f"The name of a metric must be a text that is not empty, and is {name!r}. The name "
            "comes first: run.log(name, value)."
        )
    if len(name) > MAX_NAME:
        raise UserErrorException(
            f"The name of a metric has at most {MAX_NAME} characters, and {name[:60]!r}… has "
            f"{len(name)}; choose a shorter one."
        )
