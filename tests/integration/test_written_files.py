"""Every call that writes a tracker's files: nothing leaves the folder, and nothing is half-written.

A tracker and a datastore list hostile names, and the folder has links that lead out. A new place
that writes such files, and a new argument of the command line for a path, must be named here.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from amlflow.cli import main
from amlflow.cli.arguments import ARGUMENTS
from amlflow.cli.commands import COMMANDS
from amlflow.core.data.entry import Dataset
from amlflow.core.environments.definition_files import DEFINITION, DOCKERFILE, PACKAGES
from amlflow.core.experiment import Experiment
from amlflow.core.models.model import Model
from amlflow.core.runs.files import SNAPSHOT_PROPERTY
from amlflow.core.runs.run import Run
from amlflow.core.scripts.environment import Environment
from amlflow.core.workspace import Workspace
from amlflow.exceptions import AzureMLException
from amlflow.testing.memory import MemoryTracker
from helpers.memory_workspace import configured_tracker
from helpers.sources import name_of, nodes_of, python_files, text_of

HOSTILE = [
    "..", ".", "", "../escaped", "logs/../../escaped", "/{elsewhere}/escaped", "//host/share/x",
    "\\\\host\\share\\x", "C:\\escaped", "C:/escaped", "c:escaped", "logs\\..\\..\\escaped",
    "logs//escaped", "logs/", "logs/./escaped", "logs/nul\0escaped", "logs/line\nescaped",
    "logs/\x1b]0;title\x07", "logs/\ud800", "logs/" + "x" * 300, "logs/" + "ü" * 150,
    "/".join(["a"] * 300), "/".join(["x" * 250] * 20),
    "link/escaped", "logs/link/escaped", "logs/file-link", "logs/nothing-link", "logs/loop",
    "logs/loop/escaped", "logs/folder", "logs/pipe", "logs/file/below-a-file", "logs/a/below",
]  # fmt: skip
GOOD = ["logs/a", "logs/" + "ü" * 120]
"""The second name has 245 bytes, so a longer name of a temporary file beside it would not fit."""
CONTENT = b"a,b\n1,2\n"


class Around:
    """A folder with links that lead out of it, and what is around."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.elsewhere = folder.parent / "elsewhere"
        (self.elsewhere / "below").mkdir(parents=True)
        (self.elsewhere / "kept").write_text("kept")
        self.fill(folder)
        self.before = self.outside()

    def fill(self, folder: Path) -> None:
        """Put the links and other obstacles into a folder."""
        logs = folder / "logs"
        (logs / "folder").mkdir(parents=True)
        (logs / "file").write_text("kept")
        os.mkfifo(logs / "pipe")
        (folder / "link").symlink_to(self.elsewhere)
        (logs / "link").symlink_to(self.elsewhere)
        (logs / "file-link").symlink_to(self.elsewhere / "kept")
        (logs / "nothing-link").symlink_to(self.elsewhere / "new")
        (logs / "loop").symlink_to("loop")
        for name in ("a", *(good.partition("/")[2] for good in GOOD)):  # temporary names that
            for ending in (".amlflow-part", ".tmp", ".part"):  # could be guessed
                with contextlib.suppress(OSError):
                    (logs / f".{name}{ending}").symlink_to(self.elsewhere / "new")

    def outside(self) -> dict[str, bytes | None]:
        """What is in the folders around, with its content."""
        found: dict[str, bytes | None] = {}
        for parent, folders, files in os.walk(self.folder.parent):
            if Path(parent) == self.folder.parent:
                folders.remove(self.folder.name)
            found |= {os.path.join(parent, name): None for name in folders}
            for name in files:
                path = os.path.join(parent, name)
                found[path] = Path(path).read_bytes() if os.path.isfile(path) else None
        return found

    def check(self, folder: Path) -> None:
        """Check that nothing was written elsewhere, and no file in the folder by half."""
        assert self.outside() == self.before
        assert (folder / "logs" / "file").read_text() == "kept"
        for parent, folders, files in os.walk(folder):
            for name in files:
                path = Path(parent, name)
                if name != "file" and path.is_file() and not path.is_symlink():
                    assert path.read_bytes() == CONTENT, path
            assert not [name for name in (*folders, *files) if name.startswith(".amlflow")], parent


