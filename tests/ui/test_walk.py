"""One walk through the studio by keyboard alone, among 20,000 runs on PostgreSQL.

The best run is found and charted beside five others, the board is saved and opened by somebody
else, a failure is understood, tags are mended, two runs are compared, a tree is cancelled, a log
is followed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import mlflow
import pytest
from helpers import servers
from helpers.browser import Keys, Page
from helpers.copied_runs import copied
from helpers.studio import READER, WRITER, Server

RUNS = 20_000
LOG = "user_logs/std_log.txt"


@pytest.fixture
def runs(shared: servers.Shared, studio: Server, experiment: Any) -> Iterator[dict[str, Any]]:
    """Many runs, of which ``oak-best`` has the smallest loss, and some that are not in order."""
    losses = {f"run-{place:05}": [1 + (place * 7919 % RUNS) / RUNS] for place in range(RUNS)}
    for place, name in enumerate(("oak-best", "ash", "elm", "fir", "yew", "box")):
        losses[name] = [0.5 / (step + 1) + place / 10 for step in range(20)]
    backend = shared.get("postgres", servers.start_postgres) + "studio"
    with copied(backend, experiment.id, losses):
        made = {}
        for name in ("oak-failed", "tree", "follow"):
            made[name] = experiment.start_logging(snapshot_directory=None)
            made[name].display_name = name
        made["oak-failed"].tag("stage", "prdo")
        made["oak-failed"].log("loss", 9.0)
        made["oak-failed"].fail(error_details="ValueError: 3 labels are missing")
        made["leaf"] = made["tree"].child_run(name="leaf")
        yield made


class Keyboard:
    """A page that is used by keys alone."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, *keys: str) -> None:
        self.page.press(*keys)

    def go_to(self, is_it: Callable[[Any], bool], key: str = Keys.TAB, most: int = 60) -> None:
        """Press a key until the focus is where it should be."""
        for _ in range(most):
            if is_it(self.page.find_focused()):
                return
            self.press(key)
        raise AssertionError(f"not reached: the focus is on {self.page.find_focused().text!r}")

    def choose(self, entry: str, key: str) -> None:
        """Open a menu by its key, and choose an entry."""
        self.press(key)
        self.page.until(lambda: self.page.find_all(".amlflow-panel:not([hidden]) *"), "a menu")
        self.page.see(".amlflow-panel", entry)
        self.go_to(lambda focused: entry in focused.text, Keys.ARROW_DOWN)
        self.press(Keys.ENTER)

    def find(self, query: str, *names: str) -> None:
        """Ask the query box, wait for the runs that are found, and go to the first of them."""
        self.press("/")
        self.page.find_focused().send_keys(Keys.CONTROL, "a")
        self.press(query, Keys.ENTER)
        self.page.until(lambda: self.page.run_names() == list(names), f"the runs {names}")
        self.press(Keys.ESCAPE)
        self.page.until(lambda: self.page.find_focused().tag_name == "tr", "the table's focus")


