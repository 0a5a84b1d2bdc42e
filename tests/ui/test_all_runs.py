"""The All runs page in a browser: filters, queries, views, selection, keyboard, themes."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import pytest
from helpers.browser import Keys, Page
from helpers.studio import ADMIN, READER, WRITER
from selenium.webdriver.support.expected_conditions import staleness_of

ALL_RUNS = "#/amlflow/runs"
ROW = ".amlflow-table tbody tr[data-id]"


@pytest.fixture
def runs(experiment: Any) -> dict[str, Any]:
    """Four runs by name: two fantastic, one of them still running; a child."""
    made = {}
    for name in ("oak", "elm", "ash"):
        run = experiment.start_logging(snapshot_directory=None)
        run.display_name = name
        run.tag("quality", "poor" if name == "oak" else "fantastic run")
        made[name] = run
    made["elm"].tag("worth another look")
    made["elm"].description = "Uses the wide backbone."
    made["elm"].add_properties({"author": "azureml-user"})
    made["twig"] = made["oak"].child_run(name="twig")
    for name in ("twig", "oak", "elm"):
        made[name].complete()
    return made


@pytest.fixture
def here(experiment: Any) -> str:
    """The address of the page with this test's experiment only."""
    return f"{ALL_RUNS}?experiments={experiment.name}"


def shows(page: Page, *names: str) -> None:
    page.until(lambda: page.run_names() == list(names), f"the runs {names}")


def test_filters_choose_runs_and_the_address_keeps_them(
    page: Page, runs: dict[str, Any], here: str
):
    page.open(here, READER)
    shows(page, "ash", "elm", "oak")
    page.write(".amlflow-code", f"WIDE back{Keys.ENTER}")
    shows(page, "elm")
    page.write(".amlflow-code", Keys.DELETE)
    page.write("[aria-label^='Add a tag filter']", f"quality=fantastic run{Keys.ENTER}")
    shows(page, "ash", "elm")
    page.click(".amlflow-menu button", "Status")
    page.click(".amlflow-panel label", "Completed")
    shows(page, "elm")
    page.press(Keys.ESCAPE)
    page.wait_until_gone(".amlflow-panel")
    assert page.find_focused().text.startswith("Status")
    page.driver.refresh()
    shows(page, "elm")
    page.click("button[aria-label^='Remove the tag filter']")
    shows(page, "elm", "oak")
    page.click(".amlflow-button", "Reset")
    page.until(lambda: "experiments" not in page.driver.current_url, "an address without filters")


def test_children_columns_and_order(page: Page, runs: dict[str, Any], here: str):
    page.open(here, READER)
    page.click("label", "Child runs")
    shows(page, "twig", "ash", "elm", "oak")
    page.click(".amlflow-table thead button", "Run name")
    shows(page, "ash", "elm", "oak", "twig")
    assert page.see("th[aria-sort='ascending']").text == "Run name"
    page.click(".amlflow-table thead button", "Run name")
    shows(page, "twig", "oak", "elm", "ash")
    page.click(".amlflow-menu button", "Columns")
    page.click(".amlflow-panel label", "property: author")
    page.click(".amlflow-panel label", "Compute target")
    page.press(Keys.ESCAPE)
    assert page.see(".amlflow-table thead").text.split("\n")[-1].endswith("author")
    assert "Compute target" not in page.see(".amlflow-table thead").text
    assert page.see(ROW, "elm").text.endswith("azureml-user")


def test_a_query_is_checked_while_it_is_typed(page: Page, runs: dict[str, Any], here: str):
    page.open(here, READER)
    shows(page, "ash", "elm", "oak")
    page.press("/")
    assert page.find_focused().get_attribute("aria-label") == "Query: words, key:value or JMESPath"
    page.press("[?tags.quality=='fantastic run' & ")
    assert "'&' is not an operator" in page.see(".amlflow-query-message .is-error").text
    assert page.see(".amlflow-query-message mark").text == "&"
    page.press(Keys.ENTER)
    shows(page, "ash", "elm", "oak")
    page.press(Keys.BACKSPACE, "& properties.author=='azureml-user']")
    page.see(".amlflow-query-message", "Enter searches")
    page.press(Keys.ENTER)
    shows(page, "elm")
    page.write(".amlflow-code", f"[].{{name: name, quality: tags.quality}}{Keys.ENTER}")
    assert "poor" in page.see(".amlflow-result", "ash").text
    page.see(".amlflow-value button", "Download CSV")
    page.write(".amlflow-code", f"[?starts_with(tags.none, 'a')]{Keys.ENTER}")
    page.see(".amlflow-query-message .is-error", "cannot be evaluated")


