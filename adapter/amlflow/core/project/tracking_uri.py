"""Finds the tracking store: from the environment, then the config, then MLflow's own default."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

from amlflow import plugins
from amlflow.client_address import VARIABLE, tracker_behind
from amlflow.core.project.server_address import check_scheme, check_server_address
from amlflow.working_folder import working_folder

EMBEDDED = "mlflow.db"
ARTIFACT_ROOT = "_MLFLOW_SERVER_ARTIFACT_ROOT"
"""The variable for the place of new experiments' artifacts. MLflow does not document it, but reads
it in every process that opens a database."""
_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.\\-]+:")
"""One letter is a drive of Windows."""
TRACKIO_FOLDER = "TRACKIO_DIR"
"""The variable for the folder where trackio's own client stores projects, media and artifacts."""


def resolve_uri(configured: str | None, folder: Path | None = None) -> str:
    """Return the absolute URI of the tracking store.

    It is ``MLFLOW_TRACKING_URI``, or else the workspace config's URI, or else the file
    ``mlflow.db`` in the folder, which ``mlflow ui`` uses, too. The default for the folder is the
    working folder.
    """
    from_environment = os.environ.get(VARIABLE, "").strip()
    if from_environment:
        return absolute(tracker_behind(from_environment))
    if configured and not configured.isspace():
        return absolute(configured, folder)
    return embedded_uri(folder or working_folder())


def embedded_uri(folder: Path) -> str:
    """Return the URI of MLflow's default database in a folder."""
    return absolute(f"sqlite:///{EMBEDDED}", folder)


def absolute(uri: str, folder: Path | None = None) -> str:
    """Make a URI absolute: a relative path in it is below the folder.

    The default for the folder is the working folder, which a URI without a relative path does not
    need. A scheme without a path, such as ``trackio://``, is completed by its plugin. Spaces and
    line ends around the URI, as from a file with a secret, are removed.

    Raises:
        UserErrorException: it is meant as the address of a server, but is not one; or the working
            folder is needed and was deleted.
    """
    uri = uri.strip()
    if found := _SCHEME.match(uri):
        uri = found[0].lower() + uri[found.end() :]
    if uri.startswith(("http:", "https:")):
        check_server_address(uri)
    check_scheme(uri)
    scheme, separator, path = uri.partition(":///")
    if separator and scheme.partition("+")[0] == "sqlite":
        if not path or path == ":memory:" or Path(path).is_absolute():
            return uri
        return f"{scheme}:///{((folder or working_folder()) / path).absolute()}"
    if re.fullmatch(rf"{_SCHEME.pattern}/*", uri):
        return plugins.absolute_uri(uri)
    if _SCHEME.match(uri) or uri == "databricks":
        return uri
    return ((folder or working_folder()) / uri).absolute().as_uri()


def client_variables(uri: str) -> dict[str, str]:
    """Return variables for the tracker's own client in a submitted script.

    Without them, MLflow would store the artifacts of an experiment that the script makes in the
    script's working folder, which is removed. With them, the artifacts are beside the database. The
    same holds for the files that a script logs with trackio itself.
    """
    if uri.startswith("sqlite:///"):
        return {ARTIFACT_ROOT: str(Path(local_folders(uri)[0]) / "mlruns")}
    if uri.startswith("trackio:///"):
        return {TRACKIO_FOLDER: unquote(uri.removeprefix("trackio://"))}
    return {}


def local_folders(uri: str) -> list[str]:
    """Return the folders of this machine in which the store of an absolute URI is."""
    scheme, separator, path = uri.partition(":///")
    if separator and scheme.partition("+")[0] == "sqlite":
        return [str(Path(unquote(path)).parent)]
    # For another plugin's tracker: its path, if that is a folder.
    from urllib.request import url2pathname  # slow to import, and few ask for such a folder

    folder = url2pathname(f"/{path}")
    if separator and path and (scheme == "file" or os.path.isdir(folder)):
        return [folder]
    return []
