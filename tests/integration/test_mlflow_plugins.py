"""Tracking URIs of packages that add a store to MLflow as a plugin."""

from __future__ import annotations

from pathlib import Path

import pytest
from amlflow.exceptions import AzureMLException, UserErrorException
from amlflow.plugins import open_tracker
from helpers import servers

STORE = '''
class Hidden:
    """A store on a database of which nobody knows."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        if name == "engine":
            raise AttributeError(name)
        return getattr(self._store, name)


def runs(store_uri, artifact_uri=None):
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path = store_uri.removeprefix("mine://")
    return Hidden(SqlAlchemyStore(f"sqlite:///{path}", f"{path}.files"))


def models(store_uri, tracking_uri=None):
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    return Hidden(SqlAlchemyStore(store_uri.replace("mine:", "sqlite:")))
'''
ENTRIES = """
[mlflow.tracking_store]
mine = my_store:runs
[mlflow.model_registry_store]
mine = my_store:models
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder in which such a package is installed."""
    folder = tmp_path / "packages"
    metadata = folder / "my_store-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-store\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(ENTRIES)
    (folder / "my_store.py").write_text(STORE)
    return folder


def test_a_whole_life_on_the_store_of_another_package(package: Path, tmp_path: Path) -> None:
    servers.live(f"mine:///{tmp_path}/runs.db", folder=tmp_path, PYTHONPATH=str(package))
    assert (tmp_path / "runs.db").exists()


@pytest.mark.parametrize("uri", ["mine:///nowhere", "http+unix://%2Ftmp%2Fmlflow.sock"])
def test_a_scheme_that_no_package_has_is_refused(uri: str) -> None:
    with pytest.raises(UserErrorException, match="No plugin takes the tracking URI"):
        open_tracker(uri)


def test_a_folder_of_files_is_refused_with_the_way_that_mlflow_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    with pytest.raises(AzureMLException, match="mlflow migrate-filestore"):
        open_tracker(f"file://{tmp_path}/mlruns")
    assert not (tmp_path / "mlruns").exists()
