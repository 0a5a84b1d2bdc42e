"""Data at web addresses: what is read, and the error for an address without data."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from amlflow.data import storage
from azureml.core import Dataset
from azureml.data.dataset_error_handling import DatasetExecutionError, DatasetValidationError


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A web server with one file."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "t.csv").write_text("a,b\n5,x\n6,y\n")
    handler = partial(Quiet, directory=str(tmp_path / "web"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_web_address(folder: Path, address: str) -> None:
    table = Dataset.Tabular.from_delimited_files(f"{address}/t.csv")
    assert table.to_pandas_dataframe()["a"].tolist() == [5, 6]
    files = Dataset.File.from_files([f"{address}/t.csv", f"{address}/t.csv?again=1"])
    assert files.to_path()[0] == "/http/127.0.0.1/t.csv"
    single = Dataset.File.from_files(f"{address}/t.csv")
    assert [Path(path).name for path in single.download("out")] == ["t.csv"]
    assert Path("out/t.csv").read_text().startswith("a,b")


def test_what_the_server_does_not_have(folder: Path, address: str) -> None:
    with pytest.raises(DatasetValidationError, match=r"/no\.csv' failed.*not exist"):
        Dataset.Tabular.from_delimited_files(f"{address}/no.csv?sig=hunter2")


def test_no_server(folder: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(DatasetValidationError, match="no server answers there"):
            Dataset.Tabular.from_delimited_files(f"http://user:hunter2@127.0.0.1:{port}/t.csv")


def test_a_web_server_is_asked_once_whether_a_file_is_there(folder: Path) -> None:
    asked = []

    class Counting(Quiet):
        def send_head(self) -> None:
            asked.append(self.command)
            self.send_error(404)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(DatasetValidationError, match="does not exist"):
        Dataset.Tabular.from_delimited_files(f"http://127.0.0.1:{server.server_port}/t.csv")
    server.shutdown()
    server.server_close()
    assert asked == ["GET"], "each is waited for, if the server is silent"


def test_a_server_that_does_not_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "READ_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        dataset = Dataset.File.from_files(f"http://127.0.0.1:{port}/t.csv", validate=False)
        with pytest.raises(
            DatasetExecutionError, match=r"did not answer in time|no server answers"
        ):
            dataset.download("out")
    assert not list(Path("out").glob("*"))
