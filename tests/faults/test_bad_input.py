"""Bad input and bad surroundings: one clear v1 error each, and nothing half-written."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import mlflow
import pytest
from amlflow import plugins
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run, run_of
from amlflow.core.workspace import Workspace
from amlflow.exceptions import AzureMLException, ServiceException, UserErrorException
from amlflow.per_process import PerProcess

PASSWORD = "s3cret-pass"


@pytest.fixture
def run(store: str) -> Run:
    return Experiment(Workspace.from_config(), "faults").start_logging(snapshot_directory=None)


def everything(run: Run) -> Any:
    """All that MLflow has of a run."""
    stored = mlflow.MlflowClient(run._tracker.uri).get_run(run._record.id)
    return (
        stored.data.to_dictionary(), stored.info.status, stored.info.run_name, run.get_file_names(),
    )  # fmt: skip


def assert_v1_error(error: BaseException) -> AzureMLException:
    """An exception of v1's, with a sentence or a few and no traceback of the backend."""
    assert isinstance(error, AzureMLException)
    assert error.message.strip()
    assert "Traceback" not in error.message
    assert "sqlalche.me" not in error.message
    assert "[SQL:" not in error.message
    assert PASSWORD not in str(error)
    return error


LONG = "k" * 5000
CALLS: list[tuple[str, Callable[[Run], Any], list[str]]] = [
    ("tag key", lambda run: run.tag(LONG, "v"), ["kkkk", "5000"]),
    ("tag key among others", lambda run: run.set_tags({"good": "1", LONG: "v"}), ["5000"]),
    ("tag value", lambda run: run.set_tags({"good": "1", "t": "v" * 8001}), ["'t'", "8001"]),
    ("tag NUL", lambda run: run.set_tags({"good": "1", "t": "a\0b"}), ["'t'"]),
    ("tag surrogate", lambda run: run.set_tags({"good": "1", "t": "\ud800"}), ["'t'"]),
    ("property key", lambda run: run.add_properties({"good": "1", LONG: "v"}), ["kkkk"]),
    ("property", lambda run: run.add_properties({"good": "1", "p": "v" * 6001}), ["'p'", "6001"]),
    ("property NUL", lambda run: run.add_properties({"good": "1", "p": "\0"}), ["'p'"]),
    (
        "too many properties",
        lambda run: run.add_properties({f"p{number}": "" for number in range(101)}),
        ["101"],
    ),
    ("metric name", lambda run: run.log(LONG, 1), ["kkkk", "5000"]),
    ("list name", lambda run: run.log_list(LONG, [1]), ["5000"]),
    ("row name", lambda run: run.log_row(LONG, x="text"), ["5000"]),
    ("text name", lambda run: run.log(LONG, "text"), ["5000"]),
    ("image name", lambda run: run.log_image(LONG, path=__file__), ["5000"]),
    ("name of emoji", lambda run: run.log("🙂" * 100, 1), ["🙂"]),
    ("step", lambda run: run.log("m", 1, step=2**70), ["'m'", str(2**70)]),
    ("display name", lambda run: setattr(run, "display_name", "n" * 5000), ["5000"]),
    ("description", lambda run: setattr(run, "description", "d" * 8001), ["8001"]),
    ("file name", lambda run: run.upload_file("f" * 5000, __file__), ["ffff"]),
    ("empty file name", lambda run: run.upload_file("", __file__), ["''"]),
    ("child id", lambda run: run.child_run(run_id="i" * 257), ["iiii", "257"]),
    ("children", lambda run: run.create_children(tag_key="t", tag_values=["a", "v" * 8001]),
     ["'t'", "8001"]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "named"), [each[1:] for each in CALLS], ids=[c[0] for c in CALLS])
def test_over_a_limit_is_refused_whole(
    run: Run, call: Callable[[Run], Any], named: list[str]
) -> None:
    before = everything(run)
    with pytest.raises(AzureMLException) as error:
        call(run)
    message = assert_v1_error(error.value).message
    for each in named:
        assert each in message
    assert len(message) < 1000
    assert everything(run) == before
    assert list(run.get_children()) == []


