"""Datastores in clouds, on emulators of this machine: Amazon's storage, Azurite and Google's.

Amazon's storage is tried in every run. The other emulators and fsspec's clients for them are not
installed with the tests' packages, so these tests run only if you name them:

    npm install --prefix /tmp/azurite azurite
    pip install -e '.[azure,gcs]' gcp-storage-emulator
    PATH="/tmp/azurite/node_modules/.bin:$PATH" pytest -m long tests/integration/test_clouds.py
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from amlflow.core.workspace import Workspace
from amlflow.data import contact
from amlflow.exceptions import UserErrorException
from azureml.core import Dataset
from azureml.data.dataset_error_handling import DatasetExecutionError, DatasetValidationError
from helpers.servers import end_group, free_port, wait_for
from helpers.tools import lack

ACCOUNT, KEY = "account1", base64.b64encode(b"k" * 64).decode()
WRONG = base64.b64encode(b"hunter2!" * 8).decode()


@dataclass(frozen=True)
class Cloud:
    """An emulator that runs: where its files are, and what its client reads to find it."""

    address: str
    right: dict[str, str]
    wrong: dict[str, str]
    """Credentials that are refused; empty for an emulator that takes any."""
    away: dict[str, str]
    """The address of nobody."""
    secrets: tuple[str, ...] = ()
    """Which of the right ones are credentials."""


def need_package(name: str, extra: str) -> None:
    if importlib.util.find_spec(name) is None:
        lack(f"{name} (pip install {extra})")


def start(command: list[str], port: int, folder: Path, **variables: str) -> Any:
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, **variables}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(answers, process, 60)
    return process


def azure_connection(port: int, key: str) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};"
        f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
    )


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    need_package("adlfs", "'amlflow[azure]'")
    program = shutil.which("azurite-blob")
    if program is None:
        lack("azurite-blob (npm install azurite)")
    folder, port = tmp_path_factory.mktemp("azurite"), free_port()
    command = [program, "--blobPort", str(port), "--skipApiVersionCheck", "--location", "."]
    process = start(command, port, folder, AZURITE_ACCOUNTS=f"{ACCOUNT}:{KEY}")
    connection = azure_connection(port, KEY)
    make = (
        "import sys\nfrom azure.storage.blob import BlobServiceClient as C\n"
        "C.from_connection_string(sys.argv[1]).create_container('box')"
    )
    subprocess.run([sys.executable, "-c", make, connection], check=True)
    name = "AZURE_STORAGE_CONNECTION_STRING"
    yield Cloud(
        "://box/folder",
        {name: connection},
        {name: azure_connection(port, WRONG)},
        {name: azure_connection(free_port(), KEY)},
        (name,),
    )
    end_group(process)


@pytest.fixture(scope="session")
def gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    need_package("gcsfs", "'amlflow[gcs]'")
    program = shutil.which("gcp-storage-emulator")
    if program is None:
        lack("gcp-storage-emulator (pip install gcp-storage-emulator)")
    folder, port = tmp_path_factory.mktemp("gcs"), free_port()
    command = [program, "start", "--host", "127.0.0.1", "--port", str(port), "--in-memory"]
    process = start(command, port, folder)
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/storage/v1/b?project=p", json.dumps({"name": "box"}).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    urllib.request.urlopen(request).close()
    name = "STORAGE_EMULATOR_HOST"
    yield Cloud(
        "gs://box/folder",
        {name: f"http://127.0.0.1:{port}"},
        {},
        {name: f"http://127.0.0.1:{free_port()}"},
    )
    process.send_signal(signal.SIGINT)
    process.wait(30)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    import boto3
    from moto import settings
    from moto.core.authorization import ActionAuthenticatorMixin
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    session = boto3.Session("first", "first", region_name="us-east-1")
    session.client("s3", endpoint_url=address).create_bucket(Bucket="box")
    users = session.client("iam", endpoint_url=address)
    users.create_user(UserName="u")
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    users.put_user_policy(UserName="u", PolicyName="all", PolicyDocument=policy)
    key = users.create_access_key(UserName="u")["AccessKey"]
    right = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address,
    }
    usual = settings.INITIAL_NO_AUTH_ACTION_COUNT
    settings.INITIAL_NO_AUTH_ACTION_COUNT = ActionAuthenticatorMixin.request_count  # from now on
    yield Cloud(
        "s3://box/folder",
        right,
        {**right, "AWS_SECRET_ACCESS_KEY": WRONG},
        {**right, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"},
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    )
    settings.INITIAL_NO_AUTH_ACTION_COUNT = usual
    server.stop()


INSTALLED_BY_HAND = [pytest.param(name, marks=pytest.mark.long) for name in ("abfs", "az", "gcs")]


@pytest.fixture(params=[*INSTALLED_BY_HAND, "s3"])
def cloud(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud that no client of this process knows yet; its address is declared as "cloud"."""
    is_azure = request.param in ("abfs", "az")
    cloud: Cloud = request.getfixturevalue("azurite" if is_azure else request.param)
    address = f"{request.param}{cloud.address}" if is_azure else cloud.address
    Path(".azureml").mkdir(exist_ok=True)
    Path(".azureml/datastores.yaml").write_text(f"cloud: {address}-{time.time_ns()}\n")
    use(cloud.right, monkeypatch)
    yield cloud
    forget_clients()


