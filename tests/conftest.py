"""Fixtures for all tests: an empty folder to work in, and tracking stores of each kind."""

from __future__ import annotations

import gc
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from amlflow.testing.plugin import skips, unclaimed_feature

pytest.register_assert_rewrite("helpers")

from helpers import (  # noqa: E402
    docker_daemon,
    old_servers,
    servers,
    slurm_daemons,
    slurm_jobs,
    submitted_jobs,
    tools,
    wheels,
)

pytest_plugins = ["amlflow.testing.plugin"]

SHARED = "AMLFLOW_TESTS_SHARED"
WHOLE_FILES = ("tests/unit/", "tests/integration/data/")
"""Where one worker runs all tests of a file."""
MAX_ID = 100
"""How many characters of a parameter a test's name has."""

MARKERS = {
    "mlflow_server": {
        "server_uri",
        "postgres_server_uri",
        "best_server_uri",
        "own_server",
        "studio",
    },
    "postgres": {"postgres_uri", "postgres_server_uri", "studio"},
    "docker": {"docker_host", "stack"},
    "browser": {"chrome"},
    "slurm": {"slurm", "own_slurm"},
    "slow": {
        "jobs",
        "slurm",
        "own_slurm",
        "wheel",
        "stack",
        "chrome",
        "clone",
        "installed",
        "old_server_uri",
    },
}
"""The fixtures that give a test each marker; pyproject.toml says what the markers mean."""

for name in [name for name in os.environ if name.startswith(("MLFLOW_", "AZUREML_"))]:
    del os.environ[name]
os.environ.update(servers.QUIET)
# Each process that a test starts would otherwise compile all of MLflow for itself, which takes
# longer than what most of them do.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_configure(config: pytest.Config) -> None:
    # The workers inherit the variable, so all of a session find the same services.
    if SHARED not in os.environ:
        os.environ[SHARED] = str(servers.shared_folder())


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by the fixtures that it uses. By hand, only long ones are marked."""
    if "long" not in config.option.markexpr:
        long = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if callspec := getattr(item, "callspec", None):
            # Of a fixture such as `any_store`, the parameter says which store it is.
            names = (value for value in callspec.params.values() if isinstance(value, str))
            fixtures |= {f"{name}_uri" for name in names}
        for marker, needed in MARKERS.items():
            if fixtures & needed:
                item.add_marker(marker)
        if "chrome" in fixtures:  # one browser, however many workers there are
            item.add_marker(pytest.mark.xdist_group("browser"))
        if fixtures & MARKERS["slurm"]:  # one queue, in which each job sees those before it
            item.add_marker(pytest.mark.xdist_group("slurm"))
        if "old_server_uri" in fixtures:  # one worker has each server, which has one process
            version = item.callspec.params["old_server_uri"]
            item.add_marker(pytest.mark.xdist_group(f"server-{version}"))
        if "others" in fixtures:  # and one set of processes that use the same tracker
            item.add_marker(pytest.mark.xdist_group("processes"))


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """A long value is cut in the name of its test, which xdist sends to and fro.

    pytest numbers the names that are the same then.
    """
    if not isinstance(val, str | bytes) or len(val) <= MAX_ID:
        return None
    return f"{argname}: {val[:MAX_ID]!a} and {len(val) - MAX_ID} more"


def pytest_collection_finish() -> None:
    """What is there until the end, such as modules and tests, is not looked through for garbage."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist=loadgroup`, one worker runs all tests of a file of tests/unit, and of data.

    Thousands of tests take milliseconds each, and handing them out one by one takes as long.
    Besides, only this worker imports what the file needs, such as pandas.
    """
    if config.option.dist != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling  # here: without xdist, nothing calls the hook

    class Scheduling(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            scope: str = super()._split_scope(nodeid)
            return scope.partition("::")[0] if scope.startswith(WHOLE_FILES) else scope

    return Scheduling(config, log)


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> Generator[None, int, int]:
    """``-n auto``: one more than there are processors, since many tests wait for a process."""
    count = yield
    return count + ("PYTEST_XDIST_AUTO_NUM_WORKERS" not in os.environ)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and SHARED in os.environ:
        servers.Shared(Path(os.environ.pop(SHARED))).stop()


def failing_skips(terminalreporter: pytest.TerminalReporter) -> int:
    """In CI a skip is a failure, but for want of a feature that a tracker does not claim."""
    return (
        sum(not unclaimed_feature(each) for each in skips(terminalreporter))
        if "CI" in os.environ
        else 0
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if missing := tools.missing(skips(terminalreporter)):
        terminalreporter.section("tests skipped for want of a tool")
        for what, count in sorted(missing.items()):
            terminalreporter.write_line(f"{count:4} × {what}")
    if count := failing_skips(terminalreporter):
        terminalreporter.write_line(f"{count} skipped: in CI that is a failure.", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and failing_skips(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def shared() -> servers.Shared:
    return servers.Shared(Path(os.environ[SHARED]))


@pytest.fixture(scope="session")
def folder_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which each test gets folders of its own."""
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="session")
def _settings_folders(folder_of_tests: Path) -> Iterator[Path]:
    """A new folder for each test. `mktemp` looks through all that there are, which adds up."""
    return (folder_of_tests / "settings" / str(number) for number in itertools.count())


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return itertools.count()


