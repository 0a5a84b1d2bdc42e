"""The data of a script: collects it from a configuration, and describes it for the job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from amlflow.core.data import declared
from amlflow.core.data.bases import ScriptArgument
from amlflow.core.data.consumption import DatasetConsumptionConfig
from amlflow.core.data.datapath import DataReference
from amlflow.core.data.dataset import AbstractDataset, definition_of, registration_of, save
from amlflow.core.data.datastore import open_datastore
from amlflow.core.data.entry import Dataset
from amlflow.core.data.output_config import DEFAULT_FOLDER, OutputDatasetConfig
from amlflow.core.data.output_config import OutputTabularDatasetConfig as OutputTable
from amlflow.core.runs.data_notes import input_notes
from amlflow.core.scripts.data_section import (
    IN_ENTRIES,
    Data,
    DataReferenceConfiguration,
    dataset_of,
)
from amlflow.core.scripts.run_configuration import RunConfiguration
from amlflow.core.scripts.script_run_config import ScriptRunConfig
from amlflow.core.store import WorkspaceBase
from amlflow.data.definition import FILE, TABULAR, Definition, Source
from amlflow.data.script_data import DIRECT, UPLOAD, ScriptData, ScriptInput, ScriptOutput
from amlflow.exceptions import UserErrorException
from amlflow.spec import DataInput

REFERENCE = "AZUREML_DATAREFERENCE_{name}"
"""v1's environment variable with the path of a DataReference."""


@dataclass(frozen=True, slots=True)
class CollectedData:
    """The data of a job, the notes of its run, and the inputs that the tracker's page shows."""

    data: ScriptData
    notes: dict[str, str]
    shown: list[DataInput]

    @property
    def needs(self) -> list[str]:
        """The folders of this machine that the datastores of inputs and outputs use."""
        stores = {
            source.store
            for item in self.data.inputs
            for source in item.parse().sources
            if source.store is not None
        }
        stores |= {output.store for output in self.data.outputs}
        addresses = [self.data.stores.get(name, "") for name in sorted(stores)]
        return [declared.to_path(address) for address in addresses if declared.is_folder(address)]


def collect_data(config: ScriptRunConfig, workspace: WorkspaceBase) -> CollectedData | None:
    """Return the data that a configuration names; None if it names none.

    Data sets that are not registered are stored, so that they can be found by their ids.

    Raises:
        UserErrorException: two inputs or outputs have one name, or a data set cannot be read.
    """
    arguments = list(_arguments(config, workspace))
    if not arguments:
        return None
    variables = _variables(config.run_config)
    inputs: dict[str, ScriptInput] = {}
    outputs: dict[str, ScriptOutput] = {}
    datasets: list[tuple[DatasetConsumptionConfig, AbstractDataset]] = []
    for argument in arguments:
        if isinstance(argument, DatasetConsumptionConfig):
            dataset = _dataset_of(argument)
            item = _to_input(argument, dataset, workspace, variables.get(argument.name))
            if (argument, dataset) not in datasets and item.name not in inputs:
                datasets.append((argument, dataset))
            _add(inputs, item.name, item)
        elif isinstance(argument, DataReference) and argument.mode != UPLOAD:
            _add(inputs, argument.data_reference_name, _reference_input(argument))
        elif isinstance(argument, DataReference):
            _add(outputs, argument.data_reference_name, _reference_output(argument))
        elif isinstance(argument, OutputDatasetConfig):
            _add(outputs, argument.name, _to_output(argument, workspace))
    data = ScriptData(
        stores=declared.read_all(workspace),
        inputs=list(inputs.values()),
        outputs=list(outputs.values()),
    )
    used = [_to_data_input(argument, dataset) for argument, dataset in datasets]
    return CollectedData(data, input_notes(used), used)


def _arguments(config: ScriptRunConfig, workspace: WorkspaceBase) -> Iterator[ScriptArgument]:
    settings = config.run_config
    command = config.command if isinstance(config.command, (list, tuple)) else ()
    for value in (
        *(config.arguments or settings.arguments),
        *command,
        *(_open_data(name, value, workspace) for name, value in settings.data.items()),
        *(
            _open_reference(name, value, workspace)
            for name, value in settings.data_references.items()
        ),
        *settings.output_data.values(),
    ):
        if isinstance(value, ScriptArgument):
            yield value


def _open_data(name: str, value: Any, workspace: WorkspaceBase) -> Any:
    """Convert an entry of ``run_config.data`` to an argument of a script."""
    if not isinstance(value, Data):
        return value
    reference = dataset_of(name, value)
    if reference.id:
        dataset = Dataset.get_by_id(workspace, reference.id)
    else:
        version = reference.version or "latest"
        dataset = Dataset.get_by_name(workspace, str(reference.name), version)
    return DatasetConsumptionConfig(name, dataset, value.mechanism, value.path_on_compute)


def _open_reference(name: str, value: Any, workspace: WorkspaceBase) -> Any:
    """Convert an entry of ``run_config.data_references`` to an argument of a script."""
    if not isinstance(value, DataReferenceConfiguration):
        return value
    return DataReference(
        open_datastore(workspace, value.datastore_name or ""),
        name,
        value.path_on_datastore,
        value.mode,
        value.path_on_compute,
        value.overwrite,
    )


