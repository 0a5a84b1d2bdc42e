"""What somebody sees who opens the studio for the first time, with nothing kept in the browser."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.browser import Page
from helpers.studio import READER

ASSISTANT = "[data-assistant-ui]"
KEPT = "return JSON.parse(localStorage.getItem(arguments[0]))"


@pytest.fixture
def run(experiment: Any) -> Any:
    run = experiment.start_logging(snapshot_directory=None)
    run.display_name = "the first one"
    run.complete()
    return run


def test_links_lead_to_the_views_of_model_training(page: Page, experiment: Any, run: Any):
    page.open(f"#/amlflow/runs?experiments={experiment.name}", READER)
    page.see(".amlflow-table tbody th", "the first one")
    page.wait_until_gone(ASSISTANT)
    page.click(".amlflow-table tbody a", experiment.name)
    page.see("main button[data-component-id*='runnamecellrenderer'], main a", "the first one")
    assert "workflowType=machine_learning" in page.driver.current_url
    assert "Traces" not in page.see("main").text
    assert page.script(KEPT, "mlflow.assistant.panelOpen_v1") is not True


def test_a_choice_of_mlflows_views_is_kept(page: Page):
    page.open("#/amlflow/runs", READER)
    page.see(".amlflow-all-runs h1")
    page.script("localStorage.setItem('mlflow.workflowType_v1', '\"genai\"')")
    page.driver.refresh()
    page.see(".amlflow-all-runs h1")
    assert page.script(KEPT, "mlflow.workflowType_v1") == "genai"


def test_scripts_come_from_the_servers_files_alone(page: Page):
    page.open("#/amlflow/runs", READER)
    page.see(".amlflow-all-runs h1")
    page.script(
        "const image = document.createElement('img');"
        "image.setAttribute('onerror', 'window.ran = 1'); image.src = 'data:,';"
        "const code = document.createElement('script'); code.textContent = 'window.ran = 2';"
        "image.addEventListener('error', () => { window.failed = true });"
        "document.body.append(image, code);"
    )
    page.until(lambda: page.script("return window.failed"), "the image's error")
    assert page.script("return window.ran") is None


def test_no_page_of_the_studio_writes_to_the_console(page: Page, experiment: Any, run: Any):
    other = experiment.start_logging(snapshot_directory=None)
    other.log("loss", 1.0)
    other.fail(error_details="ValueError: wrong")
    own = f"#/amlflow/runs/{other.id}"
    page.open("#/amlflow/runs", READER)
    page.driver.get_log("browser")  # removes what a page without an icon has written
    for address, shown in (
        ("#/amlflow/runs", ".amlflow-table tbody th"),
        ("#/amlflow/runs?query=metric:none", ".amlflow-doubt"),
        ("#/amlflow/runs?query=[].[name]", ".amlflow-value"),
        (f"#/amlflow/runs?experiments={experiment.name}&group=status", ".amlflow-group"),
        (own, ".amlflow-failure"),
        (f"{own}/charts", ".amlflow-run canvas"),
        (f"{own}/logs", ".amlflow-logs"),
        (f"{own}/files", ".amlflow-run"),
        (f"#/amlflow/difference?left={run.id}&right={other.id}", ".amlflow-difference tr"),
    ):
        page.script("location.hash = arguments[0]", address)
        page.see(shown)
    written = [f"{each['level']}: {each['message']}" for each in page.driver.get_log("browser")]
    assert written == []


def test_html_that_a_run_stored_is_still_shown(page: Page, run: Any, folder: Any):
    code = "<p>report</p><script>document.body.append('its script ran')</script>"
    (folder / "report.html").write_text(code)
    run.upload_file("report.html", str(folder / "report.html"))
    page.open("#/amlflow/runs", READER)
    page.see(".amlflow-all-runs h1")
    address = f"#/experiments/{run.experiment.id}/runs/{run.id}/artifacts/report.html"
    page.script("location.hash = arguments[0]", address)

    def shown() -> bool:
        for frame in page.find_all("main iframe"):
            page.driver.switch_to.frame(frame)
            try:
                return "its script ran" in page.script("return document.body.innerText")
            finally:
                page.driver.switch_to.default_content()
        return False

    page.until(shown, "what the script in the report writes")