def use(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("AZURE_STORAGE", "AWS_", "GOOGLE_")):
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(contact, "_answered", set())
    forget_clients()


def forget_clients() -> None:
    """What they have read of the environment, they keep."""
    for name in ("adlfs", "gcsfs", "s3fs"):
        if name in sys.modules:
            for kind in ("AzureBlobFileSystem", "GCSFileSystem", "S3FileSystem"):
                if hasattr(sys.modules[name], kind):
                    getattr(sys.modules[name], kind).clear_instance_cache()


def test_files_and_rows(workspace: Workspace, folder: Path, cloud: Cloud) -> None:
    datastore = workspace.datastores["cloud"]
    Path("src/sub dir").mkdir(parents=True)
    Path("src/a.csv").write_text("n,day\n1,2020-01-31\n2,2020-02-01\n")
    Path("src/sub dir/é b.csv").write_text("n,day\n3,2020-02-02\n")
    with open("src/large.bin", "wb") as file:
        file.truncate(9 << 20)
    datastore.upload("src", "to", show_progress=False)
    Path("src/a.csv").write_text("n,day\n7,2020-01-31\n")
    datastore.upload_files(["src/a.csv"], target_path="to", show_progress=False)

    table = Dataset.Tabular.from_delimited_files((datastore, "to/**/*.csv"))
    frame = table.register(workspace, "days").to_pandas_dataframe()
    assert frame["n"].tolist() == [1, 2, 3], "what is there is not replaced"
    assert str(frame["day"].dtype).startswith("datetime64")
    datastore.upload_files(["src/a.csv"], target_path="to", overwrite=True, show_progress=False)
    assert Dataset.get_by_name(workspace, "days").to_pandas_dataframe()["n"].tolist() == [7, 3]

    files = Dataset.File.from_files((datastore, "to"))
    assert sorted(files.to_path()) == ["/a.csv", "/large.bin", "/sub dir/é b.csv"]
    assert len(files.download("down")) == 3
    assert os.path.getsize("down/large.bin") == 9 << 20
    with files.mount() as mounted:
        assert Path(mounted.mount_point, "sub dir/é b.csv").read_text() == "n,day\n3,2020-02-02\n"
    assert datastore.download("part", prefix="to/sub", show_progress=False) == 1

    stored = Dataset.Tabular.register_pandas_dataframe(
        pd.DataFrame({"x": [1.5, None]}), datastore, "frame", show_progress=False
    )
    assert stored.take(1).to_pandas_dataframe()["x"].tolist() == [1.5]
    with pytest.raises(DatasetValidationError, match=r"'cloud/to/none\.csv' has no file"):
        Dataset.Tabular.from_delimited_files((datastore, "to/none.csv"))
    assert_nothing_keeps(cloud)


def assert_nothing_keeps(cloud: Cloud) -> None:
    """The credentials are in the environment only: not in the project's files or the tracker."""
    kept = b"".join(path.read_bytes() for path in Path.cwd().parent.rglob("*") if path.is_file())
    assert b"cloud: " in kept
    for name in cloud.secrets:
        assert cloud.right[name].encode() not in kept, name


def test_wrong_credentials(
    workspace: Workspace, folder: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not cloud.wrong:
        pytest.skip("the emulator takes any credentials")
    use(cloud.wrong, monkeypatch)
    datastore = workspace.datastores["cloud"]
    Path("a.csv").write_text("n\n1\n")
    begin = time.monotonic()
    for call in (
        lambda: datastore.upload_files(["a.csv"], show_progress=False),
        lambda: Dataset.File.from_files((datastore, "a.csv")),
        lambda: datastore.download("down", show_progress=False),
    ):
        with pytest.raises(UserErrorException, match=r"Check the credentials") as raised:
            call()
        assert WRONG not in str(raised.value)
        assert "hunter2" not in str(raised.value)
    assert time.monotonic() - begin < 3 * contact.ANSWER_S


def test_nobody_answers(
    workspace: Workspace, folder: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact, "ANSWER_S", 3.0)
    use(cloud.away, monkeypatch)
    begin = time.monotonic()
    with pytest.raises((DatasetExecutionError, DatasetValidationError), match="failed"):
        Dataset.File.from_files((workspace.datastores["cloud"], "a.csv"))
    assert time.monotonic() - begin < 10