class Hostile:
    """A workspace whose tracker and datastore return any names."""

    def __init__(self, tracker: MemoryTracker, around: Around) -> None:
        self.tracker, self.around = tracker, around
        self.workspace = Workspace.from_config()
        self.run = Experiment(self.workspace, "hostile").start_logging(snapshot_directory=None)
        Path("seed").write_bytes(CONTENT)
        store = self.workspace.get_default_datastore()
        store.upload_files(["seed"], target_path="logs", show_progress=False)
        [self.stored] = [
            record.id
            for record in map(tracker.get_run, tracker._files)
            if "logs/seed" in tracker._files[record.id]
        ]
        Model.register(self.workspace, "seed", "hostile")
        Dataset.File.from_files((store, "logs/")).register(self.workspace, "hostile")
        Path("seed").unlink()

    def list(self, *names: str) -> None:
        """Let all of them list these names."""
        names = tuple(name.format(elsewhere=self.around.elsewhere) for name in names)
        files = dict.fromkeys(sorted(names), CONTENT)
        self.tracker._files[self.run.id] = files
        self.tracker._files[self.stored] = files
        self.tracker._model_files["hostile", 1] = files
        digest = uuid.uuid4().hex
        self.tracker._snapshots[digest] = archive_of(names)
        self.tracker.get_run(self.run.id).properties[SNAPSHOT_PROPERTY] = digest  # type: ignore[index]
        self.run = Run(self.run.experiment, self.run.id)

    @property
    def store(self) -> Any:
        return self.workspace.get_default_datastore()

    @property
    def dataset(self) -> Any:
        return Dataset.get_by_name(self.workspace, "hostile")

    @property
    def model(self) -> Model:
        return Model(self.workspace, "hostile")