def _variables(settings: RunConfiguration) -> dict[str, str]:
    """Return by input the environment variables whose names the user has chosen."""
    return {
        name: value.environment_variable_name
        for name, value in settings.data.items()
        if isinstance(value, Data) and value.environment_variable_name
    }


def check_data(settings: RunConfiguration) -> None:
    """Raise UserErrorException for an entry of the configuration's data that is not data."""
    for field in ("data", "data_references", "output_data"):
        for name, value in getattr(settings, field).items():
            if not isinstance(value, IN_ENTRIES):
                raise UserErrorException(
                    f"run_config.{field}[{name!r}] is the {type(value).__name__} {value!r}; it is "
                    "dataset.as_named_input('data'), a DataReference or an OutputFileDatasetConfig."
                )


def _add(items: dict[str, Any], name: str, item: Any) -> None:
    if name in items and items[name] != item:
        raise UserErrorException(
            f"Two inputs or outputs of the script have the name {name!r}; give each its own."
        )
    items[name] = item


def _dataset_of(argument: DatasetConsumptionConfig) -> AbstractDataset:
    if not isinstance(argument.dataset, AbstractDataset):
        raise UserErrorException(
            f"The input {argument.name!r} is the {type(argument.dataset).__name__} "
            f"{argument.dataset!r}, and not a data set."
        )
    if argument.mode != DIRECT and definition_of(argument.dataset).kind == TABULAR:
        raise UserErrorException(
            f"The input {argument.name!r} is a table, which has no path. Pass "
            f"dataset.as_named_input({argument.name!r}) alone: the script gets its id, and "
            f"run.input_datasets[{argument.name!r}] is the table."
        )
    return argument.dataset


def _to_input(
    argument: DatasetConsumptionConfig,
    dataset: AbstractDataset,
    workspace: WorkspaceBase,
    variable: str | None,
) -> ScriptInput:
    dataset_id = save(dataset, workspace)
    return ScriptInput(
        name=argument.name,
        mode=argument.mode,
        definition=definition_of(dataset).to_json(),
        marker=str(argument),
        id=dataset_id,
        folder=argument.path_on_compute,
        variables=[variable or argument.name],
    )


def _to_data_input(argument: DatasetConsumptionConfig, dataset: AbstractDataset) -> DataInput:
    registration = registration_of(dataset)
    definition = definition_of(dataset)
    return DataInput(
        id=str(dataset.id),
        name=None if registration is None else registration.name,
        version=None if registration is None else registration.version,
        input_name=argument.name,
        mode=argument.mode,
        kind=definition.kind,
        sources=tuple(str(source) for source in definition.sources[:20]),
    )


def _reference_input(argument: DataReference) -> ScriptInput:
    source = Source(argument.datastore.name, argument.path_on_datastore or "")
    return ScriptInput(
        name=argument.data_reference_name,
        mode=argument.mode,
        definition=Definition(kind=FILE, sources=(source,)).to_json(),
        marker=str(argument),
        folder=argument.path_on_compute,
        variables=[REFERENCE.format(name=argument.data_reference_name)],
    )


def _reference_output(argument: DataReference) -> ScriptOutput:
    return ScriptOutput(
        name=argument.data_reference_name,
        mode=UPLOAD,
        store=argument.datastore.name,
        path=(argument.path_on_datastore or "").strip("/"),
        marker=str(argument),
        folder=argument.path_on_compute,
        overwrite=argument.overwrite,
        variables=[REFERENCE.format(name=argument.data_reference_name)],
    )


def _to_output(argument: OutputDatasetConfig, workspace: WorkspaceBase) -> ScriptOutput:
    if argument.destination is None:
        store, path = declared.default_name(workspace), DEFAULT_FOLDER
    else:
        store, path = argument.destination[0].name, argument.destination[1]
    registration = argument.registration
    output = ScriptOutput(
        name=argument.name,
        mode=argument.mode,
        store=store,
        path=path.strip("/"),
        marker=str(argument),
        folder=argument.source,
        overwrite=argument.overwrite,
        globs=argument.source_globs,
        registration=None
        if registration is None
        else {
            "name": registration.name,
            "description": registration.description,
            "tags": dict(registration.tags),
        },
        format=argument.reading[0],
        options=dict(argument.reading[1]),
        steps=[list(step) for step in argument.steps],
        variables=[argument.name],
    )
    if isinstance(argument, OutputTable):
        return replace(output, kind=TABULAR, path_glob=argument.path_glob)
    return output


def definition_text(collected: CollectedData | None) -> dict[str, Any]:
    """Return the part of a run's definition that describes its data, in v1's form."""
    if collected is None:
        return {}
    return {
        "data": {
            item.input_name: {
                "dataLocation": {"dataset": {"id": item.id, "name": item.name}},
                "mechanism": item.mode,
            }
            for item in collected.shown
        },
        "outputData": {
            output.name: {"mechanism": output.mode, "datastore": output.store, "path": output.path}
            for output in collected.data.outputs
        },
    }
