"""The page of a run in a browser: status, logs, Cancel, description, tags, properties."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.browser import Keys, Page
from helpers.studio import READER, WRITER
from helpers.submitted_jobs import alive, scripts, submit, until, wait_for_end
from helpers.tiny_environments import environment_of, write_index

TRAINING = """
    import signal, subprocess, sys, time

    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # so that CancelRequested is there to be seen
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    step = 0
    while True:
        print(f"step {step}", flush=True)
        step += 1
        time.sleep(0.1)
"""


def address(run: Any, tab: str = "") -> str:
    return f"#/experiments/{run.experiment.id}/runs/{run.id}{tab}"


def steps(page: Page) -> int:
    found = re.findall(r"step (\d+)", page.see(".amlflow-log").text)
    return int(found[-1]) if found else -1


def test_a_script_is_watched_and_cancelled_from_the_page(page: Page, experiment: Any, jobs: Path):
    run = submit(experiment, TRAINING)
    page.open(address(run), WRITER)
    page.see(".amlflow-run-actions .amlflow-chip", "Running")
    page.script("window.sameDocument = true")
    page.click("[role=tab]", "Logs")
    page.until(lambda: steps(page) >= 0, "the log's first lines")
    seen = steps(page)
    page.until(lambda: steps(page) > seen + 5, "the log's next lines")
    running = until(lambda: len(scripts(jobs)) == 2 and scripts(jobs))

    page.click(".amlflow-run-actions button", "Cancel run")
    page.see("dialog", "Cancel this run?")
    page.press(Keys.ESCAPE)
    page.wait_until_gone("dialog")
    assert run.get_status() == "Running"

    page.click(".amlflow-run-actions button", "Cancel run")
    page.click("dialog .danger", "Cancel run")
    clicked = time.monotonic()
    page.see(".amlflow-run-actions .amlflow-chip", "CancelRequested")
    assert not page.see(".amlflow-run-actions button", "Cancelling").is_enabled()
    until(lambda: not any(alive(each.pid) for each in running), 60, "the end of the processes")
    assert time.monotonic() - clicked < 20
    page.see(".amlflow-run-actions .amlflow-chip", "Canceled")
    page.wait_until_gone(".amlflow-run-actions button")
    assert page.script("return window.sameDocument")
    assert run.get_status() == "Canceled"

    page.click("[role=tab]", "Overview")
    page.see("[data-testid='key-value-Status'] .amlflow-chip", "Canceled")
    assert not page.find_all(".amlflow-log")


def test_a_long_log_is_read_from_either_end_after_the_run(page: Page, experiment: Any):
    run = experiment.start_logging(snapshot_directory=None)
    wide = f"{'wide' * 1_000}\nanother line\n"
    lines = "".join(f"line {number:06}\n" for number in range(200_000))
    for name, text in (("std_log.txt", lines), ("other.txt", wide)):
        Path(name).write_text(text)
        run.upload_file(f"user_logs/{name}", name)
    run.complete()
    page.open(address(run, "/logs"), READER)
    page.see(".amlflow-logs select")
    page.click(".amlflow-logs option", "std_log")
    log = "return document.querySelector('.amlflow-log').textContent"
    page.until(lambda: page.script(log).endswith("line 199999\n"), "the log's end")
    page.click(".amlflow-logs button", "Show from the beginning")
    page.until(lambda: page.script(log).startswith("line 000000\n"), "the log's beginning")
    follow = page.see(".amlflow-logs label", "Follow").find_element("css selector", "input")
    assert not follow.is_selected()
    # It is read on as it is scrolled through, and not to an end that nobody looks at.
    assert "line 199999" not in page.script(log)
    read = len(page.script(log))
    page.script("const t = document.querySelector('.amlflow-log'); t.scrollTop = t.scrollHeight")
    page.until(lambda: len(page.script(log)) > read, "what follows")
    follow.click()
    page.until(lambda: page.script(log).endswith("line 199999\n"), "the log's end")
    # It is shown in blocks, which are not to be seen in what is copied.
    copied = "getSelection().selectAllChildren(document.querySelector('.amlflow-log'));"
    text = page.script(f"{copied} return getSelection().toString()")
    assert f"{text}\n" == page.script(log)
    page.click(".amlflow-logs option", "other")
    page.until(lambda: page.script(log) == wide, "the other file")
    sideways = (
        "const t = document.querySelector('.amlflow-log'); return t.scrollWidth - t.clientWidth"
    )
    page.until(lambda: page.script(sideways) > 20_000, "scrolling to a long line's end")
    page.click(".amlflow-logs label", "Wrap lines")
    page.until(lambda: page.script(sideways) == 0, "no scrolling sideways")


def test_a_run_without_logs_says_so(page: Page, experiment: Any):
    run = experiment.start_logging(snapshot_directory=None)
    run.complete()
    page.open(address(run, "/logs"), READER)
    page.see(".amlflow-logs [role=status]", "This run has no logs")
    assert not page.see(".amlflow-logs").find_element("css selector", "pre").is_displayed()


def test_a_reader_sees_the_run_and_no_cancel(page: Page, experiment: Any):
    run = experiment.start_logging(snapshot_directory=None)
    page.open(address(run), READER)
    page.see(".amlflow-run-actions .amlflow-chip", "Running")
    assert not page.find_all(".amlflow-run-actions button")
    run.complete()
    page.see(".amlflow-run-actions .amlflow-chip", "Completed")


def test_the_fine_status_is_shown(page: Page, experiment: Any):
    [run] = experiment.start_logging(snapshot_directory=None).create_children(1)
    page.open(address(run), WRITER, "dark")
    page.see("[data-testid='key-value-Status'] .amlflow-chip", "NotStarted")
    actions = page.see(".amlflow-run-actions").rect
    menu = page.see("main [data-testid='overflow-menu-trigger']").rect
    assert actions["x"] + actions["width"] <= menu["x"]
    assert abs(actions["y"] + actions["height"] / 2 - menu["y"] - menu["height"] / 2) < 4
    run.start()
    page.see("[data-testid='key-value-Status'] .amlflow-chip", "Running")
    run.complete()


def test_the_environment_of_a_run_is_in_its_overview(
    page: Page, experiment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    links = write_index(tmp_path / "wheels", monkeypatch, "1.0")
    run = submit(
        experiment, "import amlflow_tiny", environment=environment_of(links, "amlflow-tiny")
    )
    assert wait_for_end(run) == "Completed"
    page.open(address(run), READER)
    row = page.see(".amlflow-environment", "tiny")
    assert row.text.split("\n") == ["Environment", "tiny (packages)"]
    key = run.get_details()["environment"]["hash"]
    assert row.find_element("css selector", "span").get_attribute("title") == f"hash {key}"
    page.click(".amlflow-environment a", "packages")
    page.see("main", "amlflow-tiny==1.0")
    page.open(address(run, "/logs"), READER)
    page.see(".amlflow-logs select")


@pytest.fixture
def logged(experiment: Any) -> Any:
    """A run with some of everything."""
    run = experiment.start_logging(snapshot_directory=None)
    run.display_name = "some of everything"
    run.description = "Uses the **wide** backbone."
    run.tag("quality", "fantastic run")
    run.tag("worth another look")
    run.add_properties({"author": "azureml-user"})
    run.log_table("fold", {"seconds": [1, 2, 4], "accuracy": [0.8, 0.85, 0.9]})
    Path("plot.png").write_bytes(_png())
    run.log_image("plot", path="plot.png")
    run.child_run(name="the child").complete()
    run.complete()
    return run


def _png() -> bytes:
    import matplotlib

    matplotlib.use("agg")
    from io import BytesIO

    from matplotlib import pyplot

    buffer = BytesIO()
    pyplot.imsave(buffer, np.eye(4))
    return buffer.getvalue()


def test_what_v1_code_logged_is_in_mlflows_page(page: Page, logged: Any):
    page.open(address(logged), READER)
    page.see("[data-testid='entity-overview-container'] strong", "wide")
    overview = page.see("[data-testid='entity-overview-container']", "property.author").text
    assert "quality: fantastic run" in overview.replace("\n", "")
    assert "worth another look" in overview.split("\n")
    assert "fold.seconds" in overview
    [lock] = page.until(lambda: page.find_all("[role=img].amlflow-lock"), "a mark of a property")
    assert lock.get_attribute("aria-label") == "A property: it is immutable"
    page.open(address(logged, "/model-metrics"), READER)
    page.see("main", "fold.accuracy")
    page.see("main .js-plotly-plot, main [data-testid*='chart']")
    page.open(address(logged, "/artifacts"), READER)
    page.click("main [role=treeitem], main li", "plot")
    page.see("main img[src^='blob:'], main img[src*='artifact'], main canvas, main svg.main-svg")


def test_children_nest_and_properties_are_searched_in_mlflows_page(
    page: Page, studio: Any, logged: Any
):
    from urllib.parse import quote

    other = logged.experiment.start_logging(snapshot_directory=None)
    other.display_name = "another"
    other.complete()
    listed = f"#/experiments/{logged.experiment.id}/runs"
    page.open(listed, READER)
    page.see("main", "another")
    assert "the child" not in page.see("main").text
    page.click("main button[data-component-id*='runnamecellrenderer']")
    page.see("main", "the child")
    condition = "params.`property.author` = 'azureml-user'"
    page.open(f"{listed}?searchFilter={quote(condition)}", READER)
    page.see("main", "some of everything")
    page.until(lambda: "another" not in page.see("main").text, "only what the search finds")


def test_a_description_that_is_edited_in_the_page_is_the_runs(page: Page, logged: Any):
    page.open(address(logged), WRITER)
    page.click("button[aria-label='Edit description']")
    box = page.see("main textarea")
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys("Edited *there*.")
    page.click("main button", "Save")
    until(lambda: logged.get_details() and logged.description == "Edited *there*.")
    assert logged.description == "Edited *there*."


def test_tags_that_are_edited_in_the_page_are_the_runs(page: Page, logged: Any):
    page.open(address(logged), WRITER)
    page.click("button[aria-label='Edit tags']")
    page.see("[role=dialog] input[role=combobox]").send_keys("reviewed")
    page.click(".du-bois-light-select-item-option", "reviewed")
    page.see("[role=dialog] input[aria-label='Value']").send_keys("yes")
    page.click("[role=dialog] button[aria-label='Add tag']")
    page.see("[role=dialog] [role=status]", "reviewed")
    page.click("[role=dialog] [role=status][title='quality'] button")
    page.click("[role=dialog] button", "Save")
    page.wait_until_gone("[role=dialog]")
    expected = {"worth another look": None, "reviewed": "yes"}
    until(lambda: logged.get_tags() == expected, what=f"the tags {expected}")
    logged.tag("keep", "always")
    page.open(address(logged), READER)
    page.until(lambda: "keep: always" in page.see("main").text.replace("\n", ""), "the tag's value")