@pytest.fixture
def tmp_path(
    request: pytest.FixtureRequest, folder_of_tests: Path, _numbers: Iterator[int]
) -> Path:
    """A new folder. pytest's own looks through all that there are, and links to the last one."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    path = folder_of_tests / f"{name}{next(_numbers)}"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture(autouse=True)
def _own_settings(_settings_folders: Iterator[Path], monkeypatch: pytest.MonkeyPatch):
    """Nothing of the user's own settings, and none of the session's is changed."""
    folder = next(_settings_folders)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield
    # MLflow keeps the URI in a global, too: its server's handlers set it when they open a store,
    # and `mlflow.start_run` of a later test would go there.
    if mlflow := sys.modules.get("mlflow.tracking._tracking_service.utils"):
        mlflow._tracking_uri = None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture(scope="session")
def empty_database(shared: servers.Shared) -> Path:
    """An MLflow database without runs, to copy: making its tables takes seconds."""

    def make(place: Path) -> tuple[str, subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "mlflow", "db", "upgrade", "sqlite:///mlflow.db"]
        process = subprocess.Popen(
            command, cwd=place, env=servers.clean_environment(), stderr=subprocess.DEVNULL
        )
        assert process.wait() == 0
        return str(place / "mlflow.db"), process

    return Path(shared.get("empty", make))


@pytest.fixture
def sqlite_uri(tmp_path: Path, empty_database: Path) -> str:
    """A database file of the test's own."""
    path = tmp_path / "mlflow.db"
    shutil.copyfile(empty_database, path)
    return f"sqlite:///{path}"


@pytest.fixture
def project(folder: Path, empty_database: Path) -> Path:
    """A working folder with the embedded default: making its tables takes seconds."""
    shutil.copyfile(empty_database, folder / "mlflow.db")
    return folder


@pytest.fixture(scope="session")
def wheel(shared: servers.Shared) -> Path:
    """amlflow's wheel."""

    def build(place: Path) -> tuple[str, None]:
        project, names = wheels.PROJECT, wheels.SOURCES
        return str(wheels.build_wheel(project, place / "build", names)), None

    return Path(shared.get("wheel", build))


@pytest.fixture(scope="session")
def server_uri(shared: servers.Shared) -> str:
    """An MLflow server on sqlite, shared by all tests."""
    return shared.get(
        "server",
        lambda place: servers.start_mlflow(
            f"sqlite:///{place}/mlflow.db", place, options=servers.NO_ACCESS_LOG
        ),
    )


@pytest.fixture(scope="session", params=old_servers.VERSIONS)
def old_server_uri(request: pytest.FixtureRequest, shared: servers.Shared) -> str:
    """A server of an older MLflow on sqlite, shared by all tests."""
    version: str = request.param
    packages = shared.get("server-packages", old_servers.make_packages)
    name = f"server-{version}"
    return shared.get(name, lambda place: old_servers.start(version, place, packages))