def test_a_link_whose_query_is_wrong_shows_no_runs(page: Page, runs: dict[str, Any], here: str):
    page.open(f"{here}&query=status:fine", WRITER)
    page.see(".amlflow-query-message .is-error", "“fine” is not a status")
    page.until(lambda: not page.script("return document.querySelector('.is-stale')"), "an answer")
    shows(page)


def test_a_check_that_comes_late_does_not_take_a_searchs_error_back(
    page: Page, runs: dict[str, Any], here: str
):
    page.open(here, READER)
    shows(page, "ash", "elm", "oak")
    page.script(
        "const fetched = window.fetch; let checks = 0; window.checked = 0;"
        "window.fetch = async (address, ...more) => {"
        "  const check = String(address).includes('query/check');"
        "  if (check && ++checks == 2)"
        "    while (!document.querySelector('.amlflow-query-message .is-error'))"
        "      await new Promise(requestAnimationFrame);"
        "  const answer = await fetched(address, ...more);"
        "  if (check) setTimeout(() => window.checked++, 50);"
        "  return answer;"
        "}"
    )
    page.write(".amlflow-code", f"[?starts_with(tags.none, 'a')]{Keys.ENTER}")
    page.see(".amlflow-query-message .is-error", "cannot be evaluated")
    page.until(lambda: page.script("return window.checked") == 2, "the late check")
    page.see(".amlflow-query-message .is-error", "cannot be evaluated")


def test_the_keyboard_alone_chooses_compares_and_opens(page: Page, runs: dict[str, Any], here: str):
    page.open(here, WRITER)
    shows(page, "ash", "elm", "oak")
    for _ in range(40):  # from the top of the page to the table, as many stops as there are
        page.press(Keys.TAB)
        if page.find_focused().tag_name == "tr":
            break
    assert page.find_focused().get_attribute("data-id") == runs["ash"].id
    page.press(Keys.SPACE, Keys.ARROW_DOWN, Keys.SPACE)
    assert page.see(".amlflow-selection b").text == "2 selected"
    page.press(Keys.ESCAPE)
    page.wait_until_gone(".amlflow-selection")
    page.press(Keys.HOME)
    page.shift(Keys.ARROW_DOWN)
    page.see(".amlflow-selection b", "2 selected")
    page.click(".amlflow-selection button", "Compare")
    page.until(lambda: "compare-runs" in page.driver.current_url, "MLflow's comparison")
    page.see("main", "Comparing 2 Runs")
    page.driver.back()
    shows(page, "ash", "elm", "oak")
    page.script("arguments[0].focus()", page.see(ROW, "elm"))
    page.press(Keys.ENTER)
    page.see(".amlflow-run h1", "elm")


def test_several_runs_are_cancelled_at_once_and_a_reader_has_no_button_for_it(
    page: Page, runs: dict[str, Any], experiment: Any, here: str
):
    runs["yew"] = experiment.start_logging(snapshot_directory=None)
    runs["yew"].display_name = "yew"
    for user in (READER, WRITER):
        page.open(here, user)
        shows(page, "yew", "ash", "elm", "oak")
        page.click("thead input")
        page.see(".amlflow-selection b", "4 selected")
        if user == READER:
            assert "Cancel" not in page.see(".amlflow-selection").text
    page.click(".amlflow-selection button", "Cancel 2 runs")
    page.click("dialog .danger", "Cancel runs")
    page.until(lambda: len(page.find_all("[data-status='Canceled']")) == 2, "both Canceled")
    assert runs["ash"].get_status() == runs["yew"].get_status() == "Canceled"


