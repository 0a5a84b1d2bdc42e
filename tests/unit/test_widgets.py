"""RunDetails shows a run, and updates what it shows until the run has ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import IPython.display
import pytest
from amlflow.core import store
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.widgets import notebook, run_view
from amlflow.core.widgets.drawing import draw_view
from amlflow.core.widgets.run_details import RunDetails
from amlflow.core.widgets.run_view import Line, RunRow, RunView, read_view
from amlflow.core.workspace import Workspace
from amlflow.exceptions import ServiceException, UserErrorException
from amlflow.layers.stack import add_layers
from amlflow.testing.memory import MemoryTracker

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    tracker = add_layers(MemoryTracker())
    monkeypatch.setattr(store, "_opener", lambda: lambda uri: tracker)
    experiment = Experiment(Workspace("s", "g", "w"), "explore")
    return experiment.start_logging(snapshot_directory=None, outputs=None, display_name="parent")


def row(**members: Any) -> RunRow:
    return RunRow(
        **{
            "id": "1",
            "name": "name",
            "link": "http://x/1",
            "status": "Completed",
            "started": START,
            "ended": START.replace(minute=6),
            "numbers": {},
            **members,
        }
    )


def test_the_run_its_children_and_their_metrics(run: Run) -> None:
    run.log("accuracy", 0.5)
    run.log("note", "text")
    run.log_list("loss", [3, 2.5, float("nan"), 1])
    run.log_row("row", x=1)
    run.log_row("row", x=2)
    child = run.child_run("child")
    child.log("accuracy", 0.75)
    child.complete()
    view = read_view(run)
    assert [one.name for one in view.rows] == ["parent", "child"]
    assert [one.status for one in view.rows] == ["Running", "Completed"]
    assert [dict(one.numbers) for one in view.rows] == [{"accuracy": 0.5}, {"accuracy": 0.75}]
    assert view.columns() == ["accuracy"]
    assert view.charts == {
        "loss": (Line("parent", (3, 2.5, 1)),),
        "row.x": (Line("parent", (1, 2)),),
    }
    assert not view.is_final


def test_only_so_much_is_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_view, "MAX_CHILDREN", 2)
    run.create_children(5)
    run.log_list("long", list(range(100_000)))
    view = read_view(run)
    assert (len(view.rows), view.left_out) == (3, 3)
    [line] = view.charts["long"]
    assert len(line.values) == run_view.MAX_POINTS
    assert (line.values[0], line.values[-1]) == (0, 99_999)
    assert "3 more child runs" in draw_view(view)


def test_names_and_addresses_of_the_tracker_are_texts() -> None:
    evil = "<script>alert(1)</script>"
    lines = {evil: (Line(evil, (1, 2)),)}
    view = RunView((row(name=evil, link="javascript:alert(1)", numbers={evil: 1.0}),), lines)
    drawing = draw_view(view)
    assert "<script>" not in drawing
    assert "javascript:" not in drawing
    assert drawing.count("&lt;script&gt;") == 4


@pytest.mark.parametrize("values", [(1.0, 1.0), (1e308, -1e308), (0.0, 5e-324)])
def test_any_values_are_drawn(values: tuple[float, ...]) -> None:
    drawing = draw_view(RunView((row(),), {"m": (Line("r", values),)}))
    points = drawing.partition('points="')[2].partition('"')[0]
    for point in points.split():
        across, down = map(float, point.split(","))
        assert 0 <= across <= 320
        assert 0 <= down <= 140


def test_times_and_durations() -> None:
    drawing = draw_view(RunView((row(), row(started=None, ended=None))))
    assert "2026-01-02 03:04:05" in drawing
    assert "0:02:00" in drawing


class Drawn(notebook.Display):
    """Keeps what is drawn, and tells when a condition holds."""

    def __init__(self, awaited: Callable[[Drawn], bool]) -> None:
        self.statuses: list[str] = []
        self.notes: list[str] = []
        self.holds = threading.Event()
        self._awaited = awaited

    def draw(self, view: RunView, log: str) -> None:
        self.statuses.append(view.rows[0].status)
        self._check()

    def note(self, text: str) -> None:
        self.notes.append(text)
        self._check()

    def _check(self) -> None:
        if self._awaited(self):
            self.holds.set()


def followers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == notebook.THREAD]


def test_what_is_shown_follows_the_run_to_its_end(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook, "MIN_INTERVAL_S", 0.001)
    display = Drawn(lambda drawn: len(drawn.statuses) > 1)
    notebook.show(run, display)
    assert display.statuses[0] == "Running"
    assert display.holds.wait(10)
    run.complete()
    for thread in followers():
        thread.join(10)
    assert not followers()
    assert display.statuses[-1] == "Completed"


def test_a_run_that_has_ended_is_drawn_once(run: Run) -> None:
    run.fail("no data")
    display = Drawn(bool)
    notebook.show(run, display)
    assert display.statuses == ["Failed"]
    assert not followers()


def test_a_tracker_that_is_away_is_asked_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "MIN_INTERVAL_S", 0.001)
    away = threading.Event()
    away.set()

    def read(one: Run) -> RunView:
        if away.is_set():
            raise ServiceException("The tracker does not answer.")
        return read_view(one)

    monkeypatch.setattr(notebook, "read_view", read)
    display = Drawn(lambda drawn: len(drawn.notes) > 2)
    notebook.show(run, display)
    assert display.holds.wait(10)
    assert "The tracker does not answer." in display.notes[-1]
    run.complete()
    away.clear()
    for thread in followers():
        thread.join(10)
    assert display.statuses == ["Completed"]


def test_outside_a_notebook_a_run_is_printed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.log("accuracy", 0.5)
    RunDetails(run).show()
    printed = capsys.readouterr()
    assert f"RunId: {run.id}\n" in printed.out
    assert "Status: Running\naccuracy: 0.5\n" in printed.out
    assert printed.err == ""


def test_the_data(run: Run) -> None:
    run.child_run("child").complete()
    run.log_list("loss", [2, 1])
    data = RunDetails(run).get_widget_data()
    assert (data["run_id"], data["status"]) == (run.id, "Running")
    assert [child["status"] for child in data["child_runs"]] == ["Completed"]
    assert data["run_metrics"] == [
        {"name": "loss", "series": [{"name": "parent", "data": [2.0, 1.0]}]}
    ]


def test_what_is_not_a_run() -> None:
    with pytest.raises(UserErrorException, match=r"RunDetails\(run\)"):
        RunDetails("run")  # type: ignore[arg-type]


def test_html_says_how_to_cancel_a_run_that_goes_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    class Handle:
        def update(self, html: IPython.display.HTML) -> None:
            shown.append(html.data)

    monkeypatch.setattr(IPython.display, "display", lambda *content, **arguments: Handle())
    display = notebook.HtmlDisplay()
    display.draw(read_view(run), "step 1\n")
    run.complete()
    display.draw(read_view(run), "step 2\n")
    assert ["run.cancel()" in html for html in shown] == [True, False]
    assert ["step 1" in shown[0], "step 2" in shown[1]] == [True, True]


# with ipywidgets


@pytest.fixture
def widgets(run: Run, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The parts of what a notebook with ipywidgets shows of the run: HTML, note, button, log."""
    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    display = notebook.WidgetDisplay(run)
    display.draw(read_view(run), "step 1\n")
    [box] = shown
    return list(box.children)


def test_the_log_is_opened_by_the_browser(widgets: list[Any]) -> None:
    *_, log = widgets
    assert (log.selected_index, log.get_title(0)) == (None, "Log")
    assert "step 1" in log.children[0].value


def test_the_button_cancels_the_run(
    run: Run, widgets: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, note, button, _ = widgets
    canceled: list[Run] = []
    monkeypatch.setattr(Run, "cancel", lambda run: canceled.append(run))
    assert not button.disabled
    button.click()
    assert canceled == [run]
    assert "Canceling the run." in note.value


def test_why_the_run_cannot_be_canceled(
    widgets: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(run: Run) -> None:
        raise ServiceException("The tracker <does> not answer.")

    _, note, button, _ = widgets
    monkeypatch.setattr(Run, "cancel", refuse)
    button.click()
    assert "The tracker &lt;does&gt; not answer." in note.value


def test_a_run_that_has_ended_is_not_canceled(
    run: Run, widgets: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run.complete()
    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    notebook.show(run, notebook.WidgetDisplay(run))
    assert shown[0].children[2].disabled
