"""Which tracking store is meant: environment, then config, then MLflow's own default."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

from amlflow import plugins

VARIABLE = "MLFLOW_TRACKING_URI"
EMBEDDED = "mlflow.db"
ARTIFACT_ROOT = "_MLFLOW_SERVER_ARTIFACT_ROOT"
"""Where MLflow's store puts the artifacts of new experiments; MLflow has no documented variable
for this, and reads this one in every process that opens a database."""


TRACKIO_FOLDER = "TRACKIO_DIR"
"""Where trackio's own client keeps projects, media and artifacts."""


def resolve_uri(configured: str | None, folder: Path) -> str:
    """The absolute URI of the tracking store.

    ``MLFLOW_TRACKING_URI`` comes first, then what the workspace's config says, then the file
    ``mlflow.db`` in the folder, where ``mlflow ui`` looks too.
    """
    from_environment = os.environ.get(VARIABLE)
    if from_environment:
        return absolute(from_environment, Path.cwd())
    if configured:
        return absolute(configured, folder)
    return embedded_uri(folder)


def embedded_uri(folder: Path) -> str:
    """The URI of MLflow's own default in a folder."""
    return absolute(f"sqlite:///{EMBEDDED}", folder)


def absolute(uri: str, folder: Path) -> str:
    """The URI with its path, if it is a relative one, taken from a folder.

    What a scheme alone names, such as ``trackio://``, its plugin says.
    """
    scheme, separator, path = uri.partition(":///")
    if separator and scheme.partition("+")[0] == "sqlite":
        if not path or path == ":memory:" or Path(path).is_absolute():
            return uri
        return f"{scheme}:///{(folder / path).absolute()}"
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]+:/*", uri):
        return plugins.absolute_uri(uri)
    if re.match(r"[A-Za-z][A-Za-z0-9+.\-]+:", uri) or uri == "databricks":
        return uri
    return (folder / uri).absolute().as_uri()


def client_variables(uri: str) -> dict[str, str]:
    """What the tracker's own client needs in a submitted script, beside MLflow's tracking URI.

    The script's working folder is the job's, which is removed. In an experiment that the script
    makes on a database file, MLflow would keep artifacts there; beside the database they stay. What
    the script logs with trackio itself goes to the run's folder, and not to a relative one.
    """
    if uri.startswith("sqlite:///"):
        return {ARTIFACT_ROOT: str(Path(local_folders(uri)[0]) / "mlruns")}
    if uri.startswith("trackio:///"):
        return {TRACKIO_FOLDER: unquote(uri.removeprefix("trackio://"))}
    return {}


def local_folders(uri: str) -> list[str]:
    """The folders of this machine that an absolute URI points into."""
    scheme, separator, path = uri.partition(":///")
    if separator and scheme.partition("+")[0] == "sqlite":
        return [str(Path(unquote(path)).parent)]
    # Of another plugin's tracker, its folder, if it is one.
    from urllib.request import url2pathname  # slow to import, and few ask for such a folder

    folder = url2pathname(f"/{path}")
    if separator and path and (scheme == "file" or os.path.isdir(folder)):
        return [folder]
    return []