def test_a_view_is_saved_opened_by_another_user_and_edited(
    page: Page, studio: Any, runs: dict[str, Any], here: str
):
    name = f"Fantastic {uuid.uuid4().hex[:8]}"
    page.open(f"{here}&query={quote('[?tags.quality]')}&columns=status", ADMIN)
    shows(page, "ash", "elm", "oak")
    page.click(".amlflow-menu button", "Views")
    page.click(".amlflow-entry", "Save as a new view")
    page.write("dialog input", name)
    page.see("dialog label", "Others may change it")
    page.click("dialog .primary", "Save")
    page.see("h1", name)
    link = page.driver.current_url
    [view] = [each for each in studio.get("views").json()["views"] if each["name"] == name]
    closed = studio.post("views/create", name=f"{name} closed", definition={}, open=False)

    page.open(link.partition("/#")[2].join(["#", ""]), READER)
    shows(page, "ash", "elm", "oak")
    page.see("h1", name)
    assert page.see(".amlflow-table thead").text.split("\n") == ["Run name", "Status"]
    assert page.see(".amlflow-code").get_attribute("value") == "[?tags.quality]"
    page.write("[aria-label^='Add a tag filter']", f"worth another look{Keys.ENTER}")
    shows(page, "elm")
    page.see("h1", "(changed)")
    page.click(".amlflow-menu button", "Views")
    page.see(".amlflow-entry", "Save changes")
    page.press(Keys.ESCAPE)

    # Somebody else is faster: the reader is told, and asked whose to see.
    definition = {**view["definition"], "text": "oak"}
    content = {"id": view["id"], "version": 1, "name": name, "definition": definition}
    assert studio.post("views/save", WRITER, **content).status_code == 200
    page.click(".amlflow-menu button", "Views")
    page.click(".amlflow-entry", "Save changes")
    page.see("dialog", f"{WRITER} has changed the view")
    page.click("dialog .primary", "Open theirs")
    shows(page, "oak")

    page.open(f"{ALL_RUNS}?view={closed.json()['view']['id']}&text=ash", READER)
    page.see("h1", "(changed)")
    page.click(".amlflow-menu button", "Views")
    page.see(".amlflow-entry", "Save as a new view")
    entries = [each.text for each in page.find_all(".amlflow-entry")]
    assert not {"Save changes", "Delete view…"} & set(entries)

    content = {"id": view["id"], "version": 2, "name": name, "definition": view["definition"]}
    assert studio.post("views/save", **content).status_code == 200
    page.open(link.partition("/#")[2].join(["#", ""]), WRITER)
    shows(page, "ash", "elm", "oak")
    page.write("[aria-label^='Add a tag filter']", f"worth another look{Keys.ENTER}")
    shows(page, "elm")
    page.click(".amlflow-menu button", "Views")
    page.click(".amlflow-entry", "Save changes")
    page.see(".amlflow-messages", "Saved")

    page.open(ALL_RUNS, READER)
    page.click(".amlflow-menu button", "Views")
    page.click(".amlflow-entry", name)
    shows(page, "elm")


def test_what_others_name_a_run_is_only_shown(page: Page, experiment: Any, here: str):
    evil = "<img src=x onerror='window.hacked = true'>"
    right_to_left = "\u202eexe.gnp"
    run = experiment.start_logging(snapshot_directory=None)
    run.display_name, run.description = evil, evil
    run.tag(evil, evil)
    run.add_properties({"of": evil})
    run.child_run(name=right_to_left).complete()
    run.complete()
    address = f"{here}&children=true&columns=tags&columns=description&columns=property:of"
    page.open(f"{address}&columns={quote(f'tag:{evil}')}", READER)
    shows(page, right_to_left, evil)
    assert page.see(ROW, "img").text.count(evil) == 5  # and the tag's value, for which no place is
    assert page.see(".amlflow-tag").get_attribute("title") == f"{evil}: {evil}"
    page.click(".amlflow-menu button", "Columns")
    page.see(".amlflow-panel label", f"tag: {evil}")
    assert page.script("return window.hacked") is None
    # A name that turns the direction of writing ends with its own cell.
    names = page.find_all(".amlflow-table tbody th bdi")
    assert [each.text for each in names] == [right_to_left, evil]


