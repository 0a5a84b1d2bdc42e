"""Downloads files of runs from the address that MLflow's page uses (``/get-artifact``).

With MLflow 3.9, a file whose name is not ASCII cannot be downloaded through the REST API, but it
can be downloaded from this address.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from amlflow.exceptions import AzureMLException

from amlflow_mlflow.answers import is_attachment
from amlflow_mlflow.errors import MlflowError
from amlflow_mlflow.rest import messages
from amlflow_mlflow.rest.calls import Calls
from amlflow_mlflow.rest.connection import CHUNK_BYTES, Connection

_OF_RUN = re.compile(r"(?P<root>(?:.*/)?(?P<run>[0-9a-f]{32})/artifacts)(?:/(?P<folder>.*))?")
"""The path at which a server keeps the files of a run."""


def get(connection: Connection, root: str, path: str, destination: Path) -> bool:
    """Write a file in an artifact root to a local path. Returns False if that is not possible."""
    match = _OF_RUN.fullmatch(root)
    if match is None:
        return False
    try:
        run = Calls(connection).read(
            "GET", "runs/get", {"run_id": match["run"]}, "run", messages.to_run
        )
        if urlsplit(run.info.artifact_uri).path.strip("/") != match["root"]:
            return False
        name = "/".join(filter(None, (match["folder"], path)))
        # The server decodes the name twice, so it is encoded twice.
        query = {"path": quote(name), "run_uuid": match["run"]}
        with connection.open("GET", "/get-artifact", query=query) as response:
            if not is_attachment(response.headers):
                return False
            with destination.open("wb") as file:
                for part in response.stream(CHUNK_BYTES):
                    file.write(part)
    except (AzureMLException, MlflowError):
        return False
    return True
