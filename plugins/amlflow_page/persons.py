"""Keeps the default view and the visits of views for each person of a server with users.

A person is stored as a run in the experiment of the views. The default view is one tag of the run,
and the visit of each view is another one. Each tag is written by itself, so two browsers of one
person do not overwrite each other's values. If two requests create a person's run at the same
time, there are two runs; the oldest one counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from amlflow.spec import (
    Condition,
    Op,
    RunChange,
    RunDraft,
    RunNotFound,
    RunQuery,
    RunRecord,
    Status,
)
from amlflow.tracker_data import Malformed, parse, show_value, to_object, to_time

from amlflow_page.filters import WrongRequest, text_of
from amlflow_page.views import PERSON, Views

DEFAULT = "default"
VISIT = "visit-"
MAX_VISITS = 200
"""The most visits that are kept for a person; the latest ones are kept."""
MAX_ID = 100


@dataclass(frozen=True, slots=True)
class Persons:
    """The person who sent the current request."""

    views: Views

    def read(self) -> dict[str, Any]:
        """Return the ``user``, the id of the ``default`` view, and the ``visits`` by view.

        ``user`` is None on a server without users, which keeps nothing. ``default`` is None if the
        view does not exist any more. A visit has two times: changes after ``from`` are shown as
        new, and ``until`` is when the person last looked at the view.
        """
        user = self.views.access.user()
        record = None if user is None else self._find(user)
        tags: Mapping[str, str | None] = {} if record is None else record.tags
        default = tags.get(DEFAULT) or None
        if default is not None and not self._is_view(default):
            default = None
        run_id = "" if record is None else record.id
        visits = {
            key.removeprefix(VISIT): parse(run_id, key, value or "", _to_visit)
            for key, value in tags.items()
            if key.startswith(VISIT)
        }
        known = {view_id: visit for view_id, visit in visits.items() if visit is not None}
        return {"user": user, "default": default, "visits": known}

    def set_default(self, request: Mapping[str, Any]) -> None:
        """Make the view ``id`` the default; "" removes it. Raises :class:`RunNotFound`."""
        view_id = text_of(request, "id")
        if view_id:
            self.views.get(view_id)
        self._change(RunChange(tags={DEFAULT: view_id}))

    def note_visit(self, request: Mapping[str, Any]) -> None:
        """Keep that the person looked at the view ``id``.

        Raises :class:`RunNotFound` and :class:`WrongRequest`.
        """
        view_id = text_of(request, "id")
        if not view_id or len(view_id) > MAX_ID:
            raise WrongRequest(f"'id' is the id of a view, and not {show_value(view_id)}.")
        self.views.get(view_id)
        try:
            visit = _to_visit(json.dumps({key: request.get(key) for key in ("from", "until")}))
        except Malformed as wrong:
            raise WrongRequest(f"The request should be {wrong}.") from None
        others = {key: item for key, item in self.read()["visits"].items() if key != view_id}
        latest = sorted(others, key=lambda key: str(others[key]["until"]), reverse=True)
        old = [VISIT + key for key in latest[MAX_VISITS - 1 :]]
        self._change(RunChange(tags={VISIT + view_id: json.dumps(visit)}, tags_removed=old))

    def _is_view(self, view_id: str) -> bool:
        try:
            self.views.get(view_id)
        except RunNotFound:
            return False
        return True

    def _find(self, user: str) -> RunRecord | None:
        experiment_id = self.views.find_experiment()
        if experiment_id is None or not self.views.may_read():
            return None
        condition = Condition("tags", Op.EQ, user, key=PERSON)
        query = RunQuery(experiment_ids=[experiment_id], conditions=(condition,))
        records = [run for run in self.views.tracker.find_runs(query) if condition.holds(run)]
        return min(records, key=lambda run: (run.created, run.id), default=None)

    def _change(self, change: RunChange) -> None:
        user = self.views.access.user()
        if user is None:
            raise WrongRequest("This server keeps nothing for you: it has no users.")
        experiment_id = self.views.find_experiment()
        if experiment_id is None or not self.views.may_read():
            raise RunNotFound("", "the saved views")
        record = self._find(user)
        if record is None:
            draft = RunDraft(
                experiment_id=experiment_id,
                name=user,
                status=Status.COMPLETED,
                created=datetime.now(timezone.utc),
                tags={PERSON: user},
            )
            self.views.tracker.create_runs([draft])
            record = self._find(user)
        if record is not None:
            self.views.tracker.update_run(record.id, change)


def _to_visit(text: str) -> dict[str, str]:
    """Parse the two times of a visit. Raises :class:`Malformed`."""
    content = to_object(text)
    visit = {key: content.get(key) for key in ("from", "until")}
    for value in visit.values():
        if not isinstance(value, str):
            raise Malformed("a visit with the times 'from' and 'until'")
        to_time(value)
    return {key: str(value) for key, value in visit.items()}