def test_a_failing_server_is_told_and_asked_again(page: Page, runs: dict[str, Any], here: str):
    page.open(here, READER)
    shows(page, "ash", "elm", "oak")
    page.script(
        "window.fetched = window.fetch;"
        "window.fetch = (address, more) => more?.body?.includes('cursor')"
        "  ? new Promise((done) => window.answer = (content) => done(content))"
        "  : window.fetched(address, more)"
    )
    page.click(".amlflow-button", "Refresh")
    page.until(lambda: page.script("return Boolean(window.answer)"), "the search")
    # What was found before stays until there is something in its place.
    assert len(page.find_all(ROW)) == 3
    proxy = "{status: 502, headers: {'Content-Type': 'text/html'}}"
    page.script(f"answer(new Response('<h1>Bad gateway</h1>', {proxy})); fetch = fetched")
    page.see(".amlflow-foot .is-error", "The server answers 502.")
    assert len(page.find_all(ROW)) == 3
    page.see(".amlflow-age.is-error", "Server away since")
    # It recovers by itself.
    page.until(lambda: not page.find_all(".amlflow-age.is-error"), "the server's answer")
    page.until(lambda: not page.find_all(".amlflow-foot .is-error"), "the rows")
    shows(page, "ash", "elm", "oak")
    page.script("window.fetch = () => Promise.reject(new TypeError('Failed to fetch'))")
    page.click(".amlflow-menu button", "Experiment")
    page.see(".amlflow-panel .is-error", "The server does not answer.")


def prints_all_rows(page: Page, count: int) -> None:
    """Check that a page on paper has all rows that were read, and nothing of MLflow's."""
    in_sight = len(page.find_all(ROW))
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    page.script("dispatchEvent(new Event('beforeprint'))")
    assert len(page.find_all(ROW)) == count
    scroller = page.find_all(".amlflow-scroller")[0]
    assert scroller.get_property("scrollHeight") == scroller.get_property("clientHeight")
    assert not page.find_all(".amlflow-nav")[0].is_displayed()
    charts = page.find_all(".amlflow-board")[0]  # they are closed
    assert charts.value_of_css_property("display") == "none"
    assert page.find_all(f"{ROW} a")[-1].is_displayed()
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    page.script("dispatchEvent(new Event('afterprint'))")
    page.until(lambda: len(page.find_all(ROW)) <= in_sight, "the rows in sight")


def test_more_runs_come_as_the_page_is_scrolled(page: Page, experiment: Any, here: str):
    parent = experiment.start_logging(snapshot_directory=None)
    for _ in range(2):
        parent.create_children(65)
    page.open(f"{here}&children=true", READER)

    def count() -> int:
        return int(page.see(".amlflow-table").get_attribute("aria-rowcount") or 0) - 1

    page.until(lambda: count() >= 50, "the first page")
    assert count() <= 100
    # The list stays at its end, as with a scroll bar that is held there, in every frame.
    page.script(
        "const scroller = document.querySelector('.amlflow-scroller');"
        "const stay = () => { scroller.scrollTop = scroller.scrollHeight; };"
        "window.staying = new MutationObserver(stay);"
        "staying.observe(scroller.querySelector('tbody'), { childList: true });"
        "stay();"
    )
    page.until(lambda: count() == 131, "all 131 runs")
    page.script("staying.disconnect()")
    assert page.see(".amlflow-foot").text == "131 runs"
    assert len(page.find_all(ROW)) < 131  # those in sight
    prints_all_rows(page, 131)
    # Reading the list again, also in another order, keeps the place, however many pages that takes.
    scrolled = "return document.querySelector('.amlflow-scroller').scrollTop"
    page.script("document.querySelector('.amlflow-scroller').scrollTop = 2500")
    for button in ("Refresh", "Created"):
        old = page.find_all(ROW)[0]
        page.click(".amlflow button", button)
        page.until(lambda old=old: staleness_of(old)(page.driver), "the list again")
        page.until(lambda: page.script(scrolled) == 2500, "the place in the list")
    page.write(".amlflow-code", f"id:{parent.id}{Keys.ENTER}")
    page.until(lambda: count() == 1, "other runs")
    page.driver.back()
    page.until(lambda: count() > 1, "the runs again")
    assert page.script(scrolled) == 0


