"""Data, models and the names beside them, in one walk that is the same on each kind of tracker."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from azureml.core import (
    Dataset,
    Datastore,
    Environment,
    Experiment,
    Model,
    Run,
    ScriptRunConfig,
    Workspace,
)
from azureml.core.authentication import InteractiveLoginAuthentication
from azureml.core.compute import AmlCompute, ComputeTarget
from azureml.core.runconfig import DEFAULT_CPU_IMAGE, RunConfiguration
from azureml.data import DataType, OutputFileDatasetConfig
from azureml.data.data_reference import DataReference
from azureml.data.datapath import DataPath
from azureml.exceptions import WebserviceException
from azureml.widgets import RunDetails
from helpers.submitted_jobs import wait_for_end

pytestmark = pytest.mark.long

STORES = ("sqlite", "server", "postgres_server", "postgres", "trackio")
SCRIPT = """
import os, sys
from azureml.core import Model, Run, Workspace
run = Run.get_context()
table, mounted, copied, written = sys.argv[1:]
assert run.input_datasets["table"].to_pandas_dataframe()["n"].tolist() == [1, 2, 3]
assert sorted(os.listdir(mounted)) == sorted(os.listdir(copied)) == ["a.csv", "b.csv"]
assert Workspace.from_config().name == run.experiment.workspace.name
open(os.path.join(written, "out.csv"), "w").write("m\\n7\\n")
os.makedirs("outputs", exist_ok=True)
open("outputs/model.txt", "w").write("weights")
print(Model.get_model_path(os.environ["MODEL"]))
"""


class Walk:
    """What was looked at, and what was not as it should be."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.count = 0

    def check(self, sentence: str, call: Callable[[], Any], expected: Any = True) -> None:
        self.count += 1
        try:
            found = call()
        except Exception as error:  # noqa: BLE001 - the walk goes on
            found = error
        if isinstance(expected, str) and isinstance(found, Exception):
            if expected in str(found):
                return
        elif not isinstance(found, Exception) and found == expected:
            return
        self.failures.append(f"{sentence}: {str(found)[:300]!r}, not {expected!r}")


@pytest.fixture(params=STORES)
def workspace(
    request: pytest.FixtureRequest, folder: Path, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue(f"{request.param}_uri"))
    return Workspace("s", "g", f"walk-{uuid.uuid4().hex[:8]}")


