"""MLflow's own page shows which data a submitted script has read."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from azureml.core import Dataset
from helpers.browser import Page
from helpers.studio import ADMIN
from helpers.submitted_jobs import submit


@pytest.mark.long
@pytest.mark.usefixtures("jobs")
def test_a_runs_page_names_the_data_that_it_has_read(
    page: Page, experiment: Any, folder: Path
) -> None:
    name = f"irises-{uuid.uuid4().hex[:8]}"
    path = folder / "i.csv"
    path.write_text("width,kind\n0.2,a\n")
    table = Dataset.Tabular.from_delimited_files(path).register(experiment.workspace, name)
    run = submit(experiment, "pass", arguments=[table.as_named_input("input")])
    page.open(f"#/experiments/{experiment.id}/runs/{run.id}?workflowType=machine_learning", ADMIN)
    page.see("body", f"{name} (v1")
