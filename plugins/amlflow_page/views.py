"""Custom views of the All runs page, which are saved for all users of the server.

A view is a run in one of amlflow's own experiments. Each version of it is one or more properties.
A property is written only once, so if two people save the same version, one of them wins. The
other's changes are then saved as the next version if they are in other parts of the view, and
refused if they are in the same part.

If you may see the views, you may save a new one. The owner of a view may change it, and others may
if the owner lets them. With MLflow's permission EDIT on the experiment, you may change all views.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from amlflow.optional_members import member
from amlflow.spec import (
    Condition,
    ExperimentRecord,
    Op,
    PropertyConflict,
    RunChange,
    RunDraft,
    RunNotFound,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)

from amlflow_page.access import Access, Forbidden
from amlflow_page.filters import WrongRequest
from amlflow_page.view_content import (
    DELETED,
    MAX_VERSIONS,
    check_request,
    newest_version,
    read_version,
    to_properties,
    versions,
)

EXPERIMENT = "amlflow.views"
PERSON = "person"
"""The tag of the runs in the experiment that are persons: see :mod:`amlflow_page.persons`."""
PARTS = ("name", "definition", "notes")
"""The parts of a view. Two people may change different parts at once without a conflict."""
MAX_HISTORY = 500
"""The most versions that are listed."""
TRIES = 5
"""How often a save is tried, if another one is faster each time."""


class ViewChanged(WrongRequest):
    """An error: somebody else has saved the view meanwhile. ``current`` is the view now."""

    status_code = 409

    def __init__(self, current: dict[str, Any]) -> None:
        super().__init__(
            f"{current['by'] or 'Somebody'} has changed the view {current['name']!r} meanwhile. "
            "Open it again, or save yours under another name."
        )
        self.current = current


@dataclass(frozen=True, slots=True)
class Views:
    """The views of a server, or of one workspace if MLflow's workspaces are enabled."""

    tracker: Tracker
    access: Access

    def read_all(self) -> list[dict[str, Any]]:
        """Return all views without their notes, sorted by name.

        Each view has ``id``, ``version``, ``name``, ``definition`` and ``owner``. ``open`` tells
        whether others may change it. ``by`` is who saved it, and ``saved`` is when. ``may_change``
        and ``may_delete`` tell what the user may do.
        """
        experiment_id = self.find_experiment()
        if experiment_id is None or not self.may_read():
            return []
        condition = Condition("tags", Op.LACKS, key=PERSON)
        query = RunQuery(experiment_ids=[experiment_id], conditions=(condition,))
        views = [view for view in map(_newest, self.tracker.find_runs(query)) if view is not None]
        for view in views:
            del view["notes"]
        views.sort(key=lambda view: (str(view["name"]).casefold(), view["id"]))
        return self._add_permissions(experiment_id, views)

    def get(self, view_id: str, version: int | None = None) -> dict[str, Any]:
        """Return a view as in :meth:`read_all`, with its ``notes``. Raises :class:`RunNotFound`.

        With ``version``, this version is returned. ``newest`` is the number of the newest version.
        """
        return self._permitted(self._record(view_id), version)

    def _permitted(self, record: RunRecord, version: int | None = None) -> dict[str, Any]:
        view = _newest(record)
        if view is not None:
            view["newest"] = view["version"]
        if view is not None and version is not None:
            older = read_version(record, version)
            view = None if older is None else {**view, **older, "version": version}
        if view is None:
            raise RunNotFound(record.id, "the saved views")
        [permitted_view] = self._add_permissions(record.experiment_id, [view])
        return permitted_view

    def history(self, view_id: str) -> list[dict[str, Any]]:
        """Return ``version``, ``name``, ``by`` and ``saved`` of a view's versions, newest first.

        At most :data:`MAX_HISTORY` are returned. Raises :class:`RunNotFound`.
        """
        self.get(view_id)
        record = self._record(view_id)
        contents = [
            (version, read_version(record, version)) for version in versions(record)[:MAX_HISTORY]
        ]
        return [
            {"version": version, **{key: content.get(key) for key in ("name", "by", "saved")}}
            for version, content in contents
            if content is not None
        ]

    def _record(self, view_id: str) -> RunRecord:
        experiment_id = self.find_experiment()
        if experiment_id is None:
            raise RunNotFound(view_id, "the saved views")
        record = self.tracker.get_run(view_id, experiment_id)
        if not self.access.readable([experiment_id]):
            raise RunNotFound(view_id, "the saved views")
        return record

    def _add_permissions(
        self, experiment_id: str, views: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        editor, user = self.access.may_change_in(experiment_id), self.access.user()
        for view in views:
            view["may_delete"] = editor or (user is not None and view["owner"] == user)
            view["may_change"] = view["may_delete"] or view["open"]
        return views

    def create(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Save a new view, and return it. It is open to others unless the request says otherwise.

        Raises :class:`Forbidden` and :class:`WrongRequest`.
        """
        experiment_id = self.tracker.ensure_experiment(EXPERIMENT).id
        if not self.access.readable([experiment_id]):
            raise Forbidden(
                f"{self.access.user()!r} may not see the saved views: that takes MLflow's "
                f"permission READ on the experiment {EXPERIMENT!r}, which an administrator gives."
            )
        sharing = {"owner": self.access.user(), "open": request.get("open") is not False}
        parts = check_request(request)
        draft = RunDraft(
            experiment_id=experiment_id,
            name=parts["name"],
            status=Status.COMPLETED,
            created=datetime.now(timezone.utc),
            properties=to_properties(1, {**parts, **sharing, **self._stamp()}),
        )
        [record] = self.tracker.create_runs([draft])
        return self.get(record.id)

    def save(self, view_id: str, version: int, request: Mapping[str, Any]) -> dict[str, Any]:
        """Save the changed parts of a view as its next version, and return the view.

        ``version`` is the version that the user opened. A part of :data:`PARTS` is changed if the
        request has it with another value than this version. All other parts stay as they are now,
        and so do fields of the definition that the request lacks: a page of an older release,
        which was left open, does not know them.

        Raises:
            ViewChanged: somebody else has changed one of the same parts.
            Forbidden: the user may not change the view.
            WrongRequest: the request is not well-formed, or the view has too many versions.
        """
        opened = self.get(view_id, version)
        merged = {**opened, **request}
        if isinstance(merged["definition"], dict):
            merged["definition"] = {**opened["definition"], **merged["definition"]}
        wanted = check_request(merged)
        changed = {part: wanted[part] for part in PARTS if wanted[part] != opened[part]}
        for _ in range(TRIES):
            current, number = self._changeable(view_id, "change")
            if number >= MAX_VERSIONS:  # the last one is left for its deletion
                raise WrongRequest(
                    f"The view {current['name']!r} has {MAX_VERSIONS:,} versions, and a view has "
                    "no more. Save yours as a new view."
                )
            if any(current[part] not in (opened[part], changed[part]) for part in changed):
                raise ViewChanged(current)
            parts = {part: changed.get(part, current[part]) for part in PARTS}
            sharing = {key: current[key] for key in ("owner", "open")}
            content = {**parts, **sharing, **self._stamp()}
            if self._write(view_id, content["name"], to_properties(number, content)):
                return self.get(view_id)
        raise ViewChanged(self.get(view_id))

    def delete(self, view_id: str, version: int) -> None:
        """Delete a view that the user opened at ``version``. The experiment keeps its versions.

        Raises:
            ViewChanged: somebody else has saved a newer version.
            Forbidden: the user may not delete the view.
        """
        current, number = self._changeable(view_id, "delete")
        if current["version"] != version:
            raise ViewChanged(current)
        mark = to_properties(number, {"deleted": self._stamp()})
        if number > MAX_VERSIONS:
            mark = {DELETED: json.dumps(self._stamp())}
        if not self._write(view_id, None, mark):
            raise ViewChanged(self.get(view_id))

    def _changeable(self, view_id: str, act: str) -> tuple[dict[str, Any], int]:
        """Return a view that the user may change or delete, and the next version's number."""
        record = self._record(view_id)
        current = self._permitted(record)
        if not current[f"may_{act}"]:
            raise Forbidden(
                f"{self.access.user()!r} may not {act} the view {current['name']!r} of "
                f"{current['owner']!r}: save yours as a new view. A user with MLflow's permission "
                f"EDIT on the experiment {EXPERIMENT!r} may {act} all views."
            )
        return current, versions(record)[0] + 1

    def _write(self, view_id: str, name: str | None, properties: Mapping[str, str]) -> bool:
        """Write a version. Returns False if somebody else has written this version already."""
        try:
            self.tracker.update_run(view_id, RunChange(name=name, properties=properties))
        except PropertyConflict:
            return False
        return True

    def _stamp(self) -> dict[str, Any]:
        return {"by": self.access.user(), "saved": datetime.now(timezone.utc).isoformat()}

    def may_read(self) -> bool:
        """Return whether the experiment of the views exists and the user may read it."""
        experiment_id = self.find_experiment()
        return experiment_id is not None and bool(self.access.readable([experiment_id]))

    def find_experiment(self) -> str | None:
        """Return the id of the experiment with the views; None if no view was ever saved.

        This does not create the experiment.
        """
        experiment: ExperimentRecord | None = member(self.tracker, "find_experiment")(EXPERIMENT)
        return None if experiment is None else experiment.id


def _newest(record: RunRecord) -> dict[str, Any] | None:
    """Return the newest version of a view; None if it was deleted or is not a view."""
    newest = newest_version(record)
    return None if newest is None else {"id": record.id, "version": newest[0], **newest[1]}
