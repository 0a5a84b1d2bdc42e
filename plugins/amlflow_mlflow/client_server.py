"""A server for the MLflow in a script's environment, if it cannot open the database itself.

MLflow opens a database only if its own schema is that of the database. The newest MLflow for
Python 3.6 to 3.9, or a version that the script's environment pins, has another schema, but it talks
to a newer server. So the agent offers such a script MLflow's own server on this machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing.connection import wait
from pathlib import Path

import amlflow_mlflow_private as private
from amlflow.exceptions import UserErrorException
from amlflow.parts import install_command
from amlflow.spec import JOB, ClientServer, redacted

from amlflow_mlflow.errors import opening_error
from amlflow_mlflow.own_paths import ARTIFACTS
from amlflow_mlflow.rest.settings import possible_authorizations
from amlflow_mlflow.schemes import SQLITE, is_database, sqlite_path
from amlflow_mlflow.sqlite.database import Database, is_plain

HOST = "127.0.0.1"
TOKEN = "MLFLOW_TRACKING_TOKEN"  # noqa: S105 - the name of the variable
AUTHORIZATIONS = "AMLFLOW_SERVED_AUTHORIZATIONS"
"""The variable with the headers that the process accepts, as JSON."""
SQLITE_DRIVER = "sqlite3"
FIRST_EXPERIMENT = "SELECT experiment_id, artifact_location FROM experiments ORDER BY experiment_id"
END_S = 5
_REVISION = re.compile(r"^(down_)?revision(?:: *[\w \[\]|]+)? *= *['\"](\w+)['\"]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Served:
    """A database: its schema, the package that opens it, and where files of new experiments go."""

    revision: str
    driver: str
    artifacts: str


def serve_client(uri: str, packages: Path, environ: Mapping[str, str]) -> ClientServer | None:
    """Start to serve the MLflow in a folder of packages; None if it needs no server.

    ``environ`` has the variables of the script. Credentials in it stay as they are, since they may
    be those of another server that the script uses: MLflow's client sends them to every server, so
    this one accepts them.

    Raises:
        UserErrorException: it needs one, and MLflow's server is not installed here, MLflow's file
            with credentials is damaged, or ``~/.netrc`` has an entry without a password.
        OSError: this machine has no free port.
    """
    if not (packages / "mlflow").is_dir():
        return None
    database = _read_database(uri)
    if database is None or (
        (packages / "sqlalchemy").is_dir()
        and (database.driver == SQLITE_DRIVER or any(packages.glob(f"{database.driver}*")))
        and newest_revision(packages / "mlflow") == database.revision
    ):
        return None
    _check_server(uri, database.revision)
    return _Server(uri, database.artifacts, environ)


def _read_database(uri: str) -> _Served | None:
    """Read what a client needs to open a database; None for another tracker."""
    if is_plain(uri):
        revision = Database(uri, keeps_connections=False).revision()
        artifacts = str(sqlite_path(uri).with_name(ARTIFACTS))
        return None if revision is None else _Served(revision, SQLITE_DRIVER, artifacts)
    if not is_database(uri) or uri.startswith(SQLITE) or private.is_server_process():
        return None
    # It takes seconds, and few agents need it.
    from amlflow_mlflow.opening import probe_database

    try:
        engine = probe_database(uri)
        revision = private.schema_version(engine)
    except Exception as error:  # the database's driver may raise any error
        raise opening_error(uri, error) from error
    # MLflow's default for a process in this folder, such as this one.
    return _Served(revision, engine.dialect.dbapi.__name__, os.path.abspath(ARTIFACTS))


def newest_revision(mlflow: Path) -> str | None:
    """Return the revision of the databases that an installed MLflow opens; None if it opens none.

    Each of its migration files names a revision and the one before it.
    """
    revisions: set[str] = set()
    older: set[str] = set()
    for path in (mlflow / "store" / "db_migrations" / "versions").glob("*.py"):
        for is_older, revision in _REVISION.findall(path.read_text("utf-8", "replace")):
            (older if is_older else revisions).add(revision)
    newest = revisions - older
    return newest.pop() if len(newest) == 1 else None


def _check_server(uri: str, revision: str) -> None:
    """Raise UserErrorException unless the MLflow of this Python can serve the database."""
    package = find_spec("mlflow")
    if package is None or package.origin is None or find_spec("flask") is None:
        remedy = f"`{install_command('ui')}`, with which this machine serves it"
    elif newest_revision(Path(package.origin).parent) != revision:
        remedy = f"`mlflow db upgrade {redacted(uri)}`, after a copy of the database"
    else:
        return
    raise UserErrorException(
        f"The mlflow in the script's environment cannot open the database {redacted(uri)}: it is "
        "made for another schema. If the script calls mlflow itself, it fails there. Use "
        f"{remedy}, or a server as the tracker. Calls to azureml work."
    )


class _Server:
    """An :class:`amlflow.spec.ClientServer`. Its process starts when the client first connects.

    Only who has the token or the user's credentials can use it: other users of this machine can
    reach the port, too.
    """

    def __init__(self, uri: str, artifacts: str, environ: Mapping[str, str]) -> None:
        self._uri, self._artifacts, self._environ = uri, artifacts, environ
        self._token = secrets.token_urlsafe(32)
        # First, since a file with credentials may be damaged.
        self._authorizations = [f"Bearer {self._token}", *possible_authorizations(HOST, environ)]
        self._listening = socket.create_server((HOST, 0))
        self._port = self._listening.getsockname()[1]
        self._stopped, self._stop = socket.socketpair()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._start, name="client-server", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def variables(self) -> Mapping[str, str]:
        variables = {} if self._environ.get(TOKEN) else {TOKEN: self._token}
        # A proxy would not reach this machine. One of the two names hides the other.
        for name, other in (("NO_PROXY", "no_proxy"), ("no_proxy", "NO_PROXY")):
            excluded = self._environ.get(name) or self._environ.get(other)
            variables[name] = ",".join(filter(None, (excluded, HOST)))
        return variables

    def stop(self) -> None:
        self._stop.close()
        self._thread.join()
        self._stopped.close()
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
            self._process.kill()
            self._process.communicate()
        self._listening.close()

    def _start(self) -> None:
        """Wait for the client's first connection, and start the process that serves it."""
        if self._stopped in wait([self._listening, self._stopped]):
            return
        handle = self._listening.fileno()
        # Only the process keeps the socket, so that a client does not wait if the process fails.
        with self._listening:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "amlflow_mlflow.client_server_process", str(handle)],
                cwd=os.sep,  # so that no module of the user's folder is imported
                # The process ends with the agent, whose end closes this pipe.
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[handle],
                env={
                    **os.environ,
                    # Not the script's: a script that is told to end may log before it does.
                    JOB: f"{os.environ.get(JOB, '')}-client-server",
                    AUTHORIZATIONS: json.dumps(self._authorizations),
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                    "MLFLOW_LOGGING_LEVEL": "WARNING",
                    "AMLFLOW_SERVED_DATABASE": self._uri,
                    "AMLFLOW_SERVED_ARTIFACTS": self._artifacts,
                },
            )
