"""The studio's routes, below ``/ajax-api/2.0/amlflow/``.

Before a route is called, MLflow checks the request as for its own routes: hosts, cross-site
requests, workspaces and, on a server with users, the user's name and password.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from typing import Any

import mlflow
from amlflow.exceptions import AzureMLException
from amlflow.query.document import Documents
from amlflow.query.expression import Expression, QueryError
from amlflow.spec import RunNotFound, RunRecord
from amlflow.tracker_data import Malformed, is_whole, to_object
from amlflow.tracker_notes import parse_environment
from amlflow.waiting_text import waiting_text
from amlflow_mlflow_private import add_static_prefix
from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from amlflow_page import (
    all_runs,
    bulk_changes,
    curves,
    log_archive,
    log_search,
    logs,
    run_details,
    server_workspace,
)
from amlflow_page.access import Access, Forbidden
from amlflow_page.addresses import PREFIX
from amlflow_page.answers import Answer, answer_as_json, describe
from amlflow_page.filters import WrongRequest, argument_of, number_of, some_texts_of, text_of
from amlflow_page.graft_places import PLACES, SEEN_BY_BROWSER
from amlflow_page.own_experiments import OWN
from amlflow_page.persons import Persons
from amlflow_page.query_processes import PROCESSES, Asker
from amlflow_page.views import Views

logger = logging.getLogger("amlflow")

MAX_RUNS = 200
"""The most runs that one request may name."""
MAX_BODY = 100_000
"""The most bytes of a request's body."""


def add_routes(app: Flask, access: Access) -> None:
    """Add the routes to MLflow's app."""
    routes = Routes(access)
    for path, methods, view in (
        ("/runs/search", ["POST"], routes.search),
        ("/runs/get", ["GET"], routes.run),
        ("/runs/details", ["GET"], routes.details),
        ("/runs/metrics", ["GET"], routes.metrics),
        ("/runs/curves", ["POST"], routes.curves),
        ("/runs/metrics/names", ["POST"], routes.metric_names),
        ("/runs/files", ["GET"], routes.files),
        ("/runs/failures", ["POST"], routes.failures),
        ("/runs/difference", ["GET"], routes.difference),
        ("/runs/groups", ["POST"], routes.groups),
        ("/runs/tags", ["POST"], routes.tag),
        ("/runs/open", ["POST"], routes.open),
        ("/runs/cancel", ["POST"], routes.cancel),
        ("/runs/states", ["POST"], routes.states),
        ("/runs/logs", ["GET"], routes.logs),
        ("/runs/log", ["GET"], routes.log),
        ("/runs/logs/archive", ["GET"], routes.log_archive),
        ("/runs/log/find", ["GET"], routes.find_line),
        ("/runs/log/hits", ["GET"], routes.find_hits),
        ("/query/check", ["GET"], routes.check),
        ("/query/unknown", ["GET"], routes.unknown_keys),
        ("/keys", ["GET"], routes.keys),
        ("/experiments", ["GET"], routes.experiments),
        ("/page/missing", ["POST"], routes.tell_missing),
        ("/views", ["GET"], routes.views),
        ("/views/get", ["GET"], routes.view),
        ("/views/history", ["GET"], routes.view_history),
        ("/views/changes", ["POST"], routes.changes),
        ("/views/create", ["POST"], routes.create_view),
        ("/views/save", ["POST"], routes.save_view),
        ("/views/delete", ["POST"], routes.delete_view),
        ("/person", ["GET"], routes.person),
        ("/person/default", ["POST"], routes.set_default_view),
        ("/person/visit", ["POST"], routes.note_visit),
    ):
        full = add_static_prefix(PREFIX + path)
        app.add_url_rule(full, f"amlflow{path}", answer_as_json(view), methods=methods)
        access.allow(full, methods)


