"""Workspace: which one is opened, which tracking store it uses, and its members."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.workspace import Workspace
from amlflow.exceptions import (
    AzureMLException,
    UserErrorException,
    WorkspaceException,
)

NAMES = {"subscription_id": "s-1", "resource_group": "group", "workspace_name": "ws"}


def config(path: Path, **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**NAMES, **more}), encoding="utf-8")
    return path


# where config.json is looked for


@pytest.mark.parametrize(
    "places",
    [
        [".azureml/config.json", "aml_config/config.json", "config.json"],
        ["aml_config/config.json", "config.json", "../.azureml/config.json"],
        ["config.json", "project.json", "../config.json"],
        [".azureml/project.json", "aml_config/config.json"],
        ["../.azureml/config.json", "../aml_config/config.json", "../config.json"],
        ["../config.json", "../../.azureml/config.json"],
    ],
    ids=lambda places: places[0],
)
def test_from_config_takes_the_first_of(folder: Path, places: list[str]) -> None:
    deep = folder / "a" / "b"
    deep.mkdir(parents=True)
    os.chdir(deep)
    for place in places:
        config(deep / place, workspace_name=place)
    assert Workspace.from_config().name == places[0]
    assert Workspace.from_config(path=str(deep)).name == places[0]


def test_from_config_reads_the_file_that_is_given(folder: Path) -> None:
    config(folder / "config.json")
    elsewhere = config(folder / "other" / "mine.json", workspace_name="mine")
    ws = Workspace.from_config(path=str(elsewhere))
    assert (ws.name, ws.subscription_id, ws.resource_group) == ("mine", "s-1", "group")
    assert Workspace.from_config(path=folder / "other", _file_name="mine.json").name == "mine"


def test_from_config_with_a_byte_order_mark(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(NAMES), encoding="utf-8-sig")
    assert Workspace.from_config().name == "ws"


def test_without_config_the_embedded_default_is_opened_and_said_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="amlflow"):
        ws = Workspace.from_config()
        again = Workspace.from_config()
    assert ws.get_mlflow_tracking_uri() == f"sqlite:///{folder}/mlflow.db"
    assert ws == again
    [record] = caplog.records
    assert str(folder) in record.message
    assert "mlflow.db" in record.message


def test_from_config_in_a_submitted_script_is_the_runs_workspace(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AZUREML_RUN_ID", "some-run")
    monkeypatch.setenv("AZUREML_ARM_SUBSCRIPTION", "s-1")
    monkeypatch.setenv("AZUREML_ARM_RESOURCEGROUP", "group")
    monkeypatch.setenv("AZUREML_ARM_WORKSPACE_NAME", "team")
    ws = Workspace.from_config()
    assert (ws.subscription_id, ws.resource_group, ws.name) == ("s-1", "group", "team")
    assert caplog.records == []
    config(folder / ".azureml" / "config.json", workspace_name="at hand")
    assert Workspace.from_config().name == "at hand"


def test_opening_a_workspace_makes_no_file(folder: Path) -> None:
    Workspace.from_config()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{not json", "not JSON"),
        ("[1, 2]", "'subscription_id'"),
        ("{}", "'workspace_name'"),
        (json.dumps({**NAMES, "resource_group": ""}), "'resource_group'"),
        (json.dumps({**NAMES, "tracking_uri": 5}), "'tracking_uri'"),
        (json.dumps({**NAMES, "workspace_name": ["ws"]}), "'workspace_name'"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_broken_config_is_named(folder: Path, content: str | bytes, named: str) -> None:
    path = folder / ".azureml" / "config.json"
    path.parent.mkdir()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserErrorException) as error:
        Workspace.from_config()
    assert str(path) in error.value.message
    assert named in error.value.message


def test_a_path_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(UserErrorException, match=r"'nowhere/config\.json'"):
        Workspace.from_config(path="nowhere/config.json")


# which tracking store


def test_the_tracking_store_is_the_environments_then_the_configs_then_the_folders(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config(folder / ".azureml" / "config.json", tracking_uri="sqlite:///in-config.db")
    os.chdir("/")
    assert (
        Workspace.from_config(path=str(folder)).get_mlflow_tracking_uri()
        == f"sqlite:///{folder}/in-config.db"
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:1")
    assert Workspace.from_config(path=str(folder)).get_mlflow_tracking_uri() == "http://localhost:1"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    config(folder / ".azureml" / "config.json")
    assert (
        Workspace.from_config(path=str(folder)).get_mlflow_tracking_uri()
        == f"sqlite:///{folder}/mlflow.db"
    )


@pytest.mark.parametrize(
    ("given", "absolute"),
    [
        ("sqlite:///runs.db", "sqlite:///{folder}/runs.db"),
        ("sqlite:///sub/runs.db", "sqlite:///{folder}/sub/runs.db"),
        ("sqlite:////srv/runs.db", "sqlite:////srv/runs.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("postgresql://u:p@h/db", "postgresql://u:p@h/db"),
        ("./mlruns", "file://{folder}/mlruns"),
        ("databricks", "databricks"),
    ],
)
def test_the_uri_becomes_absolute_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, given: str, absolute: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    ws = Workspace.from_config()
    os.chdir("/")
    assert ws.get_mlflow_tracking_uri() == absolute.format(folder=folder)


def test_a_scheme_alone_names_what_the_environment_says_at_that_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "trackio://")
    for name in ("first", "second folder"):
        monkeypatch.setenv("TRACKIO_DIR", name)
        expected = f"trackio://{quote(str(folder / name))}"
        assert Workspace.from_config().get_mlflow_tracking_uri() == expected


def test_a_scheme_alone_that_no_plugin_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "gopher://")
    assert Workspace.from_config().get_mlflow_tracking_uri() == "gopher://"


# get, create, list, write_config


def test_write_config_is_found_again(folder: Path) -> None:
    Workspace("s-1", "group", "ws").write_config()
    path = folder / ".azureml" / "config.json"
    assert json.loads(path.read_text()) == NAMES
    assert Workspace.from_config().name == "ws"
    Workspace("s-1", "group", "ws").write_config(path=str(folder / "x"), file_name="y.json")
    assert json.loads((folder / "x" / ".azureml" / "y.json").read_text()) == NAMES


@pytest.mark.parametrize(
    ("path", "file_name", "written"),
    [
        (None, None, ".azureml/config.json"), (".azureml", None, ".azureml/config.json"),
        ("./.azureml/", "mine", ".azureml/mine.json"), ("x", "y.txt", "x/.azureml/y.json"),
        ("x/.azureml", None, "x/.azureml/config.json"),
        ("~/p", None, "home/p/.azureml/config.json"),
        ("old", None, "old/aml_config/config.json"), ("old/aml_config", None,
         "old/aml_config/config.json"),
    ],
)  # fmt: skip
def test_write_config_does_not_double_the_folder(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str | None,
    file_name: str | None,
    written: str,
) -> None:
    monkeypatch.setenv("HOME", str(folder / "home"))
    (folder / "old" / "aml_config").mkdir(parents=True)
    Workspace("s-1", "group", "ws").write_config(path=path, file_name=file_name)
    files = [each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()]
    assert files == [written]
    assert Workspace.from_config(path=folder / written).name == "ws"
    if file_name is None:
        assert Workspace.from_config(path).name == "ws"


def test_write_config_where_nothing_can_be_written(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(UserErrorException, match=r"file/.azureml/config.json' cannot be written"):
        Workspace("s-1", "group", "ws").write_config(path="file")


def test_write_config_keeps_the_tracking_store_of_the_workspace(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@localhost:1")
    ws = Workspace.create("made", subscription_id="s-1", resource_group="group")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    ws.write_config()
    text = (folder / ".azureml" / "config.json").read_text()
    assert json.loads(text)["tracking_uri"] == "http://localhost:1"
    assert "secret" not in text
    assert Workspace.from_config().get_mlflow_tracking_uri() == "http://localhost:1"


def test_a_configuration_folder_that_cannot_be_written_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "file"))
    message = r"'ws' cannot be remembered in '.*file/amlflow.*: Not a directory\. XDG_CONFIG_HOME"
    with pytest.raises(WorkspaceException, match=message):
        Workspace.create("ws", subscription_id="s", resource_group="g")
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_create_get_list_delete(folder: Path) -> None:
    made = Workspace.create(
        "made", subscription_id="s-1", resource_group="group", location="westeurope", sku="basic",
        tags={"a": "b"}, friendly_name="Made",
    )  # fmt: skip
    with pytest.raises(WorkspaceException, match=r"'made'.*exist_ok"):
        Workspace.create("made", subscription_id="s-1", resource_group="group")
    same = Workspace.create("made", subscription_id="s-1", resource_group="group", exist_ok=True)
    found = Workspace.get("made")
    assert made == same == found
    assert hash(made) == hash(found)
    assert (found.location, found.tags, found.sku) == ("westeurope", {"a": "b"}, "basic")
    assert found.get_details()["friendlyName"] == "Made"
    assert Workspace.list("s-1") == {"made": [made]}
    assert Workspace.list("s-1", resource_group="other") == {}
    assert Workspace.list("other") == {}
    made.update(description="text", tags={"c": "d"})
    assert Workspace.get("made").get_details()["description"] == "text"
    assert Workspace.get("made").tags == {"c": "d"}
    made.delete()
    assert Workspace.list("s-1") == {}


def test_the_environment_names_the_store_of_every_workspace(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of one that was created with another store."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:1")
    Workspace.create("made", subscription_id="s-1", resource_group="group")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:2")
    opened = [Workspace.get("made"), Workspace("s-1", "group", "made")]
    opened += Workspace.list("s-1")["made"]
    assert {ws.get_mlflow_tracking_uri() for ws in opened} == {"http://localhost:2"}
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert Workspace.get("made").get_mlflow_tracking_uri() == "http://localhost:1"


def test_get_of_a_name_that_two_have(folder: Path) -> None:
    Workspace.create("made", subscription_id="s-1", resource_group="group")
    Workspace.create("made", subscription_id="s-2", resource_group="group")
    with pytest.raises(WorkspaceException, match="2 workspaces 'made'") as error:
        Workspace.get("made")
    assert error.value.found_multiple
    assert Workspace.get("made", subscription_id="s-2").subscription_id == "s-2"


def test_a_broken_note_of_a_workspace_is_named(folder: Path) -> None:
    Workspace.create("made", subscription_id="s-1", resource_group="group")
    [note] = Path(os.environ["XDG_CONFIG_HOME"]).rglob("*.json")
    note.write_text("{")
    with pytest.raises(WorkspaceException) as error:
        Workspace.get("made")
    assert str(note) in error.value.message


def test_list_knows_the_workspace_of_the_folder(folder: Path) -> None:
    config(folder / "config.json")
    assert list(Workspace.list("s-1")) == ["ws"]


@pytest.mark.parametrize(
    "call",
    [
        lambda ws: ws.set_default_datastore("x"),
        lambda ws: ws.get_default_keyvault(),
        lambda ws: ws.add_private_endpoint(None),
        lambda ws: ws.delete_private_endpoint_connection("x"),
        lambda ws: ws.get_connection("x"),
        lambda ws: ws.set_connection("x", "c", "t", "a", "v"),
        lambda ws: ws.delete_connection("x"),
        lambda ws: ws.list_connections(),
        lambda ws: ws.list_keys(),
        lambda ws: ws.sync_keys(),
        lambda ws: ws.diagnose_workspace({}),
        lambda ws: ws.update_dependencies(),
        lambda ws: ws.service_context,
        lambda ws: ws.setup(),
        lambda ws: ws.datastores["x"],
        lambda ws: ws.images["x"],
        lambda ws: ws.webservices["x"],
        lambda ws: ws.linked_services["x"],
        lambda ws: ws.private_endpoints["x"],
        lambda ws: ws.update(image_build_compute="x"),
        lambda ws: ws.delete(delete_dependent_resources=True),
    ],
)
def test_what_only_azure_has_says_what_to_do_instead(folder: Path, call: Any) -> None:
    with pytest.raises(UserErrorException) as error:
        call(Workspace.from_config())
    assert len(error.value.message.split(". ")) >= 2 or "; " in error.value.message


def test_details_have_v1s_keys_and_say_what_only_azure_has(folder: Path) -> None:
    details = Workspace("s-1", "group", "ws").get_details()
    assert details["id"].startswith("/subscriptions/s-1/resourceGroups/group/providers/")
    assert {"name", "workspaceid", "type", "location", "tags", "friendlyName"} <= details.keys()
    assert details.get("keyVault") is None
    with pytest.raises(KeyError, match=r"keyVault.*only a workspace in Azure.*environment var"):
        _ = details["keyVault"]
    with pytest.raises(KeyError, match=r"^'nothing'$"):
        _ = details["nothing"]


def test_what_only_azure_has_is_empty_for_scripts_that_print_it(folder: Path) -> None:
    ws = Workspace.from_config()
    for name in ("images", "webservices",
                 "linked_services", "private_endpoints"):  # fmt: skip
        assert dict(getattr(ws, name)) == {}
        assert getattr(ws, name).get("x") is None


def test_every_error_here_is_v1s(folder: Path) -> None:
    assert issubclass(UserErrorException, AzureMLException)
    with pytest.raises(AzureMLException):
        Experiment("no workspace", "e")  # type: ignore[arg-type]


def test_code_makes_names_of_the_workspaces_id() -> None:
    workspace = Workspace("s-1", "group", "ws")
    assert workspace._workspace_id == workspace.get_details()["workspaceid"]
    assert workspace._workspace_id
