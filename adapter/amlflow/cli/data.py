"""Commands on data sets and datastores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlflow.cli.checks import checking_values, parse_tag, require_path
from amlflow.cli.errors import Missing
from amlflow.cli.progress import announce
from amlflow.cli.scope import Where
from amlflow.core.data import declared
from amlflow.core.data.dataset import AbstractDataset, to_version
from amlflow.core.data.datastore import AbstractDatastore, datastores_of, open_datastore
from amlflow.core.data.entry import Dataset
from amlflow.core.data.file_dataset import FileDataset
from amlflow.core.data.lineage import describe, summarize
from amlflow.core.workspace import Workspace
from amlflow.data.errors import DatasetExecutionError, DatasetValidationError
from amlflow.data.registry import check_name as check_dataset_name


def list_datasets(**where: Any) -> list[dict[str, Any]]:
    """``dataset list``."""
    return [summarize(dataset) for dataset in Where(**where).workspace().datasets.values()]


def show_dataset(*, dataset_name: str, dataset_version: str | None, **where: Any) -> dict[str, Any]:
    """``dataset show``."""
    workspace = Where(**where).workspace()
    return describe(workspace, _dataset(workspace, dataset_name, dataset_version))


def register_dataset(
    *,
    dataset_name: str,
    data_path: list[str],
    datastore_name: str | None,
    data_format: str,
    description_: str | None,
    tags_: list[str] | None,
    create_new_version: bool,
    **where: Any,
) -> dict[str, Any]:
    """``dataset register``."""
    tags = dict(parse_tag("--tags", text) for text in tags_ or ())
    with checking_values():
        check_dataset_name(dataset_name)
    workspace = Where(**where).workspace()
    source: Any = data_path if len(data_path) > 1 else data_path[0]
    if datastore_name is not None:
        source = (open_datastore(workspace, datastore_name), source)
    makers: dict[str, Callable[[Any], Any]] = {
        "files": Dataset.File.from_files,
        "delimited": Dataset.Tabular.from_delimited_files,
        "parquet": Dataset.Tabular.from_parquet_files,
        "json-lines": Dataset.Tabular.from_json_lines_files,
    }
    try:
        dataset = makers[data_format](source)
    except (DatasetExecutionError, DatasetValidationError) as error:
        raise Missing(f"--data-path: {error.message}") from error
    registered = dataset.register(
        workspace,
        dataset_name,
        description=description_,
        tags=tags,
        create_new_version=create_new_version,
    )
    return summarize(registered)


def unregister_dataset(*, dataset_name: str, **where: Any) -> None:
    """``dataset unregister``."""
    workspace = Where(**where).workspace()
    _dataset(workspace, dataset_name, None).unregister_all_versions()


def download_dataset(
    *,
    dataset_name: str,
    dataset_version: str | None,
    data_dir: str,
    overwrite_files: bool,
    **where: Any,
) -> list[str]:
    """``dataset download``."""
    workspace = Where(**where).workspace()
    dataset = _dataset(workspace, dataset_name, dataset_version)
    return _files(dataset).download(data_dir, overwrite=overwrite_files)


def _files(dataset: AbstractDataset) -> FileDataset:
    """Return the files of a data set, as they are stored."""
    if isinstance(dataset, FileDataset):
        return dataset
    # Only a table needs it.
    from amlflow.core.data.dataset import definition_of, workspace_of
    from amlflow.data.definition import FILE, Definition

    definition = Definition(kind=FILE, sources=definition_of(dataset).sources)
    return FileDataset(definition, workspace_of(dataset))


def list_datastores(**where: Any) -> list[dict[str, Any]]:
    """``datastore list``."""
    workspace = Where(**where).workspace()
    default = declared.default_name(workspace)
    return [_describe(store, default) for store in workspace.datastores.values()]


def attach_datastore(*, store_name: str, address: str, **where: Any) -> dict[str, Any]:
    """``datastore attach``."""
    workspace = Where(**where).workspace()
    with checking_values():
        declared.attach(workspace, store_name, address)
    store = open_datastore(workspace, store_name)
    return _describe(store, declared.default_name(workspace))


def detach_datastore(*, store_name: str, **where: Any) -> None:
    """``datastore detach``."""
    declared.detach(Where(**where).workspace(), store_name)


def set_default_datastore(*, store_name: str, **where: Any) -> None:
    """``datastore set-default``."""
    workspace = Where(**where).workspace()
    open_datastore(workspace, store_name).set_as_default()


def upload_to_datastore(
    *, store_name: str, src_path: str, target_path: str | None, overwrite_files: bool, **where: Any
) -> dict[str, Any]:
    """``datastore upload``."""
    require_path("--src-path", src_path, "a file or folder of this machine")
    store = open_datastore(Where(**where).workspace(), store_name)
    with announce(f"Storing {src_path} in datastore {store.name}"):
        if Path(src_path).is_file():
            reference = store.upload_files([src_path], None, target_path, overwrite_files, False)
        else:
            reference = store.upload(src_path, target_path, overwrite_files, False)
    return {"datastore": store.name, "path": reference.path_on_datastore}


def download_from_datastore(
    *, store_name: str, data_dir: str, prefix: str | None, overwrite_files: bool, **where: Any
) -> dict[str, Any]:
    """``datastore download``."""
    workspace = Where(**where).workspace()
    store = open_datastore(workspace, store_name)
    with announce(f"Downloading from datastore {store.name} to {data_dir}"):
        count = store.download(data_dir, prefix, overwrite_files, show_progress=False)
    if prefix and not count and not _has_prefix(workspace, store, prefix):
        raise Missing(
            f"--prefix: the path of no file in the datastore {store.name!r} begins with {prefix!r}."
        )
    return {"files": count}


def _has_prefix(workspace: Workspace, store: AbstractDatastore, prefix: str) -> bool:
    # The command has loaded fsspec by now.
    from amlflow.data.download import find_prefix

    return bool(find_prefix(datastores_of(workspace).open(store.name), prefix))


def _describe(store: AbstractDatastore, default: str) -> dict[str, Any]:
    return {"name": store.name, "address": store.address, "default": store.name == default}


def _dataset(workspace: Workspace, name: str, version: str | None) -> Any:
    with checking_values():
        to_version(version)
    return AbstractDataset.get_by_name(workspace, name, version or "latest")
