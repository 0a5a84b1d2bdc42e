"""The files and folders of this machine that belong to MLflow.

These values become a local path, for these reasons:

* ``MLFLOW_TRACKING_URI`` is the user's own setting. It may name a database's file, and files of
  runs are beside it.
* A run's ``artifact_uri`` may be a local folder, such as a network drive that all machines mount.
  MLflow's server makes it from the run's id and the experiment's artifact location. That location
  is chosen by the server's administrator, or by the user who has created the experiment. So a
  server may name a folder, but only one that ends in ``<run id>/artifacts``. It cannot replace one
  of your files, such as ``~/.ssh/authorized_keys`` (:func:`check_run_folder`). Snapshots are in a
  folder of their experiment, which must end in the experiment's id
  (:func:`check_experiment_folder`).
* The location of a model that MLflow's own functions have logged may also be a local folder. A
  server may only name one that ends in ``models/<id>/artifacts`` (:func:`is_model_folder`).
* The name of a file of a run is checked part by part (:func:`amlflow_mlflow.spelling.to_file_path`)
  and stays below that folder, links followed (:func:`path_below`).

No other value of a run becomes a path: no tag, no param, no note, no metric.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from amlflow.local_paths import resolve_links
from amlflow.spec import Refused

from amlflow_mlflow.entities import Experiment

ARTIFACTS = "mlruns"
"""The folder beside a database that has the files of runs, unless you choose another one."""
LOCATIONS_S = 10.0
"""How long to use a server's answer about the locations of its experiments."""


class Locations:
    """The artifact locations of a store's experiments. ``experiments`` lists these.

    ``read`` reads only the locations. It is None if the store cannot do that.
    """

    def __init__(
        self,
        experiments: Callable[[], Iterable[Experiment]],
        read: Callable[[], list[str]] | None,
    ) -> None:
        self._experiments, self._read = experiments, read
        self._known: tuple[float, list[str]] | None = None

    def ask(self) -> list[str]:
        """Ask the store."""
        if self._read is not None:
            return self._read()
        return [experiment.artifact_location or "" for experiment in self._experiments()]

    def recent(self) -> list[str]:
        """Return the last answer, if it is not older than :data:`LOCATIONS_S`.

        A script that submits many runs would otherwise list all experiments for each of them.
        """
        now = time.monotonic()
        if self._known is None or now - self._known[0] > LOCATIONS_S:
            self._known = now, self.ask()
        return self._known[1]

    def forget(self) -> None:
        """Forget the last answer, since there is another experiment now."""
        self._known = None


def own_paths(database: Path | None, locations: Iterable[str]) -> list[Path]:
    """List the paths of a database and of the files of experiments, if they are local."""
    folders = {path for location in locations if (path := local_folder(location)) is not None}
    if database is None:
        return sorted(folders)
    artifacts = database.with_name(ARTIFACTS)
    return [
        database,
        artifacts,
        *sorted(location for location in folders if artifacts not in location.parents),
    ]


def check_run_folder(root: str, run_id: str) -> None:
    """Raise :class:`Refused` if a server names a local folder that is not one of a run's files.

    ``root`` is the run's artifact URI. A URI that is not a local path is accepted.
    """
    _check_folder(root, f"of run {run_id}", (run_id, "artifacts"))


def check_experiment_folder(location: str, experiment_id: str) -> None:
    """Raise :class:`Refused` if a server names a local folder that is not one of an experiment.

    A location that is not a local path is accepted.
    """
    _check_folder(location, f"of experiment {experiment_id}", (experiment_id,))


def _check_folder(location: str, owner: str, ending: tuple[str, ...]) -> None:
    folder = local_folder(location)
    if folder is None:
        return
    if not location.startswith(("file:", "/")):
        raise Refused(
            f"The tracking server says that the files {owner} are in the relative folder "
            f"{location!r}, which is another one for each program. Ask the server's administrator "
            "for an absolute artifact location, or for a server with --serve-artifacts."
        )
    if ".." in folder.parts or folder.parts[-len(ending) :] != ending:
        raise Refused(
            f"The tracking server says that the files {owner} are in the local folder "
            f"{str(folder)!r}. MLflow keeps these files in a folder that ends in "
            f"'{'/'.join(ending)}', so this one is not used. Ask the server's administrator for "
            "the experiment's artifact location."
        )


def is_model_folder(folder: Path) -> bool:
    """Whether a folder is one of those in which MLflow keeps the models that it logs."""
    name = folder.parts[-3:]
    return (
        len(name) == 3
        and (name[0], name[2]) == ("models", "artifacts")
        and re.fullmatch(r"m-[0-9a-f]{32}", name[1]) is not None
        and ".." not in folder.parts
    )


def path_below(folder: Path, path: str) -> Path:
    """Return a path in a folder. Raises :class:`Refused` if links lead out of the folder."""
    target = folder / path
    if not resolve_links(target.parent).is_relative_to(resolve_links(folder)):
        raise Refused(
            f"{str(target)!r} leads out of the folder of the run's files by a symbolic link; "
            "remove the link."
        )
    return target


def is_empty(location: str) -> bool:
    """Whether a location has no path, such as ``file:``. It would name the working folder."""
    return not location or (location.startswith("file:") and not urlsplit(location).path)


def local_folder(location: str) -> Path | None:
    """Return the folder of this machine that a location names. None if it is not local or empty."""
    if is_empty(location):
        return None
    if location.startswith("file:"):
        from urllib.request import url2pathname  # slow to import, and few ask for such a folder

        return Path(url2pathname(urlsplit(location).path)).absolute()
    if re.match(r"[A-Za-z][A-Za-z0-9+.\-]+:", location):
        return None
    return Path(location).absolute()


def server_paths(locations: Iterable[str]) -> list[Path]:
    """List the folders of this machine that have the files of a server's experiments.

    Any user who creates an experiment chooses its location. So only folders that contain files of
    runs count. Otherwise another user could have any folder left out of your snapshots.
    """
    folders = {path for location in locations if (path := local_folder(location)) is not None}
    return sorted(folder for folder in folders if any(folder.glob(_RUN_FILES)))


_RUN_FILES = f"{'[0-9a-f]' * 32}/artifacts"


def file_store_paths(folder: Path) -> Iterator[Path]:
    """Yield the folder of MLflow's file store, and the folders of its experiments."""
    yield folder
    if folder.is_dir():
        for entry in os.scandir(folder):
            if entry.name in (".trash", "models") or os.path.exists(f"{entry.path}/meta.yaml"):
                yield Path(entry.path)
