"""Saved views as boards: notes, versions, names, a default for each person, what has changed."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from helpers.browser import Keys, Page
from helpers.studio import OTHER, READER, WRITER, Server, make_user

ALL_RUNS = "#/amlflow/runs"
NOTES = "# Plan\nTry the **wide** backbone. <img src=x onerror='window.ran = 1'>"


@pytest.fixture
def board(studio: Server, experiment: Any) -> dict[str, Any]:
    """The reader's view of an experiment with one run, with notes."""
    run = experiment.start_logging(snapshot_directory=None)
    run.display_name = "oak"
    run.complete()
    content = {"name": f"board {uuid.uuid4().hex[:8]}", "notes": NOTES}
    definition = {"experiments": [experiment.name]}
    answer = studio.post("views/create", READER, definition=definition, **content)
    view: dict[str, Any] = answer.json()["view"]
    return view


def choose(page: Page, entry: str) -> None:
    """Choose an entry of the menu of views."""
    page.click(".amlflow-menu button", "Views")
    page.click(".amlflow-entry", entry)


def test_notes_are_edited_in_place_and_two_authors_lose_nothing(
    page: Page, studio: Server, board: dict[str, Any]
):
    page.open(f"{ALL_RUNS}?view={board['id']}", READER)
    page.see(".amlflow-notes strong", "wide")
    assert page.script("return window.ran") is None
    page.click(".amlflow-notes button", "Edit notes")
    assert page.find_focused().tag_name == "textarea"
    box = page.find_focused()
    box.send_keys(Keys.CONTROL, Keys.END)
    page.press("\nAnd *ice*.")
    page.see(".amlflow-preview em", "ice")
    box.send_keys(Keys.CONTROL, Keys.ENTER)
    page.see(".amlflow-notes em", "ice")
    page.see(".amlflow-messages", "as version 2")

    page.click(".amlflow-notes button", "Edit notes")
    page.write(".amlflow-notes textarea", "The reader's")
    # Somebody else is faster, with the notes and with the name.
    theirs = {"notes": "The **writer's**", "name": f"{board['name']} too"}
    saved = studio.post("views/save", WRITER, id=board["id"], version=2, **theirs)
    assert saved.status_code == 200
    page.click(".amlflow-notes button", "Save notes")
    page.see(".amlflow-notes .is-error", f"{WRITER} has changed the notes meanwhile")
    page.see(".amlflow-notes blockquote strong", "writer's")
    assert page.see(".amlflow-notes textarea").get_attribute("value") == "The reader's"
    page.click(".amlflow-notes button", "Save notes")
    page.see(".amlflow-notes .amlflow-markdown", "The reader's")
    page.see("h1", f"{board['name']} too")
    history = studio.get("views/history", id=board["id"]).json()["versions"]
    assert [entry["by"] for entry in history] == [READER, WRITER, READER, READER]
    assert studio.get("views/get", id=board["id"], version=3).json()["view"]["notes"] == (
        "The **writer's**"
    )

    page.click(".amlflow-notes button", "Edit notes")
    page.write(".amlflow-notes textarea", "Not *lost*")
    assert studio.post("views/delete", READER, id=board["id"], version=4).status_code == 200
    page.click(".amlflow-notes button", "Save notes")
    page.see(".amlflow-messages", "Somebody has deleted this view.")
    choose(page, "Save as a new view")
    page.click("dialog button", "Save")
    page.wait_until_gone(".amlflow-notes textarea")
    page.see(".amlflow-notes em", "lost")
    page.until(lambda: board["id"] not in page.driver.current_url, "the new view's address")


def test_a_view_is_renamed_and_an_older_version_brought_back(
    page: Page, studio: Server, board: dict[str, Any]
):
    page.open(f"{ALL_RUNS}?view={board['id']}", READER)
    page.see(".amlflow-table tbody th", "oak")
    choose(page, "Rename…")
    name = f"renamed {uuid.uuid4().hex[:8]}"
    page.write("dialog input", f"{name}{Keys.ENTER}")
    page.see("h1", name)
    page.see(".amlflow-table tbody th", "oak")
    choose(page, "Versions…")
    page.click("dialog a", "Version 1")
    page.see(".amlflow-version", "Version 1 of 2")
    page.see("h1", board["name"])
    assert "version=1" in page.driver.current_url
    page.click(".amlflow-version button", "Bring it back")
    page.see("h1", board["name"])
    page.wait_until_gone(".amlflow-version")
    assert "version=" not in page.driver.current_url
    current = studio.get("views/get", id=board["id"]).json()["view"]
    assert (current["version"], current["name"]) == (3, board["name"])


def test_each_person_has_a_default_and_finds_their_own_first(
    page: Page, studio: Server, board: dict[str, Any]
):
    name = f"other {uuid.uuid4().hex[:8]}"
    closed = studio.post("views/create", OTHER, name=name, definition={}, open=False, notes="x")
    # The default is kept on the server, where other tests' pages would open with it.
    person = f"person-{uuid.uuid4().hex[:8]}"
    make_user(studio, person)
    page.open(f"{ALL_RUNS}?view={board['id']}", person)
    page.see("h1", board["name"])
    page.click(".amlflow-menu button", "Views")
    page.see(".amlflow-entry", name)
    order = page.see(".amlflow-panel").text.split("\n")
    assert board["name"] in order
    page.click(".amlflow-entry", "Make it my default")
    page.see(".amlflow-messages", "All runs open with")
    page.open(ALL_RUNS, person)  # another browser, which has kept nothing
    page.see("h1", board["name"])
    choose(page, "All runs")
    page.see("h1", "All runs")
    # What others may not change has its notes without a button.
    page.script("location.hash = arguments[0]", f"{ALL_RUNS}?view={closed.json()['view']['id']}")
    page.see(".amlflow-notes", "x")
    assert not page.find_all(".amlflow-notes button")


def test_a_board_says_what_has_changed_since_the_last_visit(
    page: Page, studio: Server, experiment: Any, board: dict[str, Any]
):
    page.open(f"{ALL_RUNS}?view={board['id']}", READER)
    page.see(".amlflow-table tbody th", "oak")
    kept = page.until(
        lambda: studio.get("person", READER).json()["visits"].get(board["id"]), "the visit's note"
    )
    assert kept["from"] == kept["until"]
    assert not page.see(".amlflow-all-runs").text.count("Since your last visit")
    new, failed = (experiment.start_logging(snapshot_directory=None) for _ in range(2))
    new.display_name, failed.display_name = "elm", "ash"
    failed.fail(error_details="CUDA out of memory")
    # An hour later, in another browser.
    page.open("health", READER)
    later = page.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {"source": "{ const now = Date.now; Date.now = () => now() + 3_600_000; }"},
    )
    page.driver.get(f"{studio.uri}/{ALL_RUNS}?view={board['id']}")
    page.see(".amlflow-changes button", "2 new")
    page.click(".amlflow-changes button", "1 failed")
    page.until(lambda: page.run_names() == ["ash"], "the run that failed")
    page.click(".amlflow-changes button", "1 failed")
    page.until(lambda: len(page.run_names()) == 3, "all runs")
    page.click(".amlflow-changes button", "Mark as seen")
    page.wait_until_gone(".amlflow-changes")
    page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", later)
    page.driver.refresh()
    page.see(".amlflow-table tbody th", "oak")
    assert not page.find_all(".amlflow-changes:not([hidden])")
