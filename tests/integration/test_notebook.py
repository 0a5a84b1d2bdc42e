"""A real Jupyter kernel shows v1's objects, and lists of them, as tables."""

from __future__ import annotations

import html
import json
import re
import urllib.request
from pathlib import Path

import nbclient
import nbformat
import pytest
from helpers import servers

CELLS = [
    "from azureml.core import Workspace, Experiment\n"
    "workspace = Workspace.from_config()\n"
    "experiment = Experiment(workspace, 'in-a-notebook')\n"
    "run = experiment.start_logging(snapshot_directory=None)\n"
    "print(run.id, experiment.id)",
    "run",
    "experiment",
    "workspace",
]
LISTS = [
    "experiment.get_runs()",
    "experiment.query('[]')",
    "Experiment.list(workspace)",
    "from azureml.core import Model\nopen('m.txt', 'w').write('a')\n"
    "Model.register(workspace, 'm.txt', 'a-model')\nModel.list(workspace)",
    "experiment.get_runs().to_pandas()",
    "experiment.query('[]').to_pandas()",
]
WIDGETS = [
    "from azureml.widgets import RunDetails\nrun.log_list('loss', [2, 1])\nRunDetails(run).show()",
    "import sys\nsys.modules['ipywidgets'] = None  # as if it were not installed\n"
    "RunDetails(run).show()\n"
    "open('t.csv', 'w').write('a')\n"
    "workspace.get_default_datastore().upload_files(['t.csv'])",
    "run.complete()\nimport threading\n"
    "for thread in threading.enumerate():\n"
    "    if thread.name == 'amlflow-run-details':\n        thread.join()",
]
"""RunDetails with ipywidgets and without, and its end."""


def executed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[nbformat.NotebookNode]]:
    """The outputs of each cell, run by a kernel whose working folder this is."""
    for name, value in servers.QUIET.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    cells = [nbformat.v4.new_code_cell(each) for each in (*CELLS, *LISTS, *WIDGETS)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(
        notebook, timeout=180, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return [cell.outputs for cell in notebook.cells]


def shown(outputs: list[nbformat.NotebookNode]) -> nbformat.NotebookNode:
    return next(each for each in reversed(outputs) if each.get("name") != "stderr")


def heads(table: str) -> list[str]:
    return re.findall("<th>(.*?)</th>", table)


def links(table: str) -> list[str]:
    return [html.unescape(each) for each in re.findall('<a href="(.*?)"', table)]


def test_tables_in_a_notebook(
    server_uri: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server_uri)
    *objects, widget, redrawn, end = cells = executed(folder, monkeypatch)
    red = [output for outputs in cells for output in outputs if output.get("name") == "stderr"]
    assert red == []
    printed, run, experiment, workspace, *lists = map(shown, objects)
    # The kernel may send the warning of the first contact and this line in one message.
    run_id, experiment_id = printed.text.splitlines()[-1].split()
    texts = [output.data["text/html"] for output in (run, experiment, workspace)]
    assert heads(texts[0]) == ["Experiment", "Id", "Type", "Status", "Details Page", "Docs Page"]
    assert heads(texts[1]) == ["Name", "Workspace", "Report Page", "Docs Page"]
    assert heads(texts[2])[:3] == ["Name", "Subscription", "Resource group"]
    assert run_id in texts[0]
    assert "Running" in texts[0]
    assert run.data["text/plain"].startswith("Run(Experiment: in-a-notebook,\nId: ")
    listed = [output.data["text/html"] for output in lists]
    assert all("<table" in text for text in listed)
    expected = [run_id, run_id, "in-a-notebook", "a-model", run_id, run_id]
    assert [name for name, text in zip(expected, listed, strict=True) if name not in text] == []
    page = f"{server_uri}/#/experiments/{experiment_id}/runs/{run_id}"
    assert page in links(texts[0])
    assert f"{server_uri}/#/experiments/{experiment_id}" in links(texts[1])
    assert server_uri in links(texts[2])
    # The address is a page of the server, and the data belong to this run.
    with urllib.request.urlopen(page.partition("#")[0]) as answer:
        assert b'id="root"' in answer.read()
    address = f"{server_uri}/ajax-api/2.0/mlflow/runs/get?run_id={run_id}"
    with urllib.request.urlopen(address) as answer:
        assert json.load(answer)["run"]["info"]["experiment_id"] == experiment_id
    # RunDetails shows ipywidgets, then HTML that is drawn again when the run has ended. No red.
    assert [list(output.data) for output in widget] == [
        ["text/plain", "application/vnd.jupyter.widget-view+json"]
    ]
    assert [output.output_type for output in redrawn[:1]] == ["display_data"]
    assert {output.get("name", "stdout") for output in redrawn} == {"stdout"}
    assert "Completed" in redrawn[0].data["text/html"]
    assert "loss" in redrawn[0].data["text/html"]
    assert end == []