class Routes:
    """The routes' views. Each one returns a value that is sent as JSON, or a response."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._missing: set[str] = set()

    def search(self) -> Any:
        """Return rows of the All runs page: see :func:`amlflow_page.all_runs.rows`."""
        PROCESSES.start_soon()
        body = _read_body()
        if all_runs.is_quick(server_workspace.tracker(), body):
            return all_runs.rows(server_workspace.tracker(), self._access, body)
        answer = self._ask("search", body)
        if answer.status != 200:
            return answer
        page = to_object(answer.text, len(answer.text))
        if "writable" in page:
            page["writable"] = list(filter(self._access.may_change_in, page["writable"]))
        return page

    def check(self) -> Any:
        """Check an expression. ``error`` is null, or says what is wrong; ``place`` says where.

        ``doubts``, if there are any, are sentences about parts that are probably a mistake.
        """
        try:
            expression = Expression(text_of(request.args, "query"))
        except QueryError as error:
            reason = error.message.split("\n")[0]
            return {"error": reason, "place": error.offset}
        return {"error": None, **({"doubts": expression.doubts} if expression.doubts else {})}

    def keys(self) -> Any:
        """Return keys and metrics that runs have: see :func:`amlflow_page.all_runs.keys`."""
        return all_runs.keys(server_workspace.tracker(), self._access)

    def unknown_keys(self) -> Any:
        """Return what is doubtful in a query: see :func:`amlflow_page.all_runs.unknown_keys`."""
        return all_runs.unknown_keys(server_workspace.tracker(), self._access, request.args)

    def experiments(self) -> Any:
        """Return the experiments that the user may read, newest first."""
        experiments = [
            experiment
            for experiment in server_workspace.tracker().list_experiments()
            if experiment.archived is None and experiment.name not in OWN
        ]
        readable = self._access.readable([experiment.id for experiment in experiments])
        return {
            "experiments": [
                {"id": experiment.id, "name": experiment.name}
                for experiment in experiments
                if experiment.id in readable
            ]
        }

    def run(self) -> Any:
        """Return a run's state. Like ``Run.get_status``, this may note that the agent is silent."""
        run_id = self._readable()
        record = server_workspace.runs().look_at(run_id)
        experiment = server_workspace.tracker().get_experiment(record.experiment_id)
        names = {record.experiment_id: experiment.name}
        return {
            **all_runs.row(Documents(names), record),
            "may_cancel": not record.deleted and self._access.may_change(run_id),
            "deleted": record.deleted,
            "environment": _environment(record),
            "waiting": waiting_text(record),
        }

    def details(self) -> Any:
        """Return a run's details for its page: see :func:`amlflow_page.run_details.details`."""
        tracker = server_workspace.runs().tracker
        return run_details.details(tracker, self._access, tracker.get_run(self._readable()))

    def metrics(self) -> Any:
        """Return a run's metrics: see :func:`amlflow_page.run_details.metrics`."""
        return self._ask("metrics", {"run_id": self._readable()})

    def metric_names(self) -> Any:
        """Return ``names`` of metrics: see :func:`amlflow_page.curves.metric_names`."""
        body = _read_body()
        for run_id in some_texts_of(body, "run_ids", curves.MAX_RUNS):
            self._check_readable(run_id)
        return self._ask("metric names", body)

    def curves(self) -> Any:
        """Return curves of metrics: see :func:`amlflow_page.curves.curves`."""
        body = _read_body()
        for run_id in curves.Wanted.from_request(body).run_ids:
            self._check_readable(run_id)
        return self._ask("curves", body)

    def difference(self) -> Any:
        """Return the rows of the runs ``left`` and ``right``, and how they differ.

        See :func:`amlflow_page.difference.page`.
        """
        sides = {side: request.args.get(side, "") for side in ("left", "right")}
        for run_id in sides.values():
            self._check_readable(run_id)
        return self._ask("difference", sides)

    def files(self) -> Any:
        """Return a folder of a run's files: see :func:`amlflow_page.logs.folder_files`."""
        return logs.folder_files(self._readable(), request.args.get("folder", ""))

    def failures(self) -> Any:
        """Return why runs failed: see :func:`amlflow_page.all_runs.failures`."""
        return self._ask("failures", _read_body())

    def states(self) -> Any:
        """Return the rows of the runs ``run_ids``, which the page shows.

        Runs that are deleted or that the user may not read are left out.
        """
        body, tracker = _read_body(), server_workspace.tracker()
        documents = Documents({item.id: item.name for item in tracker.list_experiments()})
        records = []
        for run_id in some_texts_of(body, "run_ids", MAX_RUNS):
            if self._access.may_read(run_id):
                with contextlib.suppress(RunNotFound):
                    record = server_workspace.runs().look_at(run_id)
                    if not record.deleted:
                        records.append(record)
        rows = [all_runs.row(documents, record) for record in records]
        if body.get("tree") is True:
            all_runs.add_children(tracker, self._access, records, rows)
        return {"runs": rows}

    def groups(self) -> Any:
        """Return runs grouped by a column: see :func:`amlflow_page.groups.groups`."""
        return self._ask("groups", _read_body())

    def tag(self) -> Any:
        """Change tags of runs: see :func:`amlflow_page.bulk_changes.change_tags`."""
        tracker = server_workspace.runs().tracker
        return {"runs": bulk_changes.change_tags(tracker, self._access, _read_body())}

    def open(self) -> Any:
        """Return runs that have not ended.

        With ``run_ids``, see :func:`amlflow_page.bulk_changes.open_below`. Else, see
        :func:`amlflow_page.bulk_changes.open_matching`.
        """
        body = _read_body()
        if body.get("run_ids") is None:
            return self._ask("open", body, changes=True)
        return bulk_changes.open_below(server_workspace.tracker(), self._access, body)

    def cancel(self) -> Any:
        """Cancel runs, and return the new status of each run, or why it could not be canceled."""
        run_ids = _read_ids()
        outcomes = [self._cancel(run_id) for run_id in run_ids]
        if all(outcome["forbidden"] for outcome in outcomes):
            raise Forbidden(str(outcomes[0]["error"]))
        return {"runs": outcomes}

    def _cancel(self, run_id: str) -> dict[str, Any]:
        outcome: dict[str, Any] = {"id": run_id, "status": None, "error": None, "forbidden": False}
        try:
            if not self._access.may_change(run_id):
                raise Forbidden(
                    f"{self._access.user()!r} may not cancel run {run_id}: that takes MLflow's "
                    "permission EDIT on its experiment."
                )
            outcome["status"] = server_workspace.runs().cancel(run_id).status
        except AzureMLException as error:
            outcome["error"] = describe(error)["message"]
            outcome["forbidden"] = isinstance(error, Forbidden)
        return outcome

    def logs(self) -> Any:
        """Return the run's log files: see :func:`amlflow_page.logs.log_files`."""
        return {"files": logs.log_files(self._readable())}

    def log_archive(self) -> Any:
        """Return all logs of the run as a zip file: see :mod:`amlflow_page.log_archive`."""
        run_id = self._readable()
        answer = Response(log_archive.archive(run_id), mimetype="application/zip")
        answer.headers["Content-Disposition"] = f'attachment; filename="logs-{run_id}.zip"'
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def log(self) -> Any:
        """Return a piece of a log from ``offset`` on, as bytes.

        The header ``X-Log-Size`` is the size of the whole log.
        """
        run_id = self._readable()
        offset = argument_of(request.args, "offset", 0)
        content, size = logs.piece(run_id, request.args.get("name", ""), offset)
        answer = Response(content, mimetype="application/octet-stream")
        answer.headers["X-Log-Size"] = str(size)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def tell_missing(self) -> Any:
        """Log the parts for which a browser did not find a place in MLflow's page.

        Each part is logged only once.
        """
        parts = _read_body().get("parts")
        known = {*PLACES, *SEEN_BY_BROWSER}
        if not isinstance(parts, list) or not set(map(str, parts)) <= known:
            raise WrongRequest(f"'parts' is a list of some of {sorted(known)}.")
        warn_of_missing(sorted(set(parts) - self._missing))
        self._missing.update(parts)
        return {}

    def find_line(self) -> Any:
        """Return a line of a log: see :func:`amlflow_page.log_search.find_line`."""
        run_id, name = self._readable(), request.args.get("name", "")
        wanted = log_search.parse_request(request.args)
        return log_search.find_line(lambda offset: logs.piece(run_id, name, offset), wanted)

    def find_hits(self) -> Any:
        """Return the lines of a log with a text: see :func:`amlflow_page.log_search.find_all`."""
        run_id, name = self._readable(), request.args.get("name", "")
        wanted = log_search.parse_request(request.args)
        if wanted.text is None:
            raise WrongRequest("'text' is missing: the text to look for.")
        return log_search.find_all(lambda offset: logs.piece(run_id, name, offset), wanted)

    def views(self) -> Any:
        """Return the saved views, and the user's name on a server with users."""
        return {"views": self._views().read_all(), "user": self._access.user()}

    def view(self) -> Any:
        """Return a saved view, or its ``version``, and the user's name."""
        version = argument_of(request.args, "version", 0) or None
        view = self._views().get(request.args.get("id", ""), version)
        return {"view": view, "user": self._access.user()}

    def view_history(self) -> Any:
        """Return the versions of a view, the newest first: who saved them, and when."""
        return {"versions": self._views().history(request.args.get("id", ""))}

    def changes(self) -> Any:
        """Return the numbers of changed runs: see :func:`amlflow_page.all_runs.changes`."""
        return self._ask("changes", _read_body())

    def create_view(self) -> Any:
        """Save a new view."""
        return {"view": self._views().create(_read_body())}

    def save_view(self) -> Any:
        """Save the changes of a view that was opened at ``version``."""
        body = _read_body()
        return {"view": self._views().save(*_read_view_version(body), body)}

    def delete_view(self) -> Any:
        """Delete a view that was opened at ``version``."""
        self._views().delete(*_read_view_version(_read_body()))
        return {}

    def person(self) -> Any:
        """Return what is kept for the user: see :meth:`amlflow_page.persons.Persons.read`."""
        return Persons(self._views()).read()

    def set_default_view(self) -> Any:
        """Keep which view the user sees first."""
        Persons(self._views()).set_default(_read_body())
        return {}

    def note_visit(self) -> Any:
        """Keep when the user looked at a view."""
        Persons(self._views()).note_visit(_read_body())
        return {}

    def _ask(self, question: str, body: dict[str, Any], *, changes: bool = False) -> Answer:
        """Let another process answer a question, since it may take long. Returns the answer."""
        access = self._access.for_process(server_workspace.experiment_ids, changes=changes)
        person = self._access.user() or request.remote_addr or ""
        tab = text_of(body, "tab") or None
        number = number_of(body, "number", 0, 0, 2**53)
        return PROCESSES.ask(Asker(person, tab, number), question, body, access)

    def _views(self) -> Views:
        return Views(server_workspace.tracker(), self._access)

    def _readable(self) -> str:
        run_id = request.args.get("run_id", "")
        self._check_readable(run_id)
        return run_id

    def _check_readable(self, run_id: str) -> None:
        if not self._access.may_read(run_id):
            raise Forbidden(f"{self._access.user()!r} may not read run {run_id!r}.")