def test_everything_is_done_by_keyboard(
    page: Page, studio: Server, experiment: Any, runs: dict[str, Any]
) -> None:
    keys = Keyboard(page)
    page.open(f"#/amlflow/runs?experiments={experiment.name}", WRITER)
    page.until(lambda: len(page.run_names()) > 10, "the newest runs")

    # The best of all by a metric: a column that sorts.
    keys.press("l")
    page.see(".amlflow-panel label", "metric: loss")
    keys.go_to(lambda focused: focused.get_attribute("aria-label") == "Find in Columns")
    keys.press("metric: loss", Keys.ENTER, Keys.ESCAPE)
    keys.go_to(lambda focused: focused.get_attribute("data-column") == "metric:loss")
    keys.press(Keys.ENTER)
    six = ["oak-best", "ash", "elm", "fir", "yew", "box"]
    page.until(lambda: page.run_names()[:6] == six, "the best runs")

    # It is charted beside five others, and all of it is a board.
    keys.press("g", Keys.SPACE, *[Keys.ARROW_DOWN, Keys.SPACE] * 5)
    page.see(".amlflow-selection b", "6 selected")
    keys.press("c")
    page.see(".amlflow-board")
    keys.choose("Curves", "a")
    plot = page.see(".amlflow-charts figure [role=img]")
    assert "loss of 6 runs" in (plot.get_attribute("aria-label") or "")
    keys.choose("Save as a new view", "v")
    name = f"The best {uuid.uuid4().hex[:8]}"
    keys.press(name, Keys.ENTER)
    page.see("h1", name)
    link = page.driver.current_url.partition("/#")[2]

    # Somebody else opens it by the link.
    page.open(f"#{link}", READER)
    page.see("h1", name)
    page.until(lambda: page.run_names()[0] == "oak-best", "the best run")
    page.see(".amlflow-selection b", "6 selected")
    page.see(".amlflow-charts canvas")
    plot = page.see(".amlflow-charts figure [role=img]")
    assert "loss of 6 runs" in (plot.get_attribute("aria-label") or "")

    # Why did that one fail?
    page.open(f"#/amlflow/runs?experiments={experiment.name}", WRITER)
    page.until(lambda: len(page.run_names()) > 10, "the newest runs")
    keys.choose("3 labels are missing", "f")
    page.until(lambda: page.run_names() == ["oak-failed"], "the run that failed")
    keys.press("g", Keys.ENTER)
    page.see(".amlflow-failure", "ValueError: 3 labels are missing")
    page.driver.back()

    # Its tag has a slip.
    page.until(lambda: page.run_names() == ["oak-failed"], "the run that failed")
    keys.press("g", Keys.SPACE, "t")
    page.see("dialog", "Tags of 1 run")
    keys.press("stage", Keys.TAB, "prod", Keys.ENTER)
    page.see(".amlflow-messages", "The tags of 1 run are changed.")
    assert runs["oak-failed"].get_tags() == {"stage": "prod"}

    # It is compared with the best one.
    page.open(f"#/amlflow/runs?experiments={experiment.name}", WRITER)
    keys.find("name:oak", "oak-failed", "oak-best")
    keys.press(Keys.SPACE, Keys.ARROW_DOWN, Keys.SPACE, "d")
    page.see(".amlflow-difference tr", "loss")
    page.see(".amlflow-sides a", "oak-best")
    page.driver.back()

    # A tree ends with all that is below it.
    keys.find("name:tree", "tree")
    keys.press(Keys.SPACE, "X")
    page.see("dialog", "2 runs go on")
    keys.go_to(lambda focused: "danger" in (focused.get_attribute("class") or ""))
    keys.press(Keys.ENTER)
    page.until(lambda: runs["leaf"].get_status() == "Canceled", "the end of the tree")
    assert runs["tree"].get_status() == "Canceled"

    # A log that goes on is followed.
    client = mlflow.MlflowClient(studio.uri)
    lines = [f"epoch {number}" for number in range(100)]
    client.log_text(runs["follow"].id, "\n".join(lines) + "\n", LOG)
    keys.find("name:follow", "follow")
    keys.press(Keys.ENTER)
    page.see(".amlflow-run h1", "follow")
    keys.press("3")
    page.see(".amlflow-log", "epoch 99")
    client.log_text(runs["follow"].id, "\n".join([*lines, "epoch 100"]) + "\n", LOG)
    page.see(".amlflow-log", "epoch 100")
    keys.press("?")
    assert "Logs" in page.see("dialog .amlflow-keys").text
    # Who does not want keys of one character turns them off.
    keys.go_to(lambda focused: focused.get_attribute("type") == "checkbox")
    keys.press(Keys.SPACE, Keys.ESCAPE, "1")
    assert page.see("#amlflow-tab-logs").get_attribute("aria-selected") == "true"
