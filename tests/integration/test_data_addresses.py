"""Data at web addresses: what is read, and the error for an address without data."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
from amlflow.data import web
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
    monkeypatch.setattr(web, "READ_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        dataset = Dataset.File.from_files(f"http://127.0.0.1:{port}/t.csv", validate=False)
        with pytest.raises(
            DatasetExecutionError, match=r"did not answer in time|no server answers"
        ):
            dataset.download("out")
    assert not list(Path("out").glob("*"))


class Dripping(Quiet):
    """A server that sends a byte of its answer now and then."""

    pace_s = 0.02
    ended = threading.Event()

    def do_GET(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        has_headers = "content" in self.path
        self.drip(b"Content-Length: 1000000\r\n\r\na,b\n" if has_headers else b"X-Slow: ")

    def drip(self, beginning: bytes) -> None:
        with contextlib.suppress(OSError):
            self.wfile.write(beginning)
            for _ in range(1000):  # 20 seconds, if the reader does wait
                if self.ended.wait(self.pace_s):
                    return
                self.wfile.write(b"1")


@pytest.fixture
def dripping(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A web server whose answers never end. A read may take a second."""
    monkeypatch.setattr(web, "READ_S", 1)
    Dripping.ended.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    Dripping.ended.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("part", ["headers", "content"])
def test_an_answer_that_drips_is_not_waited_for(part: str, folder: Path, dripping: str) -> None:
    """A socket's timeout alone would never end the wait for it."""
    address = f"{dripping}/{part}.csv"
    said = {"headers": "have not ended after 2 s", "content": r"has sent \d+ bytes in \d seconds"}
    file = Dataset.File.from_files(address, validate=False)
    with pytest.raises(DatasetExecutionError, match=f"too slow: .*{said[part]}"):
        file.download("out")
    assert not list(Path("out").glob("*"))


def test_a_server_that_gives_only_whole_files(folder: Path, address: str) -> None:
    """fsspec asks for parts of files that have more than 5 MB. Many servers do not know parts."""
    web = folder.parent / "web"
    (web / "t.csv").write_text("a,b\n" + "5,x\n" * 1_500_000)
    pd.DataFrame({"v": range(800_000)}).to_parquet(web / "t.parquet", compression=None)
    assert min((web / name).stat().st_size for name in ("t.csv", "t.parquet")) > 5 << 20
    table = Dataset.Tabular.from_delimited_files(f"{address}/t.csv")
    assert len(table.to_pandas_dataframe()) == 1_500_000
    parquet = Dataset.Tabular.from_parquet_files(f"{address}/t.parquet")
    assert parquet.to_pandas_dataframe()["v"].sum() == 799_999 * 400_000