def warn_of_missing(parts: Iterable[str]) -> None:
    """Log a warning for each part of the studio for which MLflow's page has no place."""
    for part in parts:
        logger.warning(
            "MLflow %s: its page has no place for %s. Use the studio's own pages instead: "
            "#/amlflow/runs and #/amlflow/runs/ID.",
            mlflow.__version__,
            part,
        )


def _environment(record: RunRecord) -> dict[str, str | None] | None:
    """Return the environment that was made for a run's script; None if there is none."""
    note = parse_environment(record)
    if note is None or note.key is None:
        return None
    return {"name": note.name, "version": note.version, "hash": note.key}


def _read_body() -> dict[str, Any]:
    """Return the request's body. Raises :class:`WrongRequest`.

    The request must say that it is JSON: a browser does not let another site send that.
    """
    if not request.is_json:
        raise WrongRequest("The request's body is a JSON object, with Content-Type JSON.")
    request.max_content_length = MAX_BODY  # also limits a body of unknown length
    try:
        return to_object(request.get_data().decode("utf-8"), MAX_BODY)
    except RequestEntityTooLarge:
        raise WrongRequest(f"The request's body has more than {MAX_BODY} bytes.") from None
    except UnicodeDecodeError:
        raise WrongRequest("The request's body is not UTF-8.") from None
    except Malformed as wrong:
        raise WrongRequest(f"The request's body should be {wrong}.") from None


def _read_ids() -> list[str]:
    """Return the ids of the runs that a request names."""
    return some_texts_of(_read_body(), "run_ids", MAX_RUNS)


def _read_view_version(body: dict[str, Any]) -> tuple[str, int]:
    view_id, version = body.get("id"), body.get("version")
    if not isinstance(view_id, str) or not is_whole(version):
        raise WrongRequest("'id' and 'version' are those of the view that was opened.")
    return view_id, version
