"""trackio's projects: a database file for each. trackio itself makes the tables in it.

To write through trackio's own client, every process that logs a number would have to import it.
That takes more than a second and 80 MB. The client also knows only one folder in a process, and
needs 30 ms for each call. So amlflow writes to the file. Its tables are public: users query them
with ``trackio query``, and trackio itself updates them to newer versions. If the tables are not as
amlflow knows them, it refuses to write.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from amlflow.fork_safety import delay_forks
from amlflow.spec import Unsupported
from amlflow.tracker_data import leave_out

from amlflow_trackio.database import PATIENCE
from amlflow_trackio.errors import translate_errors
from amlflow_trackio.folders import OWN

LENGTH = 60
"""How many characters a project's name takes from its experiment, as it is a file name."""
RESERVED = (
    "_system",
    "_configs",
    "_traces",
    "_artifacts",
    "_artifact_versions",
    "_artifact_aliases",
    "_run_artifact_links",
    "_external_run_artifact_links",
)
"""Endings that trackio does not allow for names of projects, since its own files have them."""
NEEDED = {
    "metrics": {"timestamp", "run_id", "run_name", "step", "metrics", "log_id"},
    "configs": {"run_id", "run_name", "config", "created_at"},
    "system_metrics": {"run_id", "run_name"},
}
LAY_OUT = (
    "import sys; from trackio.sqlite_storage import SQLiteStorage as S; S.init_db(sys.argv[1])"
)


def project_name(experiment: str, number: int) -> str:
    """Make a project's name for an experiment. From the second try on, it has a number."""
    letters = "".join(letter for letter in experiment if letter.isalnum() or letter in "-_")[
        :LENGTH
    ]
    name = letters or "default"
    if name.lower().startswith("registry-"):
        name = f"project-{name}"
    if name.lower().endswith(RESERVED):
        name += "-"
    return name if number == 1 else f"{name}-{number}"


_PROJECT = re.compile(rf"[\w-]{{1,{2 * LENGTH}}}")


def is_project_name(text: object) -> bool:
    """Whether a value of the database is a name that :func:`project_name` can make.

    No other value becomes the path of a file.
    """
    return isinstance(text, str) and _PROJECT.fullmatch(text) is not None


class Projects:
    """The project files of one trackio folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready: set[str] = set()

    def file(self, project: str) -> Path:
        return self._folder / f"{project}.db"

    def known(self, project: str) -> Path | None:
        """Return a project's file for reading. None if it does not exist, or has other tables.

        This makes no file and starts no process. The log names a file with other tables.
        """
        path = self.file(project)
        if project in self._ready and path.exists():
            return path
        if not path.exists():
            return None
        with translate_errors(path):
            is_known = _is_known(path)
        if not is_known:
            leave_out(str(path), "its metrics", "laid out as amlflow knows it", "another layout")
            return None
        self._ready.add(project)
        return path

    def ready(self, project: str) -> Path:
        """Return a project's file for writing. It is made if it does not exist.

        Raises:
            Unsupported: trackio's tables are not as amlflow knows them.
        """
        path = self.file(project)
        if project not in self._ready or not path.exists():
            with translate_errors(path):
                self._ensure_layout(project, path)
            self._ready.add(project)
        return path

    def _ensure_layout(self, project: str, path: Path) -> None:
        if not path.exists():
            self._make(path)
        if not _is_known(path):
            _lay_out(self._folder, project)  # an older trackio's
        if not _is_known(path):
            raise Unsupported(
                f"trackio's file {str(path)!r} has tables that this amlflow does not know; "
                "`pip install -U amlflow`, or the trackio that amlflow asks for."
            )

    def is_empty(self, project: str) -> bool:
        """Whether nothing has been logged to a project, or it has no file yet."""
        path = self.file(project)
        if not path.exists():
            return True
        with translate_errors(path):
            if not _is_known(path):
                return True  # trackio has made the file, and is about to make its tables
            with (
                delay_forks(),
                contextlib.closing(sqlite3.connect(path, timeout=PATIENCE)) as connection,
            ):
                return connection.execute("SELECT 1 FROM metrics LIMIT 1").fetchone() is None

    def _make(self, path: Path) -> None:
        """Make a project's file as a copy of an empty project, unless it exists already."""
        empty = make_empty(self._folder)
        with tempfile.TemporaryDirectory(dir=empty.parent) as staging:
            copy = Path(staging) / "copy.db"
            shutil.copyfile(empty, copy)
            with contextlib.suppress(FileExistsError):
                os.link(copy, path)


def make_empty(folder: str | Path) -> Path:
    """Return an empty project to copy. trackio makes it once for each folder and version."""
    own = Path(folder) / OWN
    try:
        version = importlib.metadata.version("trackio")
    except importlib.metadata.PackageNotFoundError:
        raise Unsupported(
            "A new trackio project needs trackio: `pip install 'amlflow[trackio]'`."
        ) from None
    empty = own / f"empty-{version}.db"
    if not empty.exists():
        own.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=own) as staging:
            _lay_out(Path(staging), "empty")
            os.replace(Path(staging) / "empty.db", empty)
    return empty


def _lay_out(folder: Path, project: str) -> None:
    """Have trackio make or update a project's tables.

    This takes a process of its own, since trackio only knows one folder in a process.
    """
    process = subprocess.run(
        [sys.executable, "-c", LAY_OUT, project],
        env={**os.environ, "TRACKIO_DIR": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if process.returncode:
        why = process.stderr.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        raise Unsupported(
            f"trackio could not lay out its file {str(folder / f'{project}.db')!r}: {why[0]}"
        )


def _is_known(path: Path) -> bool:
    """Whether a project's file has the tables that amlflow writes to."""
    # Read-only, so that no file is made if another process has just removed it.
    uri = f"file:///{quote(path.absolute().as_posix().lstrip('/'))}?mode=ro"
    try:
        with (
            delay_forks(),
            contextlib.closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as connection,
        ):
            return all(
                columns <= {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
                for table, columns in NEEDED.items()
            )
    except sqlite3.OperationalError:  # busy, or out of reach
        raise
    except sqlite3.DatabaseError:  # the file is not a database
        return False
