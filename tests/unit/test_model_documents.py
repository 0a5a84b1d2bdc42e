"""Models as JSON, and the parts of v1's serving that are refused."""

from __future__ import annotations

import json

import pytest
from amlflow.core.models.model import Model
from amlflow.core.models.resource_configuration import ResourceConfiguration
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import (
    UserErrorException,
    WebserviceException,
)
from helpers.model_workspaces import Data, run, workspace, write

__all__ = ["run", "workspace"]


# as JSON


def test_a_model_as_json_and_back(workspace: Workspace, run: Run) -> None:
    run.upload_file("m", write("model.pkl"))
    model = run.register_model(
        "m", tags={"a": "b"}, properties={"p": "q"}, model_framework="Onnx",
        datasets=[("training", Data("id"))], resource_configuration=ResourceConfiguration(cpu=2),
    )  # fmt: skip
    payload = json.loads(json.dumps(model.serialize()))
    assert list(payload) == [
        "createdTime", "createdBy", "description", "id", "mimeType", "name", "framework",
        "frameworkVersion", "tags", "properties", "unpack", "url", "version", "experimentName",
        "runId", "runDetails", "datasets", "resourceConfiguration", "sampleInputDatasetId",
        "sampleOutputDatasetId",
    ]  # fmt: skip
    assert (payload["id"], payload["runId"], payload["framework"]) == ("m:1", run.id, "Onnx")
    assert payload["runDetails"].startswith("Run(Experiment: training")
    assert payload["datasets"] == [{"name": "training", "id": "id"}]
    back = Model.deserialize(workspace, payload)
    assert back.serialize() == model.serialize()
    back.add_tags({"c": "d"})
    assert Model(workspace, "m").tags == {"a": "b", "c": "d"}
    for wrong in ({}, {**payload, "version": "x"}, {**payload, "createdTime": "now"}, None):
        with pytest.raises(WebserviceException):
            Model.deserialize(workspace, wrong)  # type: ignore[arg-type]
    assert repr(model) == (
        f"Model(workspace={workspace!r}, name=m, id=m:1, version=1, tags={{'a': 'b'}}, "
        "properties={'p': 'q'})"
    )
    assert model.url


# serving


def test_serving_is_refused_where_it_is_used(workspace: Workspace) -> None:
    from azureml.core import Image, Webservice
    from azureml.core.image import ContainerImage
    from azureml.core.model import InferenceConfig
    from azureml.core.webservice import AciWebservice, AksWebservice, LocalWebservice

    for call in (
        lambda: Model.deploy(workspace, "service", []),
        lambda: Model.package(workspace, []),
        lambda: InferenceConfig(entry_script="score.py"),
        lambda: AciWebservice.deploy_configuration(cpu_cores=1, memory_gb=1),
        lambda: AksWebservice.deploy_configuration(),
        lambda: LocalWebservice.deploy_configuration(port=8890),
        lambda: Webservice.deploy_from_model(workspace, "s"),
        lambda: ContainerImage.image_configuration(execution_script="score.py"),
    ):
        with pytest.raises(UserErrorException, match="mlflow models serve"):
            call()
    with pytest.raises(WebserviceException, match="WebserviceNotFound: Webservice with name s"):
        Webservice(workspace, "s")
    with pytest.raises(WebserviceException, match="WebserviceNotFound"):
        AciWebservice(workspace, name="s")
    assert Webservice.list(workspace) == Image.list(workspace) == []


def test_resource_configurations() -> None:
    for payload in ({"cpu": 1}, {"cpu": 1, "gpu": 1}):
        with pytest.raises(WebserviceException, match="memoryInGB"):
            ResourceConfiguration.deserialize(payload)
    assert ResourceConfiguration.deserialize(None) is None
