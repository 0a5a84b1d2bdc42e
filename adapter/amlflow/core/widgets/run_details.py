"""v1's ``azureml.widgets.RunDetails``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from amlflow.core.arguments import check_class
from amlflow.core.console import is_notebook
from amlflow.core.runs.base import record_of
from amlflow.core.runs.run import Run
from amlflow.core.widgets.run_view import read_view
from amlflow.jobs.run_notes import is_launched
from amlflow.times import to_iso


class RunDetails:
    """Shows a run while it goes on.

    Source: ``azureml.widgets.RunDetails`` 1.61; names are v1's.
    """

    def __init__(self, run_instance: Run) -> None:
        """Prepare to show a run. :meth:`show` shows it.

        Raises:
            UserErrorException: ``run_instance`` is not a run.
        """
        check_class(run_instance, Run, "RunDetails shows a Run", "RunDetails(run)")
        self._run = run_instance

    def show(self, render_lib: Any = None, widget_settings: Any = None) -> None:
        """Show the run's status, times, metrics and log, and those of its children.

        In a notebook, this returns at once, and the view is updated until the run ends. If
        ipywidgets is installed, the view has the log and a button to cancel. A click on the button
        takes effect when no cell is running. Elsewhere, the log of a submitted run is printed until
        the run ends, as by ``wait_for_completion(show_output=True, raise_on_error=False)``. For
        another run, its state is printed. ``render_lib`` and ``widget_settings`` are arguments of
        v1 and change nothing.
        """
        if is_notebook():
            # Imported here, since it needs IPython.
            from amlflow.core.widgets import notebook

            has_widgets = find_spec("ipywidgets") is not None
            display = notebook.WidgetDisplay(self._run) if has_widgets else notebook.HtmlDisplay()
            notebook.show(self._run, display)
        elif is_launched(record_of(self._run)):
            self._run.wait_for_completion(show_output=True, raise_on_error=False)
        else:
            self._print()

    def get_widget_data(self, widget_settings: Any = None) -> dict[str, Any]:
        """Return the content of the view as a dict with v1's keys."""
        view = read_view(self._run)
        rows = [
            {
                "run_id": row.id,
                "status": row.status,
                "start_time": None if row.started is None else to_iso(row.started),
                "end_time": None if row.ended is None else to_iso(row.ended),
                "metric": dict(row.numbers),
                "workbench_run_details_uri": row.link,
            }
            for row in view.rows
        ]
        series = [
            {
                "name": name,
                "series": [{"name": line.run, "data": list(line.values)} for line in lines],
            }
            for name, lines in view.charts.items()
        ]
        return {
            "status": view.rows[0].status,
            "workbench_run_details_uri": view.rows[0].link,
            "run_id": view.rows[0].id,
            "run_properties": rows[0],
            "child_runs": rows[1:],
            "run_metrics": series,
            "loading": False,
        }

    def _print(self) -> None:
        view = read_view(self._run)
        for row in view.rows:
            print(f"RunId: {row.id}\nWeb View: {row.link}\nStatus: {row.status}")
            for name, value in row.numbers.items():
                print(f"{name}: {value:.6g}")
            print()
