"""Shows a run in a notebook and draws it again until it ends."""

from __future__ import annotations

import threading
import time
from typing import Any, Protocol

from amlflow.core.runs.base import record_of
from amlflow.core.runs.run import Run
from amlflow.core.store import tracker_of
from amlflow.core.widgets.drawing import draw_log, draw_note, draw_view
from amlflow.core.widgets.run_view import RunView, read_view
from amlflow.exceptions import AzureMLException
from amlflow.jobs.run_notes import is_launched

MIN_INTERVAL_S = 1.0
SHARE = 10
"""The pause before the next reading, as a multiple of the time that the last reading took."""
THREAD = "amlflow-run-details"
"""The name of the thread that draws a run again and again."""
MAX_LOG = 20_000
"""How many characters of the end of a log are shown."""
_TO_CANCEL = "To cancel the run, call run.cancel(). With ipywidgets, there is a button for it."
_CANCEL = "If a cell is running, the run is canceled when the cell has ended, or you interrupt it."


class Display(Protocol):
    """A place in a notebook that shows a run. Any thread can draw it again."""

    def draw(self, view: RunView, log: str) -> None:
        """Show the view and the end of the log."""

    def note(self, text: str) -> None:
        """Show a sentence under the view."""


class HtmlDisplay:
    """Replaces the HTML of the output, for notebooks without ipywidgets."""

    def __init__(self) -> None:
        # IPython is installed, since this is a notebook. Nothing else needs it.
        from IPython import display

        untyped: Any = display
        self._html = untyped.HTML
        self._content = ""
        self._handle = untyped.display(self._html(""), display_id=True)

    def draw(self, view: RunView, log: str) -> None:
        """Show the view and the end of the log."""
        how = "" if view.is_final else draw_note(_TO_CANCEL)
        self._content = draw_view(view) + how + (draw_log(log) if log else "")
        self._handle.update(self._html(self._content))

    def note(self, text: str) -> None:
        """Show a sentence under the view."""
        self._handle.update(self._html(self._content + draw_note(text)))


class WidgetDisplay:
    """Shows the same HTML by ipywidgets, with a log that opens and a button to cancel.

    The browser opens the log, also while a cell is running, as in ``wait_for_completion()``. A
    click on the button waits until the cell has ended, because the kernel has to receive it.
    """

    def __init__(self, run: Run) -> None:
        # The caller has seen that ipywidgets is installed. Nothing else needs it.
        import ipywidgets
        from IPython import display

        untyped: Any = display
        self._run = run
        self._view = ipywidgets.HTML()
        self._note = ipywidgets.HTML()
        self._log = ipywidgets.HTML()
        log = ipywidgets.Accordion([self._log], selected_index=None)
        log.set_title(0, "Log")
        self._cancel_button = ipywidgets.Button(description="Cancel run", tooltip=_CANCEL)
        self._cancel_button.on_click(self._cancel)
        content = [self._view, self._note, self._cancel_button, log]
        untyped.display(ipywidgets.VBox(content))

    def draw(self, view: RunView, log: str) -> None:
        """Show the view and the end of the log."""
        self._view.value = draw_view(view)
        self._note.value = ""
        self._log.value = draw_log(log or "The run has no log.")
        self._cancel_button.disabled = view.is_final

    def note(self, text: str) -> None:
        """Show a sentence under the view."""
        self._note.value = draw_note(text)

    def _cancel(self, button: Any) -> None:
        try:
            self._run.cancel()
        except AzureMLException as error:
            self.note(error.message)
        else:
            self.note("Canceling the run.")


class LogTail:
    """The end of a submitted run's log."""

    def __init__(self, run: Run) -> None:
        # Imported here, since it locks files, which not all systems support. A run that was not
        # submitted has no log.
        from amlflow.jobs.log_reader import LogReader

        self._reader = LogReader(tracker_of(run), record_of(run))
        self._text = ""

    def read(self, ended: bool) -> str:
        """Return the current end of the log. ``ended`` says that the run has ended."""
        for text in self._reader.new(ended):
            self._text = (self._text + text)[-MAX_LOG:]
        return self._text


def show(run: Run, display: Display) -> None:
    """Draw the run now. If it goes on, a thread draws it again until it has ended."""
    log = LogTail(run) if is_launched(record_of(run)) else None
    if not _draw(run, display, log):
        arguments = (run, display, log)
        threading.Thread(target=_follow, name=THREAD, args=arguments, daemon=True).start()


def _follow(run: Run, display: Display, log: LogTail | None) -> None:
    pause = MIN_INTERVAL_S
    while True:
        time.sleep(pause)
        start = time.monotonic()
        if _draw(run, display, log):
            return
        pause = max(MIN_INTERVAL_S, SHARE * (time.monotonic() - start))


def _draw(run: Run, display: Display, log: LogTail | None) -> bool:
    """Draw the run once, and return whether it has ended.

    If the run cannot be read, the error is shown and False is returned.
    """
    try:
        view = read_view(run)
        display.draw(view, "" if log is None else log.read(view.is_final))
    except AzureMLException as error:
        display.note(f"The run could not be read, and will be read again: {error.message}")
        return False
    return view.is_final