LEFT = """
document.querySelector(".amlflow-scroller").scrollLeft = arguments[0];
const heads = [...document.querySelectorAll(".amlflow-table thead th")].slice(1, 4);
return heads.map((head) => head.getBoundingClientRect().left);
"""
"""Scrolls the table, and returns the places of the name and of the first two columns."""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_has_mlflows_theme_and_fits_a_narrow_window(page: Page, here: str, theme: str):
    page.open(f"{here}&pinned=1", READER, theme)
    colours = page.until(
        lambda: (
            page.find_all(".amlflow-all-runs")
            and page.script(
                "const style = (q) => getComputedStyle(document.querySelector(q));"
                "return [style('main').backgroundColor, style('.amlflow-all-runs').backgroundColor,"
                " style('main').color, style('.amlflow-all-runs h1').color,"
                " style('body').fontFamily, style('.amlflow-all-runs').fontFamily]"
            )
        ),
        "the page",
    )
    assert colours[0] == colours[1]
    assert colours[2] == colours[3]
    assert colours[4] == colours[5]
    dark = sum(map(int, colours[0].strip("rgb()").split(","))) < 200
    assert dark == (theme == "dark")
    page.see(".amlflow-foot", "No runs match")
    before, after = (page.script(LEFT, pixels) for pixels in (100, 300))
    assert [one - other for one, other in zip(before, after, strict=True)] == [0, 0, 200]
    page.driver.set_window_size(560, 800)
    try:
        page.see(".amlflow-code")
        page.wait_until_gone(".amlflow-bars")
        page.see(".amlflow-fold.is-set")
        page.press("p")  # a key of what is folded away opens it
        page.see(".amlflow-bars .amlflow-panel", "No groups")
        page.press(Keys.ESCAPE)
        page.see(".amlflow-bars")
        fits = "const m = document.querySelector('main'); return m.scrollWidth <= m.clientWidth + 1"
        page.until(lambda: page.script(fits), "no scrolling sideways but the table's")
    finally:
        page.driver.set_window_size(1400, 900)


def test_the_side_bar_leads_there(page: Page, experiment: Any):
    page.open("#/experiments", READER)
    page.click(".amlflow-nav a", "All runs")
    page.see(".amlflow-all-runs h1", "All runs")
    assert page.see(".amlflow-nav a").get_attribute("aria-current") == "page"
    page.click("aside nav a", "Experiments")
    page.wait_until_gone(".amlflow-all-runs")
    page.see("main", "Experiments")
    follows = "return document.querySelector('.amlflow-nav').previousElementSibling.innerText"
    page.script(f"location.hash = '#/experiments/{experiment.id}'")
    page.until(lambda: experiment.name in page.script(follows), "the entry behind the experiment")


def test_a_metric_is_a_column_that_sorts_and_the_list_follows(
    page: Page, experiment: Any, here: str
):
    for name, loss in (("ash", 0.5), ("elm", 0.125), ("oak", None)):
        run = experiment.start_logging(snapshot_directory=None)
        run.display_name = name
        if loss is not None:
            run.log("val/loss", loss)
        run.complete()
    # The browser's clock is three days ahead: the server's counts.
    with page.clock_ahead():
        page.open(f"{here}&columns={quote('metric:val/loss')}&dense=true&query=since:1d", READER)
    shows(page, "oak", "elm", "ash")
    assert page.see(ROW).rect["height"] < 30
    page.click("th button", "val/loss")
    shows(page, "elm", "ash", "oak")
    assert [cell.text for cell in page.find_all(".amlflow-number")] == ["0.125", "0.5"]
    page.click(".amlflow-tick input[aria-label='Select elm']", "")
    page.click("th button", "val/loss")
    shows(page, "ash", "elm", "oak")
    page.see(".amlflow-selection b", "1 selected")
    page.driver.back()
    shows(page, "elm", "ash", "oak")
    assert page.see(".amlflow-selection b").text == "1 selected"
    new = experiment.start_logging(snapshot_directory=None)
    new.display_name = "yew"
    new.complete()
    page.click(".amlflow-news", "1 new")
    shows(page, "yew", "oak", "elm", "ash")
