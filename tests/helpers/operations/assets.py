"""Operations on models, data sets, datastores and environments."""

from __future__ import annotations

import datetime
from pathlib import Path

import pandas
from azureml.core import Dataset, Datastore, Environment, Model, Run, Workspace

from helpers.operations.outcomes import BYTES, NAME, check, expect, operation


def try_models(workspace: Workspace, run: Run) -> None:
    name = f"{NAME}-model"
    with operation("Run.register_model"):
        model = run.register_model(
            name, "folder", tags={"kind": "a: b"}, properties={"size": "1"}, description="größe"
        )
    with operation("Model.register"):
        local = Model.register(
            workspace, "notes.txt", name, tags={"stage": "test"}, properties={"author": "me"},
            model_framework="ScikitLearn", model_framework_version="1.4",
        )  # fmt: skip
        expect(local.version, model.version + 1)
    with operation(
        "Model.add_tags",
        "Model.remove_tags",
        "Model.add_properties",
        "Model.update",
        "Model.update_tags_properties",
    ):
        local.add_tags({"stage": "production", "gone: ː": "x"})
        local.remove_tags(["gone: ː"])
        local.add_properties({"bytes": "8"})
        local.update(description="new")
        local.update_tags_properties(add_tags={"more": "y"}, add_properties={"p": "q"})
        found = Model(workspace, name, version=local.version)
        expect(found.tags, {"stage": "production", "more": "y"})
        expect(found.properties, {"author": "me", "bytes": "8", "p": "q"})
        expect(found.description, "new")
    with operation("Model.list", "Workspace.models"):
        expect([each.version for each in Model.list(workspace, name=name)][:2],
                 [local.version, model.version])  # fmt: skip
        expect([m.version for m in Model.list(workspace, name, latest=True)], [local.version])
        tagged = Model.list(workspace, tags=[["stage", "production"]], properties=["author"])
        check(name in [each.name for each in tagged])
        check(model.version in [m.version for m in Model.list(workspace, name, run_id=run.id)])
        expect(workspace.models[name].version, local.version)
    with operation("Model.run", "Model.run_id", "Model.experiment_name", "Model.id", "Model.url"):
        again = Model(workspace, name, version=model.version)
        expect((again.run.id, again.run_id, again.id), (run.id, run.id, f"{name}:1"))
        expect(again.experiment_name, run.experiment.name)
        check(again.url)
    with operation("Model.serialize", "Model.deserialize"):
        expect(Model.deserialize(workspace, model.serialize()).id, model.id)
    with operation("Model.download", "Model.get_model_path"):
        path = Path(model.download("model-files"))
        expect((path / "sub" / "c.txt").read_bytes(), BYTES)
        expect(Path(local.download("model-file")).read_bytes(), BYTES)
        check(Path(Model.get_model_path(name, _workspace=workspace)).exists())
    with operation("Model.add_dataset_references", "Model.datasets"):
        data = Dataset.File.from_files((workspace.get_default_datastore(), f"{NAME}/rows.csv"))
        data = data.register(workspace, f"{NAME}-referred")
        local.add_dataset_references([("training", data)])
        expect([d.id for d in Model(workspace, name).datasets["training"]], [data.id])
        expect([m.id for m in Model.list(workspace, dataset_id=data.id)], [local.id])
    with operation("Model.delete"):
        local.delete()
        expect(Model(workspace, name).version, model.version)


