"""Clusters that v1 code creates become declared compute targets of this machine."""

from __future__ import annotations

import copy
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from amlflow.core.compute import declared
from amlflow.core.compute.compute_target import AmlCompute, ComputeInstance, ComputeTarget
from amlflow.core.console import warn_once
from amlflow.core.project.project_files import variables
from amlflow.core.scripts.containers import resolve_target
from amlflow.core.scripts.run_configuration import RunConfiguration
from amlflow.core.workspace import Workspace
from amlflow.exceptions import ComputeTargetException, UserErrorException
from amlflow_docker.images import DockerImages
from azureml.core.compute import AksCompute, DatabricksCompute, RemoteCompute

FILE = Path(".azureml/compute.yaml")


@pytest.fixture
def ws(folder: Path) -> Workspace:
    warn_once.cache_clear()
    return Workspace("s", "g", "w")


def create(ws: Workspace, name: str = "cpu-cluster", **settings: Any) -> ComputeTarget:
    configuration = AmlCompute.provisioning_configuration(**{"max_nodes": 4, **settings})
    return ComputeTarget.create(ws, name, configuration)


def content() -> Any:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def test_what_v1_code_does(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        cluster = ComputeTarget(workspace=ws, name="cpu-cluster")
    except ComputeTargetException:
        configuration = AmlCompute.provisioning_configuration(
            vm_size="STANDARD_D2_V2",
            vm_priority="lowpriority",
            min_nodes=1,
            max_nodes=4,
            idle_seconds_before_scaledown=2400,
        )
        cluster = ComputeTarget.create(ws, "cpu-cluster", configuration)
    cluster.wait_for_completion(show_output=True, min_node_count=None, timeout_in_minutes=20)
    assert capsys.readouterr().out == "Succeeded\n"
    assert content()["cpu-cluster"] == {
        "kind": "local",
        "max_runs": 4,
        "cluster": {
            "type": "AmlCompute",
            "vm_size": "STANDARD_D2_V2",
            "vm_priority": "lowpriority",
            "min_nodes": 1,
            "idle_seconds_before_scaledown": 2400,
        },
    }
    for target in (cluster, ws.compute_targets["cpu-cluster"], AmlCompute(ws, "cpu-cluster")):
        assert type(target) is AmlCompute
        assert target.type == "AmlCompute"
        assert (target.provisioning_state, target.get_status()) == ("Succeeded", "Succeeded")
        assert target.vm_size == "STANDARD_D2_V2"
    assert type(ws.compute_targets["local"]) is ComputeTarget


def test_the_status_has_v1s_members(ws: Workspace) -> None:
    status = create(ws, min_nodes=2, vm_size="x").get_status()
    assert status.allocation_state == "Steady"
    assert status.scale_settings.maximum_node_count == 4
    assert (status.current_node_count, status.target_node_count) == (2, 2)
    assert json.loads(json.dumps(status.serialize())) == {
        "currentNodeCount": 2,
        "targetNodeCount": 2,
        "nodeStateCounts": {
            "preparingNodeCount": 0,
            "runningNodeCount": 0,
            "idleNodeCount": 2,
            "unusableNodeCount": 0,
            "leavingNodeCount": 0,
            "preemptedNodeCount": 0,
        },
        "allocationState": "Steady",
        "allocationStateTransitionTime": None,
        "errors": None,
        "creationTime": None,
        "modifiedTime": None,
        "provisioningState": "Succeeded",
        "provisioningStateTransitionTime": None,
        "scaleSettings": {
            "minNodeCount": 2,
            "maxNodeCount": 4,
            "nodeIdleTimeBeforeScaleDown": "PT1800S",
        },
        "vmPriority": "dedicated",
        "vmSize": "x",
    }


def test_one_line_says_what_becomes_of_it(ws: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        create(ws)
        create(ws)
        ComputeTarget(ws, "cpu-cluster")
    [line] = [record.getMessage() for record in caplog.records]
    assert "\n" not in line
    for part in ("'cpu-cluster'", str(FILE.absolute()), "'local'", "up to 4 runs"):
        assert part in line


def test_the_defaults_of_the_file_say_which_kind(ws: Workspace) -> None:
    FILE.parent.mkdir()
    FILE.write_text("defaults:\n  kind: docker\n  image: my-image\n  max_runs: 9\n")
    assert set(ws.compute_targets) == {"local"}
    create(ws)
    kept = content()
    assert (kept["cpu-cluster"]["kind"], kept["cpu-cluster"]["image"]) == ("docker", "my-image")
    assert kept["cpu-cluster"]["max_runs"] == 4
    assert kept["defaults"] == {"kind": "docker", "image": "my-image", "max_runs": 9}
    with pytest.raises(ComputeTargetException, match="'defaults' is not a valid name"):
        create(ws, "defaults")


def test_comments_and_texts_stay(ws: Workspace) -> None:
    FILE.parent.mkdir()
    mine = '# ours\ngpu:   # the big one\n  kind: docker\n  image: "on"  # of the team\n\n# end\n'
    FILE.write_text(mine)
    tags = {
        "yes": "no",
        "a": "1e3",
        "b": "12:30:00",
        "c": "0o7",
        "d": "x: y # z",
        "e": "two\nlines",
    }
    cluster = create(ws, tags=tags, description="null")
    assert FILE.read_text().startswith(mine)
    assert content()["cpu-cluster"]["cluster"]["tags"] == tags
    assert (cluster.tags, cluster.description) == (tags, "null")
    cluster.update(max_nodes=2, min_nodes=1)
    assert FILE.read_text().startswith(mine)
    assert content()["cpu-cluster"]["max_runs"] == 2
    assert content()["cpu-cluster"]["cluster"]["tags"] == tags
    cluster.delete()
    assert FILE.read_text() == mine
    with pytest.raises(ComputeTargetException, match="does not exist"):
        ComputeTarget(ws, "cpu-cluster")


def test_the_last_one_leaves_an_empty_file(ws: Workspace) -> None:
    create(ws).delete()
    assert content() is None
    assert set(ws.compute_targets) == {"local"}
    create(ws)
    assert set(content()) == {"cpu-cluster"}


def test_the_file_is_the_projects(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    ws.write_config(".")
    Path("notebooks").mkdir()
    monkeypatch.chdir("notebooks")
    create(ws)
    assert not FILE.exists()
    assert (Path("..") / FILE).is_file()


@pytest.fixture
def project(ws: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a config.json and two folders. The first one is the working folder."""
    warn_once.cache_clear()
    (folder / "first").mkdir()
    (folder / "conf").mkdir()
    monkeypatch.chdir(folder / "first")
    path = folder / "conf" / "config.json"
    path.write_text('{"subscription_id": "s", "resource_group": "g", "workspace_name": "w"}')
    (folder / "second").mkdir()
    return path


def test_a_cluster_is_found_from_each_folder_that_loads_the_same_config(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(Workspace.from_config("../conf/config.json"))
    assert (project.parent / FILE).is_file()
    assert not FILE.exists()
    monkeypatch.chdir("../second")
    for path in ("../conf/config.json", "../conf", project):
        ws = Workspace.from_config(path)
        assert set(ws.compute_targets) == {"cpu-cluster", "local"}
    ws.compute_targets["cpu-cluster"].update(max_nodes=2)
    assert create(ws, max_nodes=3).get_status().scale_settings.maximum_node_count == 3
    ws.compute_targets["cpu-cluster"].delete()
    assert set(ws.compute_targets) == {"local"}
    assert set(Workspace("s", "g", "w").compute_targets) == {"local"}


@pytest.mark.parametrize("is_above", [False, True])
def test_a_config_in_a_folder_where_nothing_can_be_written(
    project: Path, is_above: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_above:
        project = project.rename(project.parent.with_name("config.json"))
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != project.parent)
    ws = Workspace.from_config(project)
    create(ws)
    assert set(content()) == {"cpu-cluster"}
    assert "cpu-cluster" in ws.compute_targets
    assert not (project.parent / FILE).exists()


def test_the_working_folders_file_comes_first(project: Path) -> None:
    for path, size in ((FILE, "near"), (project.parent / FILE, "far")):
        path.parent.mkdir()
        both = f"both: {{kind: docker, image: {size}}}"
        path.write_text(
            f"{size}: {{kind: local}}\n{both}\ndefaults: {{kind: docker, image: {size}}}"
        )
    ws = Workspace.from_config(project)
    assert set(ws.compute_targets) == {"both", "far", "local", "near"}
    assert ws.compute_targets["both"].serialize()["properties"]["image"] == "near"
    create(ws)
    assert "cpu-cluster" not in content()  # it is declared beside the config.json
    assert ws.compute_targets["cpu-cluster"].serialize()["properties"]["image"] == "near"
    FILE.write_text("cpu-cluster: {kind: local, cluster: {}}")
    ws.compute_targets["cpu-cluster"].update(max_nodes=7)
    assert content()["cpu-cluster"]["max_runs"] == 7


def test_a_submitted_script_finds_the_targets_of_its_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = Workspace.from_config(project)
    create(ws)
    script = project.parent.with_name("script")
    script.mkdir()
    monkeypatch.chdir(script)
    for name, value in zip(("SUBSCRIPTION", "RESOURCEGROUP", "WORKSPACE_NAME"), "sgw", strict=True):
        monkeypatch.setenv(f"AZUREML_ARM_{name}", value)
    for name, value in variables(ws).items():
        monkeypatch.setenv(name, value)
    of_script = Workspace("s", "g", "w")
    create(of_script, "another")
    assert set(ws.compute_targets) == {"another", "cpu-cluster", "local"}
    assert variables(of_script) == variables(ws)
    assert set(Workspace("s", "g", "other").compute_targets) == {"local"}
    shutil.copytree((project.parent / FILE).parent, FILE.parent)  # a snapshot of the whole project
    of_script.compute_targets["another"].update(max_nodes=7)
    shutil.rmtree(FILE.parent)
    assert ws.compute_targets["another"].scale_settings.maximum_node_count == 7
    [(name, value)] = variables(ws).items()
    with monkeypatch.context() as patched:  # on another machine, the folder is somebody's
        patched.setenv(name, f"1{value}")
        assert set(Workspace("s", "g", "w").compute_targets) == {"local"}
    shutil.rmtree(project.parent)  # as in a container
    assert set(Workspace("s", "g", "w").compute_targets) == {"local"}


def test_what_somebody_declared_stays_as_it_is(ws: Workspace) -> None:
    FILE.parent.mkdir()
    FILE.write_text("cpu-cluster:\n  kind: docker\n  image: ours\n")
    declared.attach(ws, "attached", "local")
    for name in ("cpu-cluster", "attached", "local"):
        assert create(ws, name).name == name
    assert content() == {"cpu-cluster": {"kind": "docker", "image": "ours"}}
    cluster = AmlCompute(ws, "cpu-cluster")
    assert cluster.type == "docker"
    for change in (lambda: cluster.update(max_nodes=2), cluster.delete):
        with pytest.raises(ComputeTargetException, match=r"compute\.yaml"):
            change()
    ws.compute_targets["attached"].delete()
    assert "attached" not in ws.compute_targets


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"max_nodes": None}, "max_nodes"),
        ({"max_nodes": 0}, "max_nodes=0"),
        ({"max_nodes": "4"}, "max_nodes='4'"),
        ({"min_nodes": -1}, "min_nodes=-1"),
        ({"min_nodes": 5}, "max_nodes=4"),
        ({"vm_priority": "cheap"}, "'cheap'"),
        ({"idle_seconds_before_scaledown": "x"}, "'x'"),
        ({"remote_login_port_public_access": "maybe"}, "'maybe'"),
        ({"identity_type": "UserAssigned"}, "identity_id"),
    ],
)
def test_wrong_configurations(ws: Workspace, settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ComputeTargetException, match=fault):
        create(ws, **settings)
    assert not FILE.parent.exists()


def test_a_password_is_written_nowhere(ws: Workspace) -> None:
    create(ws, admin_username="me", admin_user_password="hunter2", admin_user_ssh_key="key")
    assert "hunter2" not in FILE.read_text()
    assert "key" not in content()["cpu-cluster"]["cluster"]


def test_wrong_arguments(ws: Workspace) -> None:
    right = AmlCompute.provisioning_configuration("x", max_nodes=1)
    for arguments in ((None, "a", right), (ws, 3, right), (ws, "a", {"max_nodes": 1})):
        with pytest.raises(Exception, match=r"ComputeTarget\.create"):
            ComputeTarget.create(*arguments)  # type: ignore[arg-type]
    with pytest.raises(ComputeTargetException, match=r"'\.\./up' is not a valid name"):
        ComputeTarget.create(ws, "../up", right)


def test_a_place_that_is_no_folder(ws: Workspace) -> None:
    FILE.parent.write_text("a file in the way")
    with pytest.raises(ComputeTargetException, match="cannot be written"):
        create(ws)


def test_what_is_written_under_cluster_by_hand_is_checked(ws: Workspace) -> None:
    FILE.parent.mkdir()
    for text in ("3", "{min_nodes: x}", "{colour: red}"):
        FILE.write_text(f"c:\n  kind: local\n  cluster: {text}\n")
        with pytest.raises(ComputeTargetException, match=r"'c'|min_nodes"):
            ComputeTarget(ws, "c")


def test_a_compute_instance_runs_one_at_a_time(ws: Workspace) -> None:
    configuration = ComputeInstance.provisioning_configuration(vm_size="x", ssh_public_access=False)
    instance = ComputeInstance.create(ws, "me", configuration)
    assert type(instance) is ComputeInstance
    assert instance.type == "ComputeInstance"
    instance.stop(wait_for_completion=True, show_output=True)
    assert content()["me"]["max_runs"] == 1


def test_a_size_is_this_machine(ws: Workspace) -> None:
    [machine] = AmlCompute.supported_vmsizes(workspace=ws, location="westeurope")
    assert machine["vCPUs"] == os.cpu_count()
    assert machine["memoryGB"] > 0


def test_targets_are_copied(ws: Workspace) -> None:
    cluster = create(ws)
    for other in (copy.copy(cluster), copy.deepcopy(cluster)):
        assert (type(other), other.name) == (AmlCompute, "cpu-cluster")


@pytest.mark.parametrize("kind", [AksCompute, DatabricksCompute, RemoteCompute])
def test_a_kind_that_only_azure_has_refuses_where_it_is_used(ws: Workspace, kind: Any) -> None:
    for use in (
        lambda: kind(ws, "aks"),
        lambda: kind.provisioning_configuration(),
        lambda: kind.attach_configuration(resource_group="g"),
    ):
        with pytest.raises((ComputeTargetException, UserErrorException), match=r"compute\.yaml"):
            use()
    assert not isinstance(create(ws), kind)


# use_docker and unknown names


def configured(target: str, **docker: Any) -> RunConfiguration:
    config = RunConfiguration()
    config.target = target
    config.environment.docker.enabled = True
    return config


def test_use_docker_demands_no_daemon_of_a_created_target(
    ws: Workspace, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DockerImages, "check", lambda self: None)  # as if a daemon answered
    create(ws)
    with caplog.at_level(logging.WARNING):
        target = resolve_target(ws, configured("cpu-cluster"))
    assert (target.name, target.kind, target.max_runs) == ("cpu-cluster", "local", 4)
    assert "use_docker is ignored" in caplog.text
    assert resolve_target(ws, configured("local")).kind == "container"


def test_a_stand_in_for_unknown_names(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ComputeTargetException, match="AMLFLOW_DEFAULT_TARGET=local"):
        resolve_target(ws, configured("gpu-cluster"))
    monkeypatch.setenv("AMLFLOW_DEFAULT_TARGET", "local")
    with caplog.at_level(logging.WARNING):
        targets = [resolve_target(ws, configured("gpu-cluster")) for _ in range(2)]
    assert {(target.name, target.kind) for target in targets} == {("local", "local")}
    assert caplog.text.count("'local' is used instead") == 1
    for found in (ComputeTarget(ws, "gpu-cluster"), ws.compute_targets["gpu-cluster"]):
        assert (type(found), found.name) == (AmlCompute, "gpu-cluster")
    assert "gpu-cluster" not in ws.compute_targets
    assert not FILE.exists()


def test_a_stand_in_that_is_unknown_itself(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMLFLOW_DEFAULT_TARGET", "nowhere")
    with pytest.raises(
        ComputeTargetException, match="=nowhere, which would replace it, does not exist"
    ):
        ComputeTarget(ws, "gpu-cluster")
    assert ComputeTarget(ws, "local").type == "local"