def archive_of(names: tuple[str, ...]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            with contextlib.suppress(UnicodeEncodeError):
                archive.writestr(zipfile.ZipInfo(name), CONTENT)
    return file.getvalue()


@pytest.fixture
def around(folder: Path) -> Around:
    return Around(folder)


@pytest.fixture
def hostile(around: Around, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hostile]:
    with configured_tracker("written", monkeypatch) as tracker:
        yield Hostile(tracker, around)


Call = Callable[[Hostile, str], object]
"""Writes what is listed into a folder."""


def command(*words: str) -> Call:
    """A call of the command line. In the words, RUN and FOLDER are replaced."""

    def call(hostile: Hostile, folder: str) -> None:
        given = [word.replace("RUN", hostile.run.id).replace("FOLDER", folder) for word in words]
        err = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
            code = main(given)
        said = err.getvalue()
        assert "Traceback" not in said, said
        assert code in (0, 1, 3), said
        if code:
            raise AzureMLException(said.strip().splitlines()[-1])

    return call


CALLS: dict[str, Call] = {
    "download_files": lambda it, folder: it.run.download_files(output_directory=folder),
    "download_files of a prefix": lambda it, folder: it.run.download_files(
        "logs/", folder, append_prefix=False
    ),
    "download_file into a folder": lambda it, folder: [
        it.run.download_file(name, folder + "/logs/") for name in it.run.get_file_names()
    ],
    "get_all_logs": lambda it, folder: it.run.get_all_logs(folder),
    "restore_snapshot": lambda it, folder: it.run.restore_snapshot(path=folder),
    "Model.download": lambda it, folder: it.model.download(folder, exist_ok=True),
    "Model.get_model_path": lambda it, folder: Model.get_model_path(
        "hostile", _workspace=it.workspace
    ),
    "FileDataset.download": lambda it, folder: it.dataset.download(folder, overwrite=True),
    "FileDataset.mount": lambda it, folder: it.dataset.mount(folder + "/logs/folder").start(),
    "Datastore.download": lambda it, folder: it.store.download(
        folder, overwrite=True, show_progress=False
    ),
    "run download": command("run", "download", "-r", "RUN", "-d", "FOLDER"),
    "run download --only outputs": command(
        "run", "download", "-r", "RUN", "-d", "FOLDER", "--only", "outputs"
    ),
    "run download --only logs": command(
        "run", "download", "-r", "RUN", "-d", "FOLDER", "--only", "logs"
    ),
    "run download --only snapshot": command(
        "run", "download", "-r", "RUN", "-d", "FOLDER", "--only", "snapshot"
    ),
    "run download-logs": command("run", "download-logs", "-r", "RUN", "-d", "FOLDER"),
    "run logs": command("run", "logs", "-r", "RUN"),
    "model download": command("model", "download", "-i", "hostile:1", "-t", "FOLDER"),
    "model download --overwrite": command(
        "model", "download", "-i", "hostile:1", "-t", "FOLDER", "--overwrite"
    ),
    "dataset download": command("dataset", "download", "-n", "hostile", "-d", "FOLDER"),
    "dataset download --overwrite": command(
        "dataset", "download", "-n", "hostile", "-d", "FOLDER", "--overwrite"
    ),
    "datastore download": command(
        "datastore", "download", "-n", "workspaceblobstore", "-d", "FOLDER"
    ),
    "datastore download --prefix": command(
        "datastore", "download", "-n", "workspaceblobstore", "-d", "FOLDER", "--prefix", "logs/",
        "--overwrite",
    ),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_no_name_leads_out_of_the_folder(hostile: Hostile, folder: Path, call: str) -> None:
    for name in HOSTILE:
        hostile.list(*GOOD, name)
        try:
            CALLS[call](hostile, str(folder))
        except AzureMLException as refusal:
            assert 10 < len(refusal.message) < 2000, name  # noqa: PT017
            assert "\n" not in refusal.message.strip(), refusal.message  # noqa: PT017
        hostile.around.check(folder)


OWN_FOLDER = {"Model.get_model_path", "run logs"}
"""Calls that are not given a folder."""


@pytest.mark.parametrize("call", [call for call in CALLS if call not in OWN_FOLDER])
def test_a_folder_that_is_a_file(
    hostile: Hostile, folder: Path, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    hostile.list(*GOOD)
    place = str(folder / "logs" / "file")
    listed = [] if call.endswith("outputs") else GOOD
    try:
        CALLS[call](hostile, place)
    except AzureMLException as refusal:
        assert "\n" not in refusal.message.strip()  # noqa: PT017
        assert place in refusal.message  # noqa: PT017
    else:
        assert [name for name in listed if name not in caplog.text] == []
    hostile.around.check(folder)


FIXED: dict[str, tuple[str, ...]] = {
    "environment download": ("environment", "download", "-n", "mine", "-d", "FOLDER"),
    "environment scaffold": ("environment", "scaffold", "-n", "mine", "-d", "FOLDER"),
}
"""Calls that write files whose names amlflow chooses."""


@pytest.mark.parametrize("call", [*FIXED, "Environment.save_to_directory"])
def test_links_with_the_names_that_are_written(hostile: Hostile, folder: Path, call: str) -> None:
    """They are replaced, and what they lead to stays."""
    environment = Environment("mine")
    environment.docker.base_image, environment.docker.base_dockerfile = None, "FROM python"
    environment.register(hostile.workspace)
    place, names = folder / "logs" / "folder", (DEFINITION, DOCKERFILE, PACKAGES)
    for name in names:
        (place / name).symlink_to(hostile.around.elsewhere / ("kept" if "." in name else "new"))
    if call in FIXED:
        command(*FIXED[call], "--overwrite")(hostile, str(place))
    else:
        environment.save_to_directory(str(place), overwrite=True)
    assert hostile.around.outside() == hostile.around.before
    assert not [name for name in names if (place / name).is_symlink()]
    assert json.loads((place / DEFINITION).read_text())["name"] == "mine"


def test_a_link_where_the_result_is_written_too(hostile: Hostile, folder: Path) -> None:
    """The user names this file, so a link is followed or replaced; it is written whole."""
    for name in ("logs/folder", "logs/file/x", "logs/loop/x", "x" * 300):
        with pytest.raises(AzureMLException):
            command("run", "show", "-r", "RUN", "-t", str(folder / name))(hostile, "")
    hostile.around.check(folder)


# --- that none is forgotten ---------------------------------------------------------------------

FETCHES = {"get_file", "get_snapshot", "get_model_files", "fetch", "fetch_file", "fetch_listed"}
"""What writes a file of a tracker or a datastore to a local path."""
OWNER = re.compile(r"^(adapter/amlflow|plugins)/")
LEFT_OUT = re.compile(r"/(testing|layers|spec|skeleton|amlflow_trackio|amlflow_mlflow|relay)/")
"""What implements such a method for the facade, which is what the calls above are made with."""
THROUGH = {
    "core/runs/files.py download_file": ["download_file into a folder"],
    "core/runs/files.py download_files": ["download_files", "download_files of a prefix"],
    "core/runs/files.py restore_snapshot": ["restore_snapshot"],
    "core/runs/files.py fetch_listed": ["download_files", "run download"],
    "core/runs/files.py fetch_file": ["download_file into a folder"],
    "core/runs/details.py get_all_logs": ["get_all_logs", "run download-logs"],
    "core/models/local_copies.py download": ["Model.download", "Model.get_model_path"],
    "cli/run_files.py download": ["run download", "run download --only outputs"],
    "data/download.py download_prefix": ["Datastore.download", "datastore download"],
    "data/download.py download_files": ["FileDataset.download", "dataset download"],
    "data/materialize.py link_files": ["FileDataset.mount"],
    "data/storage.py fetch": ["FileDataset.download", "Datastore.download"],
}
"""Each function that writes such files where the user says, and the calls above that reach it."""
TEMPORARY = "to a temporary folder, under a fixed name"
ELSEWHERE = {
    "cli/tensorboard.py _fetch_events": "as `run download`, by fetch_listed",
    "core/environments/private_wheels.py _to_local": "to the path of ensure_copy",
    "core/environments/private_wheels.py fetch": "to the path of ensure_copy",
    "core/environments/registry.py definition": TEMPORARY,
    "core/runs/environment_used.py _read_file": TEMPORARY,
    "core/runs/files.py read_text_of": TEMPORARY,
    "core/runs/metrics.py _content": TEMPORARY,
    "core/runs/snapshot_files.py open_snapshot": TEMPORARY,
    "core/scripts/script_run.py pack_source": "to the job's folder, under a fixed name",
    "data/materialize.py copy_files": "below a job's folder, by LocalPaths as link_files",
    "data/registry.py _text_of": TEMPORARY,
    "data/storage.py _copy_from_web": "to a temporary file without a name",
    "data/tracker_filesystem.py _open": TEMPORARY,
    "data/tracker_filesystem.py get_file": "to the path that fetch() is given",
    "environments/wheels.py ensure_copy": "to the user's folder of wheels, by a hash and a name "
    "that is checked (test_private_wheels.py)",
    "jobs/agent/attempts.py keep_earlier_log": "to the job's folder, under a fixed name",
    "jobs/agent/attempts.py restore_outputs": "below a job's folder, by LocalPaths",
    "jobs/agent/node_job.py make_working_folder": "to the job's folder, under a fixed name",
    "jobs/log_reader.py _fetch": TEMPORARY,
}
"""Each other function that writes such files, and where."""


def writers() -> set[str]:
    """The functions that write files of a tracker or a datastore, each with its module."""
    found = set()
    for path in python_files():
        module = name_of(path)
        if not OWNER.search(module) or LEFT_OUT.search(f"/{module}"):
            continue
        if not any(f"{name}(" in text_of(path) for name in FETCHES):
            continue
        for node in nodes_of(path):
            if not isinstance(node, ast.FunctionDef):
                continue
            for call in ast.walk(node):
                called = call.func if isinstance(call, ast.Call) else None
                name = getattr(called, "attr", None) or getattr(called, "id", None)
                if name in FETCHES:
                    found.add(f"{OWNER.sub('', module)} {node.name}")
    return found


@pytest.mark.xdist_group("sources")  # one process parses all files
def test_each_function_that_writes_such_files_is_named() -> None:
    assert sorted(writers()) == sorted({*THROUGH, *ELSEWHERE})
    assert {call for calls in THROUGH.values() for call in calls} <= set(CALLS)


WRITTEN = {"files_dir", "output_dir", "target_dir", "data_dir", "directory", "local_directory"}
"""Arguments of commands that name a folder for files of a tracker."""
FOLDERS_OF_OTHERS = {
    "environment register": "reads the folder",
    "run monitor-tensorboard": "as `run download`, by fetch_listed; it needs TensorBoard",
}
OTHER_PATHS = {
    "output_metadata_file", "path", "source_directory", "conda_dependencies", "model_path",
    "asset_path", "src_path", "target_path", "data_path", "prefix", "any_directory", "address",
    "run_configuration_name", "overwrite", "overwrite_files", "overwrite_folder", "experiment_name",
    "datastore_name", "data_format", "all_experiments", "query",
}  # fmt: skip
"""Arguments that name a file that is read, a place elsewhere, or the copy of a result."""


def test_each_argument_for_a_folder_is_tried() -> None:
    """A new argument must be listed here, and a command that has it must be among the calls."""
    about_files = {
        name
        for name, argument in ARGUMENTS.items()
        if re.search(r"(?i)folder|file|path|director", f"{name} {argument.get('help')}")
    }
    assert sorted(about_files) == sorted(WRITTEN | OTHER_PATHS)
    tried = {call.partition(" --")[0] for call in (*CALLS, *FIXED)}
    commands = {name for name, command in COMMANDS.items() if WRITTEN & set(command.arguments)}
    assert sorted(commands - set(FOLDERS_OF_OTHERS)) == sorted(commands & tried)