def test_at_the_limits_nothing_is_cut_off(run: Run) -> None:
    key = "k" * 200
    run.set_tags({key: "v" * 8000})
    run.add_properties({key: "p" * 6000})
    run.log(key, "t" * 100_000)
    run.display_name = "n" * 250
    run.description = "d" * 8000
    assert run.get_tags() == {key: "v" * 8000}
    assert run.get_properties() == {key: "p" * 6000}
    assert run.get_metrics() == {key: "t" * 100_000}
    assert (run.display_name, run.description) == ("n" * 250, "d" * 8000)


def test_a_refused_start_leaves_no_run(store: str) -> None:
    experiment = Experiment(Workspace.from_config(), "faults")
    for options in (
        {"tags": {"t": "v" * 8001}}, {"properties": {"p": "v" * 6001}}, {"description": "d" * 8001},
        {"tags": ["t"]}, {"properties": {f"p{number}": "" for number in range(101)}},
        {"name": "n" * 5000}, {"properties": {5: "x"}}, {"snapshot_directory": "nowhere"},
    ):  # fmt: skip
        with pytest.raises(AzureMLException) as error:
            experiment.start_logging(**{"snapshot_directory": None, **options})
        assert_v1_error(error.value)
    client = mlflow.MlflowClient(store)
    view = mlflow.entities.ViewType.ALL
    assert client.search_runs([experiment.id], run_view_type=view) == []


def test_awkward_names_that_mlflow_refuses_are_kept(run: Run) -> None:
    for name in ("🙂", "a=b", "it's", '"', "a\nb", "日本", "%", "#", "?", "&", "a\\b"):
        run.log(name, 1)
        run.tag(name, name)
    assert run.get_tags() == {key: key for key in run.get_metrics()}
    assert set(run.get_metrics().values()) == {1}


# addresses


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where somebody listens and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield int(listener.getsockname()[1])