def test_the_walk(workspace: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walk, key = Walk(), uuid.uuid4().hex[:8]
    walk_datastores(walk, workspace, key)
    walk_datasets(walk, workspace, key)
    walk_models(walk, workspace, key)
    walk_jobs(walk, workspace, key)
    walk_names(walk, workspace, key, monkeypatch)
    walk_bad_input(walk, workspace, key)
    print(walk.count, "looked at")
    assert walk.failures == []


def walk_datastores(walk: Walk, ws: Workspace, key: str) -> None:
    check, store = walk.check, ws.get_default_datastore()
    check("default", lambda: store.name, "workspaceblobstore")
    check("both", lambda: {"workspaceblobstore", "workspacefilestore"} <= set(ws.datastores))
    Path("src/sub").mkdir(parents=True)
    Path("src/a.csv").write_text("n,t,f,d\n1,x,0.5,2020-01-31\n2,y,1.5,2020-02-01\n")
    Path("src/b.csv").write_text("n,t,f,d\n3,z,2.5,2020-02-02\n")
    reference = store.upload("src", f"{key}/up", show_progress=False)
    check("upload", lambda: isinstance(reference, DataReference))
    check("upload_files", lambda: bool(store.upload_files(["src/a.csv"], target_path=f"{key}/f")))
    check("download", lambda: store.download("down", prefix=f"{key}/up", show_progress=False), 2)
    check("path", lambda: store.path(f"{key}/up").path_on_datastore, f"{key}/up")
    check("get", lambda: Datastore.get(ws, "workspacefilestore").name, "workspacefilestore")
    check("get_default", lambda: Datastore.get_default(ws).name, "workspaceblobstore")
    Path(".azureml").mkdir(exist_ok=True)
    Path(".azureml/datastores.yaml").write_text("own: own-data\n")
    check("declared", lambda: bool(Datastore.get(ws, "own").upload_files(["src/a.csv"])))
    check("its files", lambda: os.path.exists("own-data/a.csv"))
    blob = Datastore.register_azure_blob_container(
        ws, f"blob{key}", container_name="box", account_name="acc", account_key="hunter2=="
    )
    check("register", lambda: (blob.name, blob.container_name), (f"blob{key}", "box"))
    check("no key", lambda: "hunter2" in Path(".azureml/datastores.yaml").read_text(), False)
    ws.set_default_datastore("own")
    check("set_default", lambda: ws.get_default_datastore().name, "own")
    ws.set_default_datastore("workspaceblobstore")
    blob.unregister()
    check("DataPath", lambda: DataPath(store, "x").path_on_datastore, "x")
    check("unknown", lambda: Datastore.get(ws, "none"), "none")


def walk_datasets(walk: Walk, ws: Workspace, key: str) -> None:
    check, store = walk.check, ws.get_default_datastore()
    table = Dataset.Tabular.from_delimited_files((store, f"{key}/up/*.csv"))
    frame = table.to_pandas_dataframe()
    check("types", lambda: [str(kind) for kind in frame.dtypes][::2], ["int64", "float64"])
    check("datetimes", lambda: str(frame["d"].dtype), "datetime64[ns]")
    kept = table.register(ws, f"t{key}", tags={"a": "b"}, description="d")
    check("register", lambda: (kept.version, kept.tags, kept.description), (1, {"a": "b"}, "d"))
    check("taken", lambda: table.take(1).register(ws, f"t{key}"), "create_new_version")
    newer = table.take(2).register(ws, f"t{key}", create_new_version=True)
    check("new version", lambda: newer.version, 2)
    check("by name", lambda: Dataset.get_by_name(ws, f"t{key}").version, 2)
    check("by version", lambda: Dataset.get_by_name(ws, f"t{key}", version=1).version, 1)
    check("by id", lambda: Dataset.get_by_id(ws, kept.id).name, f"t{key}")
    check("ws.datasets", lambda: ws.datasets[f"t{key}"].version, 2)
    check("version 99", lambda: Dataset.get_by_name(ws, f"t{key}", version=99), "99")
    kept.add_tags({"c": "d"})
    check("tags", lambda: Dataset.get_by_name(ws, f"t{key}", version=1).tags["c"], "d")
    check("take", lambda: len(table.take(2).to_pandas_dataframe()), 2)
    check("skip", lambda: len(table.skip(2).to_pandas_dataframe()), 1)
    check("keep", lambda: list(table.keep_columns(["n"]).to_pandas_dataframe()), ["n"])
    check("drop", lambda: list(table.drop_columns("n").to_pandas_dataframe()), ["t", "f", "d"])
    check("filter", lambda: len(table.filter(table["n"] > 1).to_pandas_dataframe()), 2)
    halves = table.random_split(0.5, seed=1)
    check("split", lambda: sum(len(half.to_pandas_dataframe()) for half in halves), 3)
    check("sample", lambda: len(table.take_sample(1.0, seed=1).to_pandas_dataframe()), 3)
    timed = table.with_timestamp_columns("d")
    since = timed.time_after(pd.Timestamp("2020-02-01"))
    check("times", lambda: len(since.to_pandas_dataframe()), 2)
    files = Dataset.File.from_files((store, f"{key}/up"))
    check("to_path", lambda: sorted(files.to_path()), ["/a.csv", "/b.csv"])
    check("download", lambda: len(files.download("got")), 2)
    with files.mount() as mounted:
        check("mount", lambda: sorted(os.listdir(mounted.mount_point)), ["a.csv", "b.csv"])
    check("as_cache", lambda: files.as_cache("x"), "as_cache")
    up = Dataset.File.upload_directory("src", (store, f"{key}/dir"), show_progress=False)
    check("upload_directory", lambda: len(up.to_path()), 2)
    wide = pd.DataFrame({"x": [1.5, None], "y": ["a", "b"], "z": [True, False]})
    own = Dataset.Tabular.register_pandas_dataframe(
        wide, (store, f"{key}/pd"), f"pd{key}", show_progress=False
    )
    check("pandas", lambda: own.to_pandas_dataframe()["y"].tolist(), ["a", "b"])
    wide.to_parquet("w.parquet")
    parquet = Dataset.Tabular.from_parquet_files("w.parquet")
    check("parquet", lambda: str(parquet.to_pandas_dataframe()["z"].dtype), "bool")
    Path("j.jsonl").write_text('{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n')
    lines = Dataset.Tabular.from_json_lines_files("j.jsonl")
    check("json lines", lambda: lines.to_pandas_dataframe()["a"].tolist(), [1, 2])
    Path("z.csv").write_text("c\n01\n02\n")
    texts = {"c": DataType.to_string()}
    zeros = Dataset.Tabular.from_delimited_files("z.csv", set_column_types=texts)
    check("declared", lambda: zeros.to_pandas_dataframe()["c"].tolist(), ["01", "02"])
    local = zeros.register(ws, f"z{key}")
    check("local, registered", lambda: local.to_pandas_dataframe()["c"].tolist(), ["01", "02"])
    local.unregister_all_versions()
    check("unregistered", lambda: Dataset.get_by_name(ws, f"z{key}"), f"z{key}")
    check("next number", lambda: zeros.register(ws, f"z{key}").version, 2)


def walk_models(walk: Walk, ws: Workspace, key: str) -> None:
    check = walk.check
    Path("m").mkdir()
    Path("m/w.txt").write_text("w1")
    Path("m/v.txt").write_text("v1")
    name = f"model{key}"
    first = Model.register(
        ws, "m/w.txt", name, tags={"a": "b"}, properties={"p": "q"}, description="d",
        model_framework=Model.Framework.SCIKITLEARN, model_framework_version="1.4",
    )  # fmt: skip
    check(
        "register", lambda: (first.version, first.tags, first.properties["p"]), (1, {"a": "b"}, "q")
    )
    check("framework", lambda: (first.model_framework, first.description), ("ScikitLearn", "d"))
    second = Model.register(ws, "m", name)
    check("folder", lambda: second.id, f"{name}:2")
    check("latest", lambda: Model(ws, name).version, 2)
    check("by version", lambda: Model(ws, name, version=1).tags, {"a": "b"})
    check("by id", lambda: Model(ws, id=f"{name}:1").version, 1)
    check("by tag", lambda: Model(ws, name, tags=["a"]).version, 1)
    check("list", lambda: [model.version for model in Model.list(ws, name)], [2, 1])
    check("list latest", lambda: [m.version for m in Model.list(ws, name, latest=True)], [2])
    check("ws.models", lambda: ws.models[name].version, 2)
    path = Model.get_model_path(name, version=1, _workspace=ws)
    check("path", lambda: (path, Path(path).read_text()), (f"azureml-models/{name}/1/w.txt", "w1"))
    check("folder's path", lambda: os.path.isfile(f"{second.download('copy')}/w.txt"))
    first.add_tags({"c": "d"})
    first.add_properties({"r": "s"})
    check("immutable", lambda: first.add_properties({"p": "other"}), "p")
    first.update(tags={"only": "this"}, description="new")
    again = Model(ws, name, version=1)
    check("update", lambda: (again.tags, again.description), ({"only": "this"}, "new"))
    check("properties", lambda: (again.properties["p"], again.properties["r"]), ("q", "s"))
    check("serialize", lambda: json.loads(json.dumps(again.serialize()))["name"], name)
    check("url, created", lambda: bool(again.url and again.created_time))
    experiment = Experiment(ws, f"models{key}")
    with contextlib.redirect_stdout(None), experiment.start_logging(snapshot_directory=None) as run:
        run.upload_file("outputs/w.txt", "m/w.txt")
        third = run.register_model(name, "outputs/w.txt", tags={"run": "1"})
    check("of a run", lambda: (type(third) is Model, third.run_id == run.id), (True, True))
    check("its run", lambda: third.run.id == run.id)
    check("its experiment", lambda: third.experiment_name, experiment.name)
    check("by run", lambda: Model(ws, name, run_id=run.id).version, 3)
    third.delete()
    check("delete", lambda: Model(ws, name).version, 2)
    check("missing", lambda: Model(ws, "none"), "ModelNotFound")
    with pytest.raises(WebserviceException):
        Model(ws, name, version=99)


def walk_jobs(walk: Walk, ws: Workspace, key: str) -> None:
    check, store = walk.check, ws.get_default_datastore()
    Path("job").mkdir()
    Path("job/train.py").write_text(SCRIPT)
    table = Dataset.get_by_name(ws, f"t{key}", version=1)
    files = Dataset.File.from_files((store, f"{key}/up"))
    output = OutputFileDatasetConfig("made", (store, f"{key}/made")).register_on_complete(f"o{key}")
    config = ScriptRunConfig(
        "job", script="train.py",
        arguments=[table.as_named_input("table"), files.as_named_input("m").as_mount(),
                   files.as_named_input("c").as_download(), output.as_upload()],
    )  # fmt: skip
    config.run_config.environment_variables = {"MODEL": f"model{key}"}
    run = Experiment(ws, f"jobs{key}").submit(config)
    check("job", lambda: (wait_for_end(run), run.get_details().get("error")), ("Completed", None))
    used = run.get_details()["inputDatasets"]
    check("used", lambda: f"t{key}" in [each["dataset"].get("name") for each in used])
    check("written", lambda: len(run.get_details()["outputDatasets"]), 1)
    made = Dataset.get_by_name(ws, f"o{key}")
    check("registered", lambda: list(made.to_path()), ["/out.csv"])
    check("its model", lambda: run.register_model(f"j{key}", "outputs/model.txt").version, 1)
    check("widget", lambda: RunDetails(run).show(), None)


def walk_names(walk: Walk, ws: Workspace, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check = walk.check
    check(
        "auth", lambda: Workspace("s", "g", ws.name, InteractiveLoginAuthentication()).name, ws.name
    )
    kind = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", max_nodes=3)
    cluster = ComputeTarget.create(ws, "cpu-cluster", kind)
    cluster.wait_for_completion(show_output=True)
    check("state", lambda: cluster.provisioning_state, "Succeeded")
    check("status", lambda: cluster.get_status().allocation_state, "Steady")
    check("serialize", lambda: cluster.get_status().serialize()["allocationState"], "Steady")
    check("targets", lambda: "cpu-cluster" in ws.compute_targets)
    check("sizes", lambda: len(AmlCompute.supported_vmsizes(ws)) > 0)
    cluster.delete()
    check("unknown", lambda: ComputeTarget(ws, "nowhere"), "nowhere")
    monkeypatch.setenv("AMLFLOW_DEFAULT_TARGET", "local")
    check("default target", lambda: bool(ComputeTarget(ws, "nowhere")))
    check("image", lambda: bool(DEFAULT_CPU_IMAGE))
    check("environment", lambda: Environment("e").name, "e")
    rc = RunConfiguration()
    check("sections", lambda: bool(rc.environment.spark and rc.history and rc.amlcompute))
    check("details", lambda: {"id", "name", "location"} <= set(ws.get_details()))
    check("offline", lambda: Run.get_context().id.startswith("OfflineRun"))


def walk_bad_input(walk: Walk, ws: Workspace, key: str) -> None:
    check, store = walk.check, ws.get_default_datastore()
    from_files = Dataset.Tabular.from_delimited_files
    check("no file", lambda: from_files((store, f"{key}/none.csv")), "none.csv")
    check("no local file", lambda: from_files("none.csv"), "none.csv")
    table = Dataset.get_by_name(ws, f"t{key}")
    check("no column", lambda: table.keep_columns(["q"]).to_pandas_dataframe(), "'q'")
    Path("bad.csv").write_bytes(b"\x00\x01\x02\xff\xfe\n\x00")
    check("no CSV", lambda: from_files("bad.csv").to_pandas_dataframe(), "bad.csv")
    Path("latin.csv").write_bytes("a,b\n1,é\n".encode("latin1"))
    check("encoding", lambda: from_files("latin.csv").to_pandas_dataframe(), "encoding")
    check("no answer", lambda: from_files("http://127.0.0.1:9/x.csv"), "127.0.0.1:9")
    Path("empty").mkdir()
    check("folder", lambda: from_files((store, f"{key}/up/a.csv/none")), "none")
    check("no upload", lambda: store.upload_files(["none.txt"]), "none.txt")
    check("no model file", lambda: Model.register(ws, "none.bin", "x"), "none.bin")
    check("nothing registered", lambda: Model(ws, "x"), "ModelNotFound")
    check("no name", lambda: Dataset.get_by_name(ws, ""), "name")
