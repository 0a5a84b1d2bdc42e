"""Makes the routes' answers: a status of HTTP and JSON, for errors too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.plain_json import to_json
from amlflow.query.expression import QueryError, QueryFailed
from amlflow.spec import ExperimentNotFound, FileNotInRun, RunNotFound, Unavailable
from flask import Response

from amlflow_page.access import Forbidden
from amlflow_page.deadline import Busy, ProcessEnded, Superseded
from amlflow_page.views import ViewChanged

_STATUS: dict[type[AzureMLException], int] = {
    RunNotFound: 404,
    ExperimentNotFound: 404,
    FileNotInRun: 404,
    Unavailable: 503,
    Forbidden: 403,
    ViewChanged: 409,
    Superseded: 409,
    Busy: 429,
    ProcessEnded: 500,
    AuthenticationException: 502,
}
"""The status of HTTP for an error. All other errors are the request's fault: 400."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status of HTTP, and the JSON that is sent with it."""

    status: int
    text: str


def make_answer(view: Callable[[], Any]) -> Answer:
    """Call a function of amlflow, and return its result or its error as an answer."""
    try:
        return Answer(200, to_json(view()))
    except AzureMLException as error:
        return _error_answer(error)


def answer_as_json(view: Callable[[], Any]) -> Callable[[], Response]:
    """Wrap the view of a route, so that its result or its error is sent as JSON."""
    # Imported here, since a query's process imports this module and does not need MLflow.
    from mlflow.exceptions import MlflowException

    @functools.wraps(view)
    def answer_view() -> Response:
        try:
            answer = view()
        except AzureMLException as error:
            return _send(_error_answer(error))
        except MlflowException as error:  # of MLflow's own views: it has its own HTTP status
            message = to_json({"message": error.message})
            return _send(Answer(error.get_http_status_code(), message))
        if isinstance(answer, Response):
            return answer
        return _send(answer if isinstance(answer, Answer) else Answer(200, to_json(answer)))

    return answer_view


def describe(error: AzureMLException) -> dict[str, Any]:
    """Return an error as the page reads it: its ``message``, and what it is about."""
    description: dict[str, Any] = {"message": error.message}
    if isinstance(error, QueryError):
        description.update(message=error.message.split("\n")[0], place=error.offset, of="query")
    elif isinstance(error, RunNotFound):  # its message tells where the server keeps runs
        description["message"] = f"Run {error.run_id!r} does not exist, or has been deleted."
    elif isinstance(error, QueryFailed):
        description["of"] = "query"
    elif isinstance(error, ViewChanged):
        description["view"] = error.current
    return description


def _error_answer(error: AzureMLException) -> Answer:
    status = next((_STATUS[kind] for kind in _STATUS if isinstance(error, kind)), 400)
    return Answer(status, to_json(describe(error)))


def _send(answer: Answer) -> Response:
    response = Response(answer.text, answer.status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