@pytest.fixture(scope="session")
def postgres_uri(shared: servers.Shared) -> str:
    """A PostgreSQL server's database `direct`, shared by all tests."""
    return shared.get("postgres", servers.start_postgres) + "direct"


@pytest.fixture(scope="session")
def postgres_server_uri(shared: servers.Shared) -> str:
    """An MLflow server on PostgreSQL's database `served`, shared by all tests."""
    backend = shared.get("postgres", servers.start_postgres) + "served"
    return shared.get(
        "postgres-server",
        lambda place: servers.start_mlflow(backend, place, options=servers.NO_ACCESS_LOG),
    )


@pytest.fixture(scope="session")
def best_server_uri(request: pytest.FixtureRequest) -> str:
    """An MLflow server on PostgreSQL if that is on this machine, else on sqlite."""
    database = "server_uri" if tools.find("postgres") is None else "postgres_server_uri"
    uri: str = request.getfixturevalue(database)
    return uri


@pytest.fixture(scope="session")
def empty_trackio(shared: servers.Shared) -> Path:
    """A trackio folder without runs, to copy: having trackio make a project takes seconds."""

    def make(place: Path) -> tuple[str, subprocess.Popen[bytes]]:
        code = "import sys; from amlflow_trackio.projects import make_empty as m; m(sys.argv[1])"
        process = subprocess.Popen([sys.executable, "-c", code, str(place)])
        assert process.wait() == 0
        return str(place), process

    return Path(shared.get("trackio", make))


@pytest.fixture
def trackio_uri(tmp_path: Path, empty_trackio: Path) -> str:
    """A trackio folder of the test's own."""
    shutil.copytree(empty_trackio, tmp_path / "trackio")
    return f"trackio://{tmp_path}/trackio"


STORES = ("sqlite", "server", "postgres_server")


@pytest.fixture(params=STORES)
def any_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each kind of tracking store in turn, set as MLFLOW_TRACKING_URI. Names may be taken there."""
    uri: str = request.getfixturevalue(f"{request.param}_uri")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return uri


@pytest.fixture
def store(folder: Path, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test's own database, set as MLFLOW_TRACKING_URI, with an empty folder to work in."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri)
    return sqlite_uri


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Own folders for jobs and environments; what a test leaves running is ended after it."""
    base = tmp_path / "state" / "jobs"
    monkeypatch.setenv("AMLFLOW_JOBS", str(base))
    monkeypatch.setenv("AMLFLOW_ENVIRONMENTS", str(tmp_path / "state" / "environments"))
    yield base
    submitted_jobs.end_all(base)


@pytest.fixture
def docker_host(shared: servers.Shared, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Docker daemon of the tests' own, set as DOCKER_HOST."""
    address = shared.get("docker", docker_daemon.start)
    monkeypatch.setenv("DOCKER_HOST", address)
    return address


@pytest.fixture
def slurm(shared: servers.Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Slurm of the tests' own, set as SLURM_CONF; its answers are kept for this test alone."""
    conf = shared.get("slurm", slurm_daemons.start)
    monkeypatch.setenv("SLURM_CONF", conf)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return conf


@pytest.fixture
def slurm_experiment(
    folder: Path, jobs: Path, server_uri: str, slurm: str, monkeypatch: pytest.MonkeyPatch
):
    """An experiment to submit to, on a server that Slurm's nodes reach."""
    (folder / ".azureml").mkdir()
    (folder / ".azureml" / "compute.yaml").write_text(slurm_jobs.TARGETS)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server_uri)
    monkeypatch.setattr("amlflow_slurm.kept.MIN_AGE_S", 0.5)
    jobs.mkdir(parents=True)
    return submitted_jobs.new_experiment()


@pytest.fixture
def docker_image(docker_host: str) -> str:
    """An image in it with Debian's Python."""
    return docker_daemon.IMAGE
