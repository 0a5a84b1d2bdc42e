"""The studio's own page of a run in a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from amlflow.spec import RunChange, Status
from amlflow.tracker_notes import parse_waiting
from helpers.browser import Keys, Page
from helpers.studio import ADMIN, DENIED, READER, WRITER, Server, permit

HOSTILE = """# Results
Uses the **wide** backbone. <img src=x onerror="window.ran = 1"> <script>window.ran = 2</script>

![the plot](outputs/plot.png) [elsewhere](javascript:window.ran=3)
<form action="https://evil.example"><input name="password"></form>
"""


def address(run: Any, tab: str = "") -> str:
    return f"#/amlflow/runs/{run.id}{tab}"


@pytest.fixture
def failed(experiment: Any, folder: Path) -> Any:
    """A run with some of everything that failed."""
    run = experiment.start_logging(snapshot_directory=None)
    run.display_name = "wide-backbone"
    run.description = HOSTILE
    run.tag("quality", "a=b, ü")
    run.tag("worth another look")
    run.add_properties({"author": "azureml-user"})
    for step, loss in enumerate((0.5, 0.25, 0.125)):
        run.log("loss", loss, step=step)
    run.log_table("fold", {"seconds": [1, 2], "accuracy": [0.8, 0.9]})
    (folder / "plot.png").write_bytes(bytes.fromhex(PIXEL))
    run.upload_file("outputs/plot.png", "plot.png")
    (folder / "std_log.txt").write_text("RuntimeError: CUDA out of memory")
    run.upload_file("user_logs/std_log.txt", "std_log.txt")
    run.child_run(name="the child").complete()
    try:
        raise RuntimeError("CUDA out of memory")
    except RuntimeError as error:
        run.fail(error_details=error)
    return run


@pytest.mark.parametrize("place", ["#/amlflow/runs/{run}", "#/experiments/{experiment}/runs/{run}"])
def test_a_queued_run_says_what_its_job_waits_for(page: Page, experiment: Any, place: str):
    note = {"reason": "Resources", "before": 3, "id": "7", "attempt": 1}
    run = experiment.start_logging(snapshot_directory=None)
    change = RunChange(status=Status.QUEUED, system={parse_waiting.key: json.dumps(note)})
    experiment._tracker.update_run(run.id, change)
    page.open(place.format(run=run.id, experiment=experiment.id), READER)
    page.see(".amlflow-run-actions", "waiting: Resources, 3 jobs before it")


PIXEL = (
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da"
    "63fcffff3f030005fe02fea7567b460000000049454e44ae426082"
)


def test_a_failed_run_says_why_on_its_own_page(page: Page, failed: Any):
    experiment = failed.experiment.name
    page.open(f"#/amlflow/runs?experiments={experiment}&text=cuda+memory", READER)
    page.click(".amlflow-table tbody a", "wide-backbone")
    page.see(".amlflow-run h1", "wide-backbone")
    assert page.driver.current_url.endswith(address(failed))
    page.see(".amlflow-failure", "RuntimeError: CUDA out of memory")
    page.click(".amlflow-failure summary", "Traceback")
    page.see(".amlflow-failure pre", 'raise RuntimeError("CUDA out of memory")')
    side = page.see(".amlflow-run-side", "azureml-user").text
    assert "quality: a=b, ü" in side
    assert "worth another look" in side
    loss = page.see(".amlflow-values tr", "loss")  # metrics come after the page
    assert loss.text.split() == ["loss", "0.125", "0.125", "0.5", "2", "3"]
    page.see(".amlflow-run-main", "fold")
    page.click(".amlflow-values a", "the child")
    page.see(".amlflow-run h1", "the child")
    page.click(".amlflow-run-side a", "wide-backbone")
    page.see(".amlflow-failure", "RuntimeError: CUDA out of memory")


def test_a_description_is_markdown_that_runs_nothing(page: Page, failed: Any):
    page.open(address(failed), READER)
    page.see(".amlflow-markdown strong", "wide")
    loaded = "return document.querySelector('.amlflow-markdown img[alt]').naturalWidth"
    page.until(lambda: page.script(loaded) == 1, "the picture, which is a file of the run")
    assert not page.find_all(".amlflow-markdown :is(script, form, input, [onerror])")
    links = [link.get_attribute("href") for link in page.find_all(".amlflow-markdown a")]
    assert "javascript:window.ran=3" not in links
    assert page.script("return window.ran") is None


def test_the_page_is_used_by_keyboard_and_shows_files(page: Page, failed: Any):
    page.open(address(failed), READER)
    page.see(".amlflow-run h1", "wide-backbone")
    page.script("document.querySelector('#amlflow-tab-overview').focus()")
    page.press(Keys.ARROW_LEFT)
    assert page.find_focused().text == "Files"
    page.click(".amlflow-tree summary", "outputs/")
    page.click(".amlflow-tree button", "plot.png")
    page.see(".amlflow-file img")


TAB_STOP = """
const at = document.activeElement;
const ours = at?.closest(".amlflow-run");
if (!ours) return null;
const named = document.getElementById(at.getAttribute("aria-labelledby"));
const labels = [...(at.labels ?? [])].map((each) => each.innerText).join(" ");
const { width, height } = at.getBoundingClientRect();
window.stops ??= new Map();
if (!window.stops.has(at)) window.stops.set(at, window.stops.size);
return {
  place: window.stops.get(at),
  name: at.getAttribute("aria-label") || named?.innerText || labels || at.innerText || at.title,
  is_seen: width > 0 && height > 0 && at.matches(":focus-visible"),
};
"""


def test_the_tab_key_goes_through_the_whole_page(page: Page, failed: Any):
    page.open(address(failed), ADMIN)
    page.see(".amlflow-values a", "the child")
    page.see(".amlflow-failure a", "Show the first error in the log")
    page.script("document.querySelector('.amlflow-run a, .amlflow-run button').focus()")
    names: list[str] = []
    while (stop := page.script(TAB_STOP)) and stop["place"] == len(names):
        assert stop["is_seen"], stop
        assert (stop["name"] or "").strip(), f"no name, after {names[-1:]}"
        names.append(" ".join(stop["name"].split()))
        page.press(Keys.TAB)
    expected = ("Copy id", "Traceback", "Show the first error in the log", "Overview", "the child")
    places = [next(i for i, name in enumerate(names) if part in name) for part in expected]
    assert places == sorted(places), names
    assert "Logs" not in names  # the arrow keys go from one tab to another


def test_the_first_error_is_shown_in_the_log(page: Page, experiment: Any, folder: Path):
    run = experiment.start_logging(snapshot_directory=None)
    lines = [f"epoch {number} \x1b[32mfine\x1b[0m" for number in range(1, 60_001)]
    lines[40_000:40_000] = ["Traceback (most recent call last):", "RuntimeError: no memory"]
    (folder / "std_log.txt").write_text("\n".join(lines))
    (folder / "first.txt").write_text("first by name")
    run.upload_file("user_logs/std_log.txt", "std_log.txt")
    run.upload_file("user_logs/first.txt", "first.txt")
    run.fail(error_details="RuntimeError: no memory")
    page.open(address(run), READER)
    page.click(".amlflow-failure a", "Show the first error")
    page.see(".amlflow-log .is-current", "Traceback")
    assert page.see(".amlflow-log .is-current a").get_attribute("data-number") == "40001"
    page.write(".amlflow-logs input[type=search]", f"EPOCH 59999{Keys.ENTER}")
    page.see(".amlflow-log .is-current", "epoch 59999 fine")
    page.see(".amlflow-logs [role=status]", "Line 60,001: 1 of 1")
    page.write(".amlflow-logs input[type=search]", f"EPOCH 599{Keys.ENTER}")
    page.see(".amlflow-logs [role=status]", "Line 599: 1 of 111")
    page.shift(Keys.ENTER)
    page.see(".amlflow-log .is-current", "epoch 59999 fine")
    page.click(".amlflow-logs button", "Previous")
    page.see(".amlflow-log .is-current", "epoch 59998 fine")
    page.see(".amlflow-logs [role=status]", "Line 60,000: 110 of 111")
    page.click(".amlflow-logs button", "Next")
    page.see(".amlflow-log .is-current", "epoch 59999 fine")
    assert page.see(".amlflow-logs a", "Download all").get_attribute("href").endswith(run.id)
    page.open(address(run, "/logs?file=user_logs%2Fstd_log.txt&line=3"), READER)
    page.see(".amlflow-log .is-current", "epoch 3 fine")
    page.see(".amlflow-log .is-current .ansi-green-fg", "fine")
    # What is read from its end gets its numbers when the lines before it are counted.
    page.open(address(run, "/logs"), READER)
    page.see(".amlflow-log a[data-number='60001']")


def test_a_reader_has_no_cancel_and_who_may_edit_has(page: Page, experiment: Any):
    run = experiment.start_logging(snapshot_directory=None)
    page.open(address(run), READER)
    page.see(".amlflow-run .amlflow-chip", "Running")
    assert not page.find_all(".amlflow-run-actions button")
    page.open(address(run), WRITER)
    page.click(".amlflow-run-actions button", "Cancel run")
    page.click("dialog .danger", "Cancel run")
    page.see(".amlflow-run .amlflow-chip", "Canceled")
    assert run.get_status() == "Canceled"


def test_who_may_not_read_a_run_sees_nothing_of_it(page: Page, studio: Server, failed: Any):
    permit(studio, DENIED, failed.experiment.id, "DENY")
    page.open(address(failed), DENIED)
    page.see(".amlflow-run .is-error", "may not read")
    for path in ("details", "metrics", "files"):
        assert studio.get(f"runs/{path}", DENIED, run_id=failed.id).status_code == 403
    body = {"run_ids": [failed.id], "names": ["loss"]}
    for route in ("runs/curves", "runs/metrics/names"):
        assert studio.post(route, DENIED, **body).status_code == 403
    groups = studio.post("runs/failures", DENIED, experiments=[failed.experiment.name]).json()
    assert groups == {"groups": [], "looked_at": 0}


def test_what_mlflows_page_has_no_place_for_is_told(page: Page, studio: Server, failed: Any):
    page.open(f"#/experiments/{failed.experiment.id}/runs/{failed.id}", READER)
    page.click(".amlflow-run-actions a", "Open in the studio")
    page.see(".amlflow-run h1", "wide-backbone")
    answer = studio.post("page/missing", READER, parts=["Logs"])
    assert answer.status_code == 200
    answer = studio.post("page/missing", READER, parts=["the studio beside its side bar"])
    assert answer.status_code == 200
    assert studio.post("page/missing", READER, parts=["a\nline"]).status_code == 400


NO_LONG_WAITS = """
const later = setTimeout;
window.setTimeout = (act, wait, ...more) => later(act, Math.min(wait, 1000), ...more);
"""


def test_the_studio_needs_nothing_of_mlflows_page(page: Page, failed: Any):
    page.driver.execute_cdp_cmd("Network.enable", {})
    blocked = {"urls": ["*/static-files/static/js/*"]}
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", blocked)
    added = page.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": NO_LONG_WAITS}
    )
    try:
        page.sign_in(WRITER)
        page.driver.get(f"{page.server.uri}/{address(failed)}")
        page.see(".amlflow-stage .amlflow-run h1", "wide-backbone")
        page.see(".amlflow-failure")
        page.click(".amlflow-run nav a", "All runs")
        page.until(lambda: "wide-backbone" in page.run_names(), "the run in the list")
        page.see(".amlflow-misplaced", "no place for the studio beside its side bar")
    finally:
        page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
        page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_mlflows_page_does_not_list_amlflows_own_experiments(studio: Server, experiment: Any):
    body = {"max_results": 1000}
    studio.post("views/create", name="a view", definition={})  # makes the experiment of the views
    search = "2.0/mlflow/experiments/search"
    listed = [
        [
            item["name"]
            for item in studio.call("POST", f"{api}/{search}", json=body).json()["experiments"]
        ]
        for api in ("ajax-api", "api")
    ]
    assert experiment.name in listed[0]
    assert "amlflow.views" not in listed[0]
    assert "amlflow.views" in listed[1]
