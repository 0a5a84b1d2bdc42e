"""Charts over runs, reasons of failed runs, and the difference of two, from All runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pytest
from helpers.browser import Keys, Page
from helpers.studio import READER, WRITER
from mlflow.entities import Metric

CARD = ".amlflow-charts figure"


@pytest.fixture
def here(experiment: Any, studio: Any) -> str:
    """The address of a list of three runs with a metric and a param each, and two that failed."""
    client = mlflow.MlflowClient(studio.uri)
    for number in range(3):
        run = experiment.start_logging(snapshot_directory=None, display_name=f"run-{number}")
        client.log_param(run.id, "lr", number / 10)
        for step in range(5):
            run.log("loss", 1 / (step + 1 + number), step=step)
        run.complete()
    for size in (2, 3):
        failed = experiment.start_logging(snapshot_directory=None, display_name=f"failed-{size}")
        failed.fail(error_details=f"CUDA out of memory. Tried to allocate {size} GiB")
    return f"#/amlflow/runs?experiments={experiment.name}"


def test_runs_are_charted_and_the_charts_are_in_the_address(page: Page, here: str):
    page.open(f"{here}&text=run-", READER)
    page.see(".amlflow-table tbody th", "run-2")
    page.click(".amlflow-all-runs > header button", "Charts")
    # There are some at once, which the address has only once they are changed.
    page.see(f"{CARD} .u-wrap canvas")
    page.see(f"{CARD} svg a circle")
    assert "charts=" not in page.driver.current_url
    page.click(f"{CARD}:nth-child(2) button[aria-label='Remove the chart']")
    page.until(lambda: page.driver.current_url.count("charts=") == 1, "the other one")
    page.press("c")
    page.wait_until_gone(CARD)
    page.press("c")
    page.see(f"{CARD} .u-wrap canvas")
    plot = page.see(f"{CARD} [role=img]")
    assert plot.get_attribute("aria-label") == "loss of 3 runs; last values: 0.1429, 0.1667, 0.2"
    assert page.see(".amlflow-legend").text.split() == ["run-2", "run-1", "run-0"]
    page.click(".amlflow-board button", "Add a chart")
    page.click(".amlflow-board .amlflow-panel button", "Scatter")
    page.see(f"{CARD} svg a circle")
    address = page.driver.current_url
    assert address.count("charts=") == 2
    # Somebody else opens the same by the link, for the runs that they select.
    page.open(f"#{address.partition('#')[2]}", READER)
    page.see(f"{CARD} .u-wrap canvas")
    page.until(lambda: len(page.find_all(f"{CARD} svg a")) == 3, "the marks of three runs")
    for tick in page.find_all(".amlflow-table tbody input")[:2]:
        tick.click()
    page.until(lambda: len(page.find_all(f"{CARD} svg a")) == 2, "the marks of two runs")
    page.see(".amlflow-board [role=status]", "Of the selected runs.")
    page.click(f"{CARD} button[aria-label='Remove the chart']")
    page.until(lambda: len(page.find_all(CARD)) == 1, "one chart less")
    # The link has the selection, too.
    page.open(f"#{page.driver.current_url.partition('#')[2]}", WRITER)
    page.see(".amlflow-selection b", "2 selected")
    page.see(".amlflow-board [role=status]", "Of the selected runs.")
    page.press(Keys.ESCAPE)
    page.see(".amlflow-board [role=status]", "Of the first 3 runs")
    assert "charted=" not in page.driver.current_url


def test_a_charts_part_has_more_detail_and_running_runs_draw_themselves(
    page: Page, studio: Any, experiment: Any
):
    run = experiment.start_logging(snapshot_directory=None)
    run.display_name = "long"
    client = mlflow.MlflowClient(studio.uri)
    for start in (0, 1000, 2000):  # as many as MLflow takes at once
        steps = range(start, start + 1000)
        client.log_batch(run.id, [Metric("loss", 1 / (step + 1), step, step) for step in steps])
    chart = '{"kind":"curves","y":"loss","x":"step","smoothing":0.5,"log":true}'
    page.open(f"#/amlflow/runs?experiments={experiment.name}&charts={chart}", READER)
    page.see(f"{CARD} .u-wrap canvas")
    page.script(
        "const fetched = window.fetch; window.counts = [];"
        "window.fetch = async (address, more) => {"
        "  const answer = await fetched(address, more);"
        "  if (more?.body?.includes('\"low\"'))"
        "    window.counts.push((await answer.clone().json()).curves[0].steps);"
        "  return answer;"
        "}"
    )
    plot = page.see(f"{CARD} [role=img]")
    page.script("arguments[0].focus()", plot)
    page.press("+", "+", "+")
    page.until(lambda: "to 1" in (plot.get_attribute("aria-label") or ""), "the chart's part")
    part = page.until(lambda: page.script("return window.counts.at(-1)"), "the part's points")
    # All 375 steps of it, where the whole curve had 500 points of 3000.
    page.until(
        lambda: len(page.script("return window.counts.at(-1)")) > 370, "the detail of the part"
    )
    assert part[0] > 0
    assert "zoom" in page.driver.current_url
    # The script goes on, and the chart shows it without a reload.
    run.log("loss", 77.0, step=3000)
    page.until(lambda: "last values: 77" in (plot.get_attribute("aria-label") or ""), "77")
    page.press("0")
    page.until(lambda: " to " not in (plot.get_attribute("aria-label") or ""), "all of it")
    page.until(lambda: "zoom" not in page.driver.current_url, "an address without a part")


def test_runs_without_metrics_say_so(page: Page, here: str):
    page.open(f"{here}&text=failed-", READER)
    page.see(".amlflow-table tbody th", "failed-2")
    page.click(".amlflow-all-runs > header button", "Charts")
    page.see(".amlflow-charts", "None of these runs has logged a metric.")


def test_a_runs_own_charts_are_of_the_metric_that_was_chosen(page: Page, here: str):
    page.open(f"{here}&text=run-1", READER)
    page.click(".amlflow-table tbody a", "run-1")
    page.click(".amlflow-values a", "loss")
    page.see(f"{CARD} .u-wrap canvas")
    assert len(page.find_all(CARD)) == 1


def test_the_reasons_of_failures_choose_their_runs(page: Page, here: str):
    page.open(here, READER)
    page.see(".amlflow-table tbody th", "run-2")
    page.click(".amlflow-all-runs > header button", "Failures")
    page.see(".amlflow-reasons [role=status]", "2 runs have failed.")
    page.click(".amlflow-reason", "2 runs")
    page.until(lambda: sorted(page.run_names()) == ["failed-2", "failed-3"], "the failed runs")
    assert "query=status%3Afailed" in page.driver.current_url


def test_the_failures_are_of_the_words_in_the_query_box_too(page: Page, here: str):
    page.open(f"{here}&query=failed-2", READER)
    page.until(lambda: page.run_names() == ["failed-2"], "the run of that name")
    page.click(".amlflow-all-runs > header button", "Failures")
    page.see(".amlflow-reasons [role=status]", "1 run has failed.")
    page.click(".amlflow-reason", "1 run")
    page.until(lambda: "status%3Afailed" in page.driver.current_url, "the run's reason")
    assert page.run_names() == ["failed-2"]


def test_the_difference_of_two_runs_is_one_page(page: Page, experiment: Any, folder: Path):
    source = folder / "source"
    source.mkdir()
    for number in range(2):
        (source / "train.py").write_text(f"lr = {number}\n")
        run = experiment.start_logging(snapshot_directory=str(source), display_name=f"run-{number}")
        run.tag("try", str(number))
        run.complete()
    page.open(f"#/amlflow/runs?experiments={experiment.name}", READER)
    page.see(".amlflow-table tbody th", "run-1")
    for tick in page.find_all(".amlflow-table tbody input"):
        tick.click()
    page.click(".amlflow-selection button", "Difference")
    page.see(".amlflow-diff .is-added", "+lr =")
    page.see(".amlflow-diff .is-removed", "-lr =")
    page.see(".amlflow-difference tr", "try")
    page.see(".amlflow-sides a", "run-0")