def try_data(workspace: Workspace) -> None:
    with operation("Workspace.get_default_datastore", "Datastore.get_default", "Datastore.get"):
        store = workspace.get_default_datastore()
        expect(Datastore.get_default(workspace).name, store.name)
        expect(Datastore.get(workspace, store.name).name, store.name)
        check(store.name in workspace.datastores)
    with operation("AzureBlobDatastore.upload", "AzureBlobDatastore.upload_files"):
        store.upload("folder", f"{NAME}/folder", overwrite=True, show_progress=False)
        store.upload_files(["rows.csv", "rows.jsonl", "rows.parquet"], target_path=NAME,
                           show_progress=False)  # fmt: skip
    with operation("AzureBlobDatastore.download"):
        expect(store.download("store", f"{NAME}/folder", show_progress=False), 2)
    with operation("TabularDatasetFactory.from_delimited_files"):
        table = Dataset.Tabular.from_delimited_files((store, f"{NAME}/rows.csv"))
        expect(table.to_pandas_dataframe()["x"].tolist(), [1.5, 2.0, 3.0])
    with operation("TabularDatasetFactory.from_json_lines_files"):
        lines = Dataset.Tabular.from_json_lines_files((store, f"{NAME}/rows.jsonl"))
        expect(lines.to_pandas_dataframe()["x"].tolist(), [1.5, 2.0])
    with operation("TabularDatasetFactory.from_parquet_files"):
        parquet = Dataset.Tabular.from_parquet_files((store, f"{NAME}/rows.parquet"))
        expect(parquet.to_pandas_dataframe()["x"].tolist(), [1.5, 2.0])
    with operation("Dataset.auto_read_files", "Dataset.from_delimited_files"):
        expect(len(Dataset.auto_read_files((store, f"{NAME}/rows.csv")).to_pandas_dataframe()), 3)
        old = Dataset.from_delimited_files((store, f"{NAME}/rows.csv"))
        expect(len(old.to_pandas_dataframe()), 3)
    with operation("TabularDatasetFactory.register_pandas_dataframe"):
        frame = pandas.DataFrame({"x": [1, 2]})
        made = Dataset.Tabular.register_pandas_dataframe(
            frame, (store, f"{NAME}/frames"), f"{NAME}-frame", show_progress=False
        )
        expect(made.to_pandas_dataframe()["x"].tolist(), [1, 2])
    with operation("FileDatasetFactory.upload_directory", "FileDatasetFactory.from_files"):
        folder = Dataset.File.upload_directory("folder", (store, f"{NAME}/up"), show_progress=False)
        expect(len(folder.to_path()), 2)
        files = Dataset.File.from_files((store, f"{NAME}/folder/**"))
    with operation("FileDataset.download", "FileDataset.mount", "FileDataset.take"):
        expect(len(files.download("data-files")), 2)
        with files.mount() as mounted:
            check(list(Path(mounted.mount_point).rglob("c.txt")))
        expect(len(files.take(1).to_path()), 1)
    with operation(
        "TabularDataset.register", "TabularDataset.update", "TabularDataset.add_tags",
        "TabularDataset.remove_tags", "Dataset.get_by_name", "Dataset.get_by_id",
        "Dataset.get_all", "Dataset.list", "Dataset.get", "Workspace.datasets",
    ):  # fmt: skip
        first = table.register(workspace, f"{NAME}-rows", "größe", {"stage": "raw: ː"})
        second = table.take(1).register(workspace, f"{NAME}-rows", create_new_version=True)
        expect((first.version, second.version), (1, 2))
        first = Dataset.get_by_name(workspace, f"{NAME}-rows", version=1)
        first.add_tags({"more": "1"})
        first.remove_tags(["stage"])
        first.update(description="new")
        again = Dataset.get_by_id(workspace, first.id)
        expect((again.tags, again.description), ({"more": "1"}, "new"))
        check(f"{NAME}-rows" in Dataset.get_all(workspace) and f"{NAME}-rows" in workspace.datasets)
        check([each for each in Dataset.list(workspace) if each.name == f"{NAME}-rows"])
        expect(Dataset.get(workspace, f"{NAME}-rows").version, 2)
    with operation("TabularDataset.filter", "TabularDataset.keep_columns"):
        rows = first.filter(first["x"] > 1.6).keep_columns("x").to_pandas_dataframe()
        expect(rows["x"].tolist(), [2.0, 3.0])
    with operation("TabularDataset.skip", "TabularDataset.take", "TabularDataset.drop_columns",
                   "TabularDataset.random_split", "TabularDataset.take_sample",
                   "TabularDataset.to_pandas_dataframe"):  # fmt: skip
        left = first.skip(1).take(1).drop_columns("when").to_pandas_dataframe()
        expect(left["x"].tolist(), [2.0])
        one, two = first.random_split(0.5, seed=1)
        expect(len(one.to_pandas_dataframe()) + len(two.to_pandas_dataframe()), 3)
        expect(len(first.take_sample(1.0, seed=1).to_pandas_dataframe()), 3)
    with operation("TabularDataset.with_timestamp_columns", "TabularDataset.time_after",
                   "TabularDataset.time_before", "TabularDataset.time_between",
                   "TabularDataset.time_recent"):  # fmt: skip
        timed = first.with_timestamp_columns("when")
        january, february = datetime.datetime(2020, 1, 31), datetime.datetime(2020, 2, 1)
        expect(len(timed.time_after(february).to_pandas_dataframe()), 2)
        expect(len(timed.time_before(january).to_pandas_dataframe()), 1)
        expect(len(timed.time_between(january, february).to_pandas_dataframe()), 2)
        expect(len(timed.time_recent(datetime.timedelta(1)).to_pandas_dataframe()), 0)
    with operation("TabularDataset.to_csv_files", "TabularDataset.to_parquet_files"):
        check(first.to_csv_files().to_path())
        check(parquet.to_parquet_files().to_path())
    with operation(
        "FileDataset.register", "FileDataset.update", "FileDataset.add_tags",
        "FileDataset.remove_tags", "FileDataset.unregister_all_versions", "FileDataset.to_path",
        "FileDataset.skip", "FileDataset.take_sample", "FileDataset.random_split",
        "FileDataset.data_changed_time",
    ):  # fmt: skip
        kept = files.register(workspace, f"{NAME}-files", tags={"a": "b"})
        kept.add_tags({"c": "d"})
        kept.remove_tags(["a"])
        kept.update(description="größe")
        expect(Dataset.get_by_id(workspace, kept.id).tags, {"c": "d"})
        expect((len(kept.skip(1).to_path()), len(kept.take_sample(1.0).to_path())), (1, 2))
        expect(sum(len(part.to_path()) for part in kept.random_split(0.5, seed=1)), 2)
        check(kept.data_changed_time is None or kept.data_changed_time.year > 2000)
        kept.unregister_all_versions()
        check(f"{NAME}-files" not in workspace.datasets)
    with operation("TabularDataset.unregister_all_versions"):
        first.unregister_all_versions()
        check(f"{NAME}-rows" not in workspace.datasets)


def try_environments(workspace: Workspace) -> None:
    with operation("Environment.register", "Environment.get", "Environment.list",
                   "Environment.label", "Workspace.environments"):  # fmt: skip
        environment = Environment(f"{NAME}-env")
        environment.environment_variables = {"größe: ː": "7"}
        version = environment.register(workspace).version
        Environment.label(workspace, environment.name, version, ["tested"])
        back = Environment.get(workspace, environment.name, label="tested")
        expect(back.environment_variables, {"größe: ː": "7"})
        check(environment.name in Environment.list(workspace))
        check(environment.name in workspace.environments)
    with operation("Environment.add_private_pip_wheel"):
        wheel = Path("nothing-1.0-py3-none-any.whl")
        wheel.write_bytes(b"PK\5\6" + bytes(18))
        check(Environment.add_private_pip_wheel(workspace, wheel, exist_ok=True))
