"""A server with the studio and users on PostgreSQL, and a browser."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blocks import block
from helpers import browser, servers
from helpers.studio import ADMIN, PASSWORD, WRITER, Server, make_users, permit
from helpers.submitted_jobs import new_experiment
from selenium import webdriver


@pytest.fixture(scope="session")
def studio(shared: servers.Shared) -> Server:
    """MLflow's server with the studio and users, on PostgreSQL.

    The writer may change what is in the experiments that :func:`experiment` makes.
    """
    backend = shared.get("postgres", servers.start_postgres) + "studio"

    def start(folder: Path) -> Any:
        settings = folder / "auth.ini"
        settings.write_text(
            "[mlflow]\ndefault_permission = READ\n"
            f"database_uri = sqlite:///{folder}/auth.db\nadmin_username = {ADMIN}\n"
            # Otherwise MLflow hashes the password several times for each request.
            "auth_cache_ttl_seconds = 600\n"
        )
        uri, process = servers.start_mlflow(
            backend,
            folder,
            options=tuple(block("studio-server-basic-auth").split()[2:]),
            MLFLOW_AUTH_CONFIG_PATH=str(settings),
            MLFLOW_AUTH_ADMIN_PASSWORD=PASSWORD,
            MLFLOW_FLASK_SERVER_SECRET_KEY=uuid.uuid4().hex,
        )
        make_users(uri)
        return uri, process

    return Server(shared.get("studio", start))


@pytest.fixture
def as_user(studio: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes this process a client of the server as one of its users."""

    def become(user: str) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", studio.uri)
        monkeypatch.setenv("AMLFLOW_JOURNAL", "off")  # what a test logs is there when it looks
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)

    become(ADMIN)
    return become


@pytest.fixture
def experiment(studio: Server, as_user: Callable[[str], None], folder: Path) -> Any:
    """An experiment of the administrator's that the writer may change, with an empty folder."""
    made = new_experiment()
    permit(studio, WRITER, made.id)
    return made


@pytest.fixture
def another(studio: Server, as_user: Callable[[str], None], folder: Path) -> Any:
    """An experiment that everybody but the administrator may only read."""
    return new_experiment()


@pytest.fixture(scope="session")
def chrome() -> Iterator[webdriver.Chrome]:
    driver = browser.start()
    yield driver
    driver.quit()


@pytest.fixture
def page(chrome: webdriver.Chrome, studio: Server) -> Iterator[browser.Page]:
    yield browser.Page(chrome, studio)
    chrome.get("about:blank")  # a page that is left open draws and asks until the tests end