@pytest.fixture
def web_server() -> Iterator[int]:
    """A web server that is not MLflow's."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(404 if self.path.startswith("/api") else 200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        do_GET = do_POST = _answer

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def fails_within_a_minute(uri: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    workspace = Workspace.from_config()
    start = time.monotonic()
    with pytest.raises(AzureMLException) as error:
        Experiment(workspace, "faults")
    assert time.monotonic() - start < 60
    return assert_v1_error(error.value).message


@pytest.mark.parametrize("scheme", ["http", "postgresql", "postgresql+psycopg2"])
def test_a_closed_port(folder: Path, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    place = f"127.0.0.1:{unused_port()}"
    message = fails_within_a_minute(f"{scheme}://user:{PASSWORD}@{place}/db", monkeypatch)
    assert f"{scheme}://{place}/db" in message
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_a_port_that_never_answers(
    folder: Path, monkeypatch: pytest.MonkeyPatch, silent_port: int, scheme: str
) -> None:
    for setting in ("opening.PROBE_TIMEOUT_S", "rest.connection.PROBE_S"):
        monkeypatch.setattr(f"amlflow_mlflow.{setting}", 1)
    uri = f"{scheme}://user:{PASSWORD}@127.0.0.1:{silent_port}/db"
    message = fails_within_a_minute(uri, monkeypatch)
    assert f"{scheme}://127.0.0.1:{silent_port}/db" in message


def test_a_server_that_is_no_mlflow(
    folder: Path, monkeypatch: pytest.MonkeyPatch, web_server: int
) -> None:
    message = fails_within_a_minute(f"http://127.0.0.1:{web_server}", monkeypatch)
    assert f"http://127.0.0.1:{web_server}" in message
    assert "MLflow" in message


def test_a_name_that_nobody_has(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = fails_within_a_minute("http://no-such-host.invalid:5000", monkeypatch)
    assert "http://no-such-host.invalid:5000" in message


def test_a_database_that_cannot_be(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").write_text("text")
    for uri in (f"sqlite:///{folder}/file", f"sqlite:///{folder}/file/x.db",
                f"sqlite:///{folder}/no/such/folder/x.db"):  # fmt: skip
        message = fails_within_a_minute(uri, monkeypatch)
        assert uri in message
    assert (folder / "file").read_text() == "text"


def test_a_locked_database(run: Run, store: str) -> None:
    before = everything(run)
    other = sqlite3.connect(store.removeprefix("sqlite:///"))
    # A lock is waited for longer than a test should.
    database = run._tracker.inner._store.db  # type: ignore[attr-defined]
    with database.read() as connection:
        connection.execute("PRAGMA busy_timeout = 50")
    other.execute("BEGIN EXCLUSIVE")
    try:
        start = time.monotonic()
        with pytest.raises(ServiceException) as error:
            run.add_properties({"a": "b"})
        assert time.monotonic() - start < 60
        assert store in assert_v1_error(error.value).message
        assert "lock" in error.value.message
    finally:
        other.rollback()
        other.close()
    assert everything(run) == before
    run.tag("a", "b")
    assert run.get_tags() == {"a": "b"}


# runs that are gone


def test_a_run_that_somebody_deleted_from_the_database(run: Run, store: str) -> None:
    ghost = run_of(run.experiment, run._record.__class__(
        id="0" * 32, experiment_id=run.experiment.id, root_id="0" * 32, status="Running",
        created=run._record.created,
    ))  # fmt: skip
    for call in (
        lambda: ghost.tag("a"),
        lambda: ghost.add_properties({"a": "b"}), ghost.complete, ghost.get_status,
        ghost.get_metrics, ghost.get_file_names, ghost.get_details, ghost.cancel,
        lambda: setattr(ghost, "display_name", "x"), lambda: ghost.upload_file("a", __file__),
    ):  # fmt: skip
        with pytest.raises(ServiceException) as error:
            call()
        assert "0" * 32 in assert_v1_error(error.value).message
        assert error.value.status_code == 404
    for value in (1, "text"):
        ghost.log("m", value)
        with pytest.raises(AzureMLException) as refused:
            ghost.flush()
        assert "0" * 32 in assert_v1_error(refused.value).message


def test_a_deleted_run(run: Run, store: str) -> None:
    mlflow.MlflowClient(store).delete_run(run.id)
    run.log("m", 1)
    with pytest.raises(AzureMLException) as error:
        run.flush()
    assert run.id in assert_v1_error(error.value).message


def test_an_artifact_store_that_takes_nothing(run: Run, folder: Path, store: str) -> None:
    place = Path(
        mlflow.MlflowClient(store).get_run(run.id).info.artifact_uri.removeprefix("file://")
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("a file where the folder should be")
    (folder / "source").write_text("text")
    with pytest.raises(AzureMLException) as error:
        run.upload_file("outputs/a", str(folder / "source"))
    assert "'outputs/a'" in assert_v1_error(error.value).message


# plugins


def found(monkeypatch: pytest.MonkeyPatch, *entry_points: EntryPoint) -> plugins.Plugins:
    made = plugins.Plugins(list(entry_points))
    monkeypatch.setattr(plugins, "load_plugins", lambda: made)
    return made


MLFLOW = EntryPoint("mlflow", "amlflow_mlflow", plugins.GROUP)


def test_a_uri_that_no_plugin_takes(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"gopher://user:{PASSWORD}@example.com")
    with pytest.raises(UserErrorException) as error:
        Experiment(Workspace.from_config(), "faults")
    message = assert_v1_error(error.value).message
    assert "'gopher://example.com'" in message
    assert "plugins found: " in message
    assert "mlflow" in message
    assert "pip install" in message
    assert list(folder.iterdir()) == []


def test_a_plugin_that_fails_to_load_is_named_and_the_others_work(
    monkeypatch: pytest.MonkeyPatch, folder: Path, sqlite_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "raises_at_import.py").write_text("raise RuntimeError('the cause')")
    (folder / "of_tomorrow.py").write_text("amlflow_spec = 99")
    monkeypatch.syspath_prepend(str(folder))
    made = found(
        monkeypatch,
        EntryPoint("absent", "no_such_module", plugins.GROUP),
        EntryPoint("raises", "raises_at_import", plugins.GROUP),
        EntryPoint("tomorrow", "of_tomorrow", plugins.GROUP),
        MLFLOW,
    )
    assert made.names == ["mlflow"]
    assert set(made.failures) == {"absent", "raises", "tomorrow"}
    logged = caplog.text
    for named in ("no_such_module", "the cause", "99"):
        assert named in logged
    monkeypatch.setattr(plugins, "_trackers", PerProcess())
    assert plugins.open_tracker(sqlite_uri).uri == sqlite_uri
    with pytest.raises(UserErrorException, match=r"raises does not load.*the cause"):
        plugins.open_tracker("gopher://x")


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("import sys\n\nsys.exit('it leaves')", "it leaves"),
        ("amlflow_spec = 1\nfeatures = 5", "features"),
        ("amlflow_spec = '1'", "'1'"),
        ("features = set()", "add `amlflow_spec = 1`"),
    ],
)
def test_a_module_that_is_no_plugin_is_named(
    monkeypatch: pytest.MonkeyPatch, folder: Path, source: str, named: str
) -> None:
    module = f"odd_{abs(hash(source))}"
    (folder / f"{module}.py").write_text(source)
    monkeypatch.syspath_prepend(str(folder))
    made = found(monkeypatch, EntryPoint("odd", module, plugins.GROUP), MLFLOW)
    assert made.names == ["mlflow"]
    assert named in made.failures["odd"]


def test_two_plugins_of_one_name(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "of_another.py").write_text("amlflow_spec = 1")
    monkeypatch.syspath_prepend(str(folder))
    both = [MLFLOW, EntryPoint("mlflow", "of_another", plugins.GROUP)]
    made = found(monkeypatch, *both)
    assert made.names == ["mlflow"]
    assert "another distribution" in made.failures["mlflow"]
    monkeypatch.setattr(plugins, "entry_points_of", lambda group: both)
    assert [bool(each["error"]) for each in plugins.describe_plugins()] == [False, True]


def test_no_plugin_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch)
    with pytest.raises(UserErrorException, match="plugins found: none"):
        plugins.open_tracker("sqlite:///x.db")


def test_a_plugin_whose_hook_fails(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "hook_fails.py").write_text(
        "from amlflow.spec import hookimpl\n\namlflow_spec = 1\n\n\n"
        "@hookimpl\ndef amlflow_tracker(uri):\n    raise KeyError('its own bug')\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    found(monkeypatch, EntryPoint("buggy", "hook_fails", plugins.GROUP))
    with pytest.raises(AzureMLException) as error:
        plugins.open_tracker("gopher://x")
    message = assert_v1_error(error.value).message
    assert "buggy" in message
    assert "its own bug" in message


@pytest.mark.parametrize(
    ("hook", "opened"),
    [
        ("amlflow_run_keeper(uri)", lambda: plugins.open_keeper("gopher://x")),
        ("amlflow_compute(kind, settings)", lambda: plugins.open_compute("odd", {})),
    ],
)
def test_a_plugin_whose_other_hooks_fail(
    monkeypatch: pytest.MonkeyPatch, folder: Path, hook: str, opened: Any
) -> None:
    name = f"fails_{hook.partition('(')[0]}"
    (folder / f"{name}.py").write_text(
        "from amlflow.spec import hookimpl\n\namlflow_spec = 1\n\n\n"
        f"@hookimpl\ndef {hook}:\n    raise KeyError('its own bug')\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    found(monkeypatch, EntryPoint("buggy", name, plugins.GROUP))
    with pytest.raises(AzureMLException, match=r"buggy.*its own bug"):
        opened()


def test_a_working_folder_that_is_gone(
    store: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = Experiment(Workspace.from_config(), "faults")
    run = experiment.start_logging(snapshot_directory=None)
    os.chdir(folder.parent)
    shutil.rmtree(folder)
    run.complete()
    assert run.get_status() == "Completed"
