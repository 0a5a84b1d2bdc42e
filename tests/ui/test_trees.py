"""Trees, groups, and changes to many runs on the All runs page in a browser."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.browser import Keys, Page
from helpers.studio import READER, WRITER

ROW = ".amlflow-table tbody tr[data-id]"


@pytest.fixture
def sweep(experiment: Any) -> dict[str, Any]:
    """A parent that has ended with two children, one of which goes on and has a child."""
    made: dict[str, Any] = {"sweep": experiment.start_logging(snapshot_directory=None)}
    made["sweep"].display_name = "sweep"
    made["done"], made["open"] = (made["sweep"].child_run(name=name) for name in ("done", "open"))
    made["fold"] = made["open"].child_run(name="fold")
    made["single"] = experiment.start_logging(snapshot_directory=None)
    made["single"].display_name = "single"
    made["single"].tag("stage", "dev")
    for name, loss in (("sweep", 0.25), ("single", 0.75)):
        made[name].log("loss", loss)
    for name in ("done", "sweep", "single"):
        made[name].complete()
    return made


def shows(page: Page, *names: str) -> None:
    page.until(lambda: page.run_names() == list(names), f"the runs {names}")


def test_a_tree_is_opened_tagged_grouped_and_cancelled(
    page: Page, experiment: Any, sweep: dict[str, Any]
):
    page.open(
        f"#/amlflow/runs?experiments={experiment.name}&columns=status&columns=metric:loss", WRITER
    )
    shows(page, "single", "sweep")
    page.click("label", "Tree")
    counts = page.see(f"{ROW} .amlflow-counts")
    page.until(lambda: page.find_all(".amlflow-opener"), "a row that can be opened")
    assert "1 Completed" in counts.get_attribute("title")
    page.script("document.querySelector('.amlflow-table tbody tr').focus()")
    page.press(Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    page.until(lambda: len(page.find_all(ROW)) == 4, "the children")
    assert page.find_focused().get_attribute("aria-expanded") == "true"
    assert "tree=true" in page.driver.current_url

    # One request changes the tags of what is selected, a child too.
    page.press(Keys.SPACE, Keys.ARROW_DOWN, Keys.SPACE)
    page.click(".amlflow-selection button", "Tags")
    page.write("[aria-label='Key of a tag to set']", "stage")
    page.write("[aria-label='Its value']", f"prod{Keys.ENTER}")
    page.see(".amlflow-messages", "The tags of 2 runs are changed.")
    assert sweep["sweep"].get_tags() == sweep["open"].get_tags() == {"stage": "prod"}

    page.click(".amlflow-menu button", "Group")
    page.click(".amlflow-panel label", "tag: stage")
    page.until(lambda: len(page.find_all(".amlflow-group")) == 2, "two groups")
    assert "0.25" in page.see(".amlflow-group", "prod").text
    page.click(".amlflow-group .amlflow-opener")
    page.until(lambda: len(page.find_all(ROW)) == 3, "a run of a group")
    assert "group=tag%3Astage" in page.driver.current_url

    # The numbers of groups follow the runs, and groups have groups in them.
    experiment.start_logging(snapshot_directory=None).tag("stage", "test")
    page.until(lambda: len(page.find_all(".amlflow-group")) == 3, "the new run's group")
    page.click(".amlflow-menu button", "Group")
    page.click(".amlflow-panel select option", "Status")
    page.until(lambda: len(page.find_all(".amlflow-group")) == 3, "the groups")
    page.click(".amlflow-group .amlflow-opener")
    page.until(lambda: len(page.find_all(".amlflow-group")) > 3, "groups of a group")
    assert "subgroup=status" in page.driver.current_url

    # A tree is cancelled from a parent that has ended.
    page.click(".amlflow-menu button", "Group")
    page.click(".amlflow-panel label", "No groups")
    shows_rows = 'document.querySelectorAll(".amlflow-table tbody tr[data-id]")'
    page.until(lambda: page.script(f"return {shows_rows}.length") == 3, "no groups")
    page.script(f"{shows_rows}[2].querySelector('input').click()")
    page.click(".amlflow-selection button", "Cancel with children")
    assert "2 runs go on" in page.see("dialog").text
    page.click("dialog button.danger")
    for name in ("fold", "open"):
        page.until(lambda name=name: sweep[name].get_status() == "Canceled", f"the end of {name}")


def test_a_reader_has_no_button_that_changes_runs(
    page: Page, experiment: Any, sweep: dict[str, Any]
):
    page.open(f"#/amlflow/runs?experiments={experiment.name}&tree=true", READER)
    page.see(".amlflow-counts")
    page.click(f"{ROW} input")
    page.see(".amlflow-selection", "1 selected")
    buttons = [each.text for each in page.find_all(".amlflow-selection button")]
    assert buttons == ["Compare", "Difference", "Clear"]
    assert "Actions" not in page.see(".amlflow-bars").text


def test_all_that_match_are_cancelled_after_how_many_is_said(
    page: Page, experiment: Any, sweep: dict[str, Any]
):
    page.open(f"#/amlflow/runs?experiments={experiment.name}&children=true&text=fold", WRITER)
    page.until(lambda: len(page.find_all(ROW)) == 1, "the run that matches")
    page.click(".amlflow-menu button", "Actions")
    page.click(".amlflow-panel button", "Cancel all that match")
    page.see("dialog", "1 run goes on")
    page.click("dialog button.danger")
    page.until(lambda: sweep["fold"].get_status() == "Canceled", "the end of the run")
    assert sweep["open"].get_status() != "Canceled"
