"""Commands on models: v1's ``az ml model``."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from amlflow.cli.checks import checking_values, parse_number, parse_pair, parse_tag, require_path
from amlflow.cli.progress import announce
from amlflow.cli.scope import Where
from amlflow.core.models.model import Model
from amlflow.core.models.registration import check_model_name
from amlflow.core.models.resource_configuration import ResourceConfiguration
from amlflow.exceptions import WrongUsage


def list_models(
    *,
    model_name: str | None,
    latest: bool,
    tag: list[str] | None,
    property: list[str] | None,
    model_run_id: str | None,
    dataset_id: str | None,
    **where: Any,
) -> list[dict[str, Any]]:
    """``model list``."""
    models = Model.list(
        Where(**where).workspace(),
        name=model_name,
        tags=[_parse_condition(text) for text in tag or ()],
        properties=[_parse_condition(text) for text in property or ()],
        run_id=model_run_id,
        latest=latest,
        dataset_id=dataset_id,
    )
    return [_summarize(model) for model in models]


def _summarize(model: Model) -> dict[str, Any]:
    """Describe a model, without a call to the tracker for each model."""
    return {
        "id": model.id,
        "name": model.name,
        "version": model.version,
        "createdTime": model.created_time.isoformat(),
        "description": model.description,
        "framework": model.model_framework,
        "frameworkVersion": model.model_framework_version,
        "runId": model.run_id,
        "tags": model.tags,
        "properties": model.properties,
    }


def show(
    *,
    shown_id: str | None,
    model_name: str | None,
    version: str | None,
    model_run_id: str | None,
    **where: Any,
) -> dict[str, Any]:
    """``model show``."""
    if shown_id is None and model_name is None:
        raise WrongUsage("Say which model: --model-id NAME:VERSION, or --model-name NAME.")
    number: Any = version  # v1 takes a text, too
    workspace = Where(**where).workspace()
    model = Model(workspace, model_name, shown_id, version=number, run_id=model_run_id)
    return model.serialize()


def register(
    *,
    registered_name: str,
    model_path: str | None,
    asset_path: str | None,
    model_run_id: str | None,
    model_description: str | None,
    model_framework: str | None,
    model_framework_version: str | None,
    tag: list[str] | None,
    property: list[str] | None,
    cpu_cores: str | None,
    memory_gb: str | None,
    gpu_cores: str | None,
    **where: Any,
) -> dict[str, Any]:
    """``model register``: a local file or folder, or one of a run."""
    if (model_path is None) == (asset_path is None and model_run_id is None):
        raise WrongUsage(
            "Say what is registered: --model-path PATH for a local file or folder, or --run-id RUN "
            "with --asset-path NAME for one of a run."
        )
    if model_path is not None:
        require_path("--model-path", model_path, "a file or folder of this machine")
    with checking_values():
        check_model_name(registered_name)
    scope = Where(**where)
    fields: dict[str, Any] = {
        "tags": dict(parse_tag("--tag", text) for text in tag or ()),
        "properties": dict(parse_tag("--property", text) for text in property or ()),
        "description": model_description,
        "model_framework": model_framework,
        "model_framework_version": model_framework_version,
        "resource_configuration": _resources(cpu_cores, memory_gb, gpu_cores),
    }
    if model_path is None:
        if model_run_id is None:
            raise WrongUsage("--asset-path names a file of a run. Pass --run-id, too.")
        run = scope.run(model_run_id)
        return run.register_model(registered_name, asset_path, **fields).serialize()
    with contextlib.redirect_stdout(sys.stderr):  # the output is JSON
        model = Model.register(scope.workspace(), model_path, registered_name, **fields)
    return model.serialize()


def download(*, model_id: str, target_dir: str, overwrite: bool, **where: Any) -> str:
    """``model download``."""
    model = Model(Where(**where).workspace(), id=model_id)
    with announce(f"Downloading model {model.id} to {target_dir}"):
        return model.download(target_dir, exist_ok=overwrite)


def update(
    *,
    model_id: str,
    model_description: str | None,
    add_model_tag: list[str] | None,
    remove_tag: list[str] | None,
    add_property: list[str] | None,
    cpu_cores: str | None,
    memory_gb: str | None,
    gpu_cores: str | None,
    **where: Any,
) -> dict[str, Any]:
    """``model update``."""
    tags: dict[str, Any] = dict(parse_tag("--add-tag", text) for text in add_model_tag or ())
    properties = dict(parse_pair("--add-property", text) for text in add_property or ())
    resources = _resources(cpu_cores, memory_gb, gpu_cores)
    model = Model(Where(**where).workspace(), id=model_id)
    with contextlib.redirect_stdout(sys.stderr):
        model.update_tags_properties(tags, remove_tag, properties)
    if model_description is not None or resources is not None:
        model.update(description=model_description, resource_configuration=resources)
    return model.serialize()


def delete(*, model_id: str, **where: Any) -> None:
    """``model delete``."""
    Model(Where(**where).workspace(), id=model_id).delete()


def _parse_condition(text: str) -> Any:
    """Parse a key, or a pair of key and value, for ``Model.list``."""
    key, value = parse_tag("--tag or --property", text)
    return key if value is None else [key, value]


def _resources(
    cpu_cores: str | None, memory_gb: str | None, gpu_cores: str | None
) -> ResourceConfiguration | None:
    if cpu_cores is None and memory_gb is None and gpu_cores is None:
        return None
    return ResourceConfiguration(
        parse_number("--cc", cpu_cores, float),
        parse_number("--gb", memory_gb, float),
        parse_number("--gc", gpu_cores, int),
    )
