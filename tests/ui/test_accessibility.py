"""axe finds nothing in the studio's pages, in both themes, and the keyboard reaches everything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import amlflow_page
import pytest
from helpers.browser import THEMES, Keys, Page
from helpers.studio import ADMIN
from helpers.tools import lack

AXE = Path(__file__).parent.parent / "integration/js/node_modules/axe-core/axe.min.js"
FINDINGS = """
const done = arguments[arguments.length - 1];
// What MLflow's page has beside the studio's parts is MLflow's.
const isOurs = (element) => element.closest(".amlflow") || element === document.documentElement;
const place = arguments[0] ? document.querySelector(arguments[0]) : document;
axe.run(place, { resultTypes: ["violations"], elementRef: true }).then(
  ({ violations }) =>
    done(
      violations.flatMap(({ id, nodes }) =>
        nodes
          .filter(({ element }) => isOurs(element))
          .map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`),
      ),
    ),
  (error) => done([String(error)]),
);
"""
CODES = (
    *range(30, 38), *range(40, 48), *range(90, 98), *range(100, 108),
    *(f"2;{code}" for code in range(30, 38)),  # faint
    *(f"{place};5;{code}" for place in (38, 48) for code in (17, 52, 82, 226, 231, 233, 254)),
)  # fmt: skip
BY_MOUSE_ONLY = """
// In these, one element can be reached by Tab, and the arrow keys go from it to the others.
const GROUPS = "[role=tablist], .amlflow-table tbody, .amlflow-log";
const CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex], [role=button]";
const isStop = (element) => element.tabIndex >= 0;
const found = [];
for (const element of document.querySelectorAll(".amlflow *")) {
  if (element.disabled || !element.checkVisibility({ visibilityProperty: true })) continue;
  const group = element.closest(GROUPS);
  const isInGroup = group && [group, ...group.querySelectorAll("[tabindex]")].some(isStop);
  const isControl = element.matches(CONTROLS);
  const isClicked = getComputedStyle(element).cursor === "pointer" && !element.matches("label");
  const isReached = isControl ? isStop(element) || isInGroup : !isClicked;
  if (!isReached && !element.parentElement.closest(`${CONTROLS}, label`))
    found.push(`Tab does not reach ${element.outerHTML.slice(0, 150)}`);
}
return found;
"""
COLOURED = "".join(f"\x1b[{code}mcolour {code}\x1b[0m\n" for code in CODES)
CHART = '{"kind":"curves","y":"loss","x":"step","smoothing":0,"log":false}'


@pytest.fixture
def runs(experiment: Any, folder: Path) -> list[Any]:
    """Two failed runs with metrics, params, tags, sources and a log."""
    source = folder / "source"
    source.mkdir()
    runs = []
    for number in range(2):
        (source / "train.py").write_text(f"lr = {number}\n")
        run = experiment.start_logging(snapshot_directory=str(source), display_name=f"run-{number}")
        run.description = "# Results\nThe [wide](https://example.com) backbone."
        run.tag("stage", "prod")
        run.add_properties({"author": "mara"})
        for step in range(3):
            run.log("loss", 1 / (step + 1 + number), step=step)
        log = folder / "std_log.txt"
        log.write_text(f"{'wide ' * 100}\nValueError: {number}\n{COLOURED}" * 4)
        run.upload_file("user_logs/std_log.txt", str(log))
        run.child_run(name="fold")  # it goes on
        run.fail(error_details=f"ValueError: {number}\n" + "line\n" * 40)
        runs.append(run)
    return runs


STATIC = Path(amlflow_page.__file__).parent / "static"
OPENED = {
    "filter_bar.js": "Experiment", "failures.js": "Failures", "saved_views.js": "Views",
    "columns_menu.js": "Columns", "group_menu.js": "Group", "actions_menu.js": "Actions",
    "copy_menu.js": "Copy as", "charts.js": "Add a chart",
}  # fmt: skip
"""The menu that each file makes, by its label."""
ASKED = {
    "keys.js": "the keys", "saved_views.js": "Versions…, Rename…", "tags_dialog.js": "Tags…",
    "cancelling.js": "Cancel with children",
    "clipboard.js": "not here: it is only shown if a browser has no clipboard, as Rename… is",
}  # fmt: skip
"""The dialogs that each file shows, by what opens them in :func:`walk`."""
SHOWN = "dialog[open], .amlflow-panel:not([hidden])"


def findings(page: Page, selector: str | None = None) -> list[str]:
    """What axe finds in the page, or in what a selector finds, and what takes a mouse."""
    if not page.script("return 'axe' in window"):
        page.script(AXE.read_text(encoding="utf-8"))
    found: list[str] = page.driver.execute_async_script(FINDINGS, selector)
    by_mouse_only: list[str] = page.script(BY_MOUSE_ONLY)
    return found + by_mouse_only


def walk_menus(page: Page, theme: str) -> Iterator[tuple[str, list[str]]]:
    """What axe finds in each menu and dialog of All runs, with runs that are selected."""
    for label in OPENED.values():
        page.click(".amlflow-menu > button", label)
        page.see(".amlflow-panel")
        yield f"the menu {label}, {theme}", findings(page, SHOWN)
        page.press(Keys.ESCAPE)
    for button, entry in (
        (".amlflow-selection button", "Tags…"), (".amlflow-selection button", "Cancel with"),
        (".amlflow-entry", "Versions…"), (".amlflow-entry", "Rename…"),
    ):  # fmt: skip
        if button == ".amlflow-entry":
            page.click(".amlflow-menu > button", "Views")
        page.click(button, entry)
        page.see("dialog")
        yield f"the dialog {entry}, {theme}", findings(page, SHOWN)
        page.press(Keys.ESCAPE)
        page.wait_until_gone("dialog")


def walk(
    page: Page, experiment: Any, runs: list[Any], theme: str
) -> Iterator[tuple[str, list[str]]]:
    """What axe finds in each page."""

    def go(address: str, ready: str) -> None:
        page.script("location.hash = arguments[0]", address)
        page.see(ready)

    definition = {"experiments": [experiment.name], "charts": [CHART]}
    content = {"name": "board", "definition": definition, "notes": "# Plan\nThe *wide* one."}
    view = page.server.post("views/create", ADMIN, **content).json()["view"]
    page.open(f"#/amlflow/runs?view={view['id']}", ADMIN, theme)
    page.see(".amlflow-charts canvas")
    page.click(".amlflow-notes button", "Edit notes")
    page.see(".amlflow-preview em", "wide")
    yield f"notes that are edited, {theme}", findings(page)
    page.press(Keys.ESCAPE)
    page.wait_until_gone(".amlflow-preview")
    page.press("?")
    page.see("dialog .amlflow-keys")
    yield f"the keys, {theme}", findings(page)
    page.press(Keys.ESCAPE)
    page.click(".amlflow-table thead input")
    page.see(".amlflow-selection", "2 selected")
    page.click(".amlflow-bars button", "Columns")
    page.see(".amlflow-checklist")
    yield f"All runs, {theme}", findings(page)
    page.press(Keys.ESCAPE)
    yield from walk_menus(page, theme)
    go("#/amlflow/runs?query=[].[name,status]", ".amlflow-value table")
    yield f"a table of values, {theme}", findings(page, ".amlflow-value")
    groups = "group=tag:stage&subgroup=property:author&columns=status&columns=metric:loss"
    go(f"#/amlflow/runs?experiments={experiment.name}&{groups}", ".amlflow-group")
    page.click(".amlflow-group .amlflow-opener")
    page.until(lambda: len(page.find_all(".amlflow-group")) == 2, "a group in a group")
    page.click(".amlflow-menu button", "Group")
    page.see(".amlflow-panel select")
    yield f"groups, {theme}", findings(page)
    run = f"#/amlflow/runs/{runs[0].id}"
    go(run, ".amlflow-values a")
    page.click(".amlflow-failure summary")
    page.click("aside button[aria-label='Toggle sidebar']")
    page.see(".amlflow-nav.is-narrow a")
    yield f"a run, {theme}", findings(page)
    for part in ("charts", "files"):
        go(f"{run}/{part}", f"#amlflow-tab-{part}[aria-selected=true]")
        yield f"its {part}, {theme}", findings(page, ".amlflow-run")
    go(f"{run}/logs", ".amlflow-log .amlflow-lines")
    yield f"its log, {theme}", findings(page)
    go(f"#/amlflow/difference?left={runs[0].id}&right={runs[1].id}", ".amlflow-diff .is-added")
    yield f"the difference, {theme}", findings(page)


def test_axe_finds_nothing(page: Page, experiment: Any, runs: list[Any]):
    if not AXE.is_file():
        lack("axe-core (npm ci --prefix tests/integration/js)")
    page.driver.set_script_timeout(60)
    shown = [each for theme in THEMES for each in walk(page, experiment, runs, theme)]
    assert [each for each in shown if each[1]] == []


def test_what_takes_a_mouse_is_noticed(page: Page):
    page.open("#/amlflow/runs", ADMIN)
    page.see(".amlflow-bars button", "Columns")
    assert page.script(BY_MOUSE_ONLY) == []
    content = '<i style="cursor: pointer">x</i><button tabindex="-1">y</button>'
    page.script("document.querySelector('.amlflow-bars').innerHTML = arguments[0]", content)
    assert [each.split("<")[1][0] for each in page.script(BY_MOUSE_ONLY)] == ["i", "b"]


def test_each_menu_and_dialog_is_walked():
    calls = {path.name: path.read_text(encoding="utf-8") for path in STATIC.glob("*.js")}
    del calls["dom.js"], calls["dialogs.js"]  # they make what the others show
    menus = {name for name, text in calls.items() if re.search(r"\bmenu\(", text)}
    dialogs = {
        name for name, text in calls.items() if re.search(r"(?<!\.)\b(ask|showDialog)\(", text)
    }
    assert (menus, dialogs - {"log_view.js"}) == (set(OPENED), set(ASKED))
