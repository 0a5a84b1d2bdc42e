"""Custom views of the All runs page, saved where everybody of the server finds them.

A view is a run of an experiment of amlflow's own, and each version of it one or more properties:
properties are written once, so of two people who save the same version one wins. The other's
changes are saved on top of it where they are of another part of the view, and refused otherwise.

Whoever may see the views may save one. Its owner may change it, others if the owner lets them, and
who has MLflow's permission EDIT on the experiment may change all.
"""

from __future__ import annotations

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
    MAX_VERSIONS,
    check_request,
    read_version,
    to_properties,
    versions,
)

EXPERIMENT = "amlflow.views"
PERSON = "person"
"""A tag of the runs of the experiment that are no views: see :mod:`amlflow_page.persons`."""
PARTS = ("name", "definition", "notes")
"""What each of two people may change at once without a conflict."""
MAX_HISTORY = 500
"""Versions that are listed."""
TRIES = 5
"""Of a save that somebody else's is faster than, each time."""


class ViewChanged(WrongRequest):
    """Somebody else saved the view meanwhile; ``current`` is what it is now."""

    status_code = 409

    def __init__(self, current: dict[str, Any]) -> None:
        super().__init__(
            f"{current['by'] or 'Somebody'} has changed the view {current['name']!r} meanwhile. "
            "Open it again, or save yours under another name."
        )
        self.current = current


@dataclass(frozen=True, slots=True)
class Views:
    """The views of a server (of a workspace, where MLflow has those on)."""

    tracker: Tracker
    access: Access

    def read_all(self) -> list[dict[str, Any]]:
        """The views by name, without their notes.

        Each has ``id``, ``version``, ``name``, ``definition``, ``owner``, whether it is ``open`` to
        changes by others, ``by`` whom and when it was ``saved``, and whether the user
        ``may_change`` and ``may_delete`` it.
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
        """A view as in :meth:`read_all`, with its ``notes``. Raises :class:`RunNotFound`.

        With a version, it is what the view was then; ``newest`` is the number of the newest one.
        """
        record = self._record(view_id)
        view = _newest(record)
        if view is not None:
            view["newest"] = view["version"]
        if view is not None and version is not None:
            older = read_version(record, version)
            view = None if older is None else {**view, **older, "version": version}
        if view is None:
            raise RunNotFound(view_id, "the saved views")
        [permitted_view] = self._add_permissions(record.experiment_id, [view])
        return permitted_view

    def history(self, view_id: str) -> list[dict[str, Any]]:
        """The versions of a view, the newest first: ``version``, ``name``, ``by``, ``saved``.

        At most :data:`MAX_HISTORY` are listed. Raises :class:`RunNotFound`.
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
        """Save a new view, ``open`` or not. Raises :class:`Forbidden`, :class:`WrongRequest`."""
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
        """Save the parts of :data:`PARTS` that a request has as a version of a view.

        ``version`` is the one that was opened. A part that the request lacks, or has as it was
        then, stays as it is now. Raises :class:`ViewChanged` if somebody else has changed a part
        that this request changes; :class:`Forbidden`, :class:`WrongRequest`.
        """
        opened = self.get(view_id, version)
        wanted = check_request({**opened, **request})
        changed = {part: wanted[part] for part in PARTS if wanted[part] != opened[part]}
        for _ in range(TRIES):
            current = self._changeable(view_id, "change")
            if current["version"] >= MAX_VERSIONS:
                raise WrongRequest(
                    f"The view {current['name']!r} has {MAX_VERSIONS:,} versions, and a view has "
                    "no more. Save yours as a new view."
                )
            if any(current[part] not in (opened[part], changed[part]) for part in changed):
                raise ViewChanged(current)
            parts = {part: changed.get(part, current[part]) for part in PARTS}
            sharing = {key: current[key] for key in ("owner", "open")}
            content = {**parts, **sharing, **self._stamp()}
            if self._write(view_id, current["version"] + 1, content):
                return self.get(view_id)
        raise ViewChanged(self.get(view_id))

    def delete(self, view_id: str, version: int) -> None:
        """Take a view away; what it was stays in the experiment. Raises as :meth:`save`."""
        current = self._changeable(view_id, "delete")
        if current["version"] != version:
            raise ViewChanged(current)
        if not self._write(view_id, version + 1, {"deleted": self._stamp()}):
            raise ViewChanged(self.get(view_id))

    def _changeable(self, view_id: str, act: str) -> dict[str, Any]:
        current = self.get(view_id)
        if not current[f"may_{act}"]:
            raise Forbidden(
                f"{self.access.user()!r} may not {act} the view {current['name']!r} of "
                f"{current['owner']!r}: save yours as a new view. Who has MLflow's permission EDIT "
                f"on the experiment {EXPERIMENT!r} may {act} all views."
            )
        return current

    def _write(self, view_id: str, version: int, content: Mapping[str, Any]) -> bool:
        """Whether this was the first to write the version."""
        change = RunChange(name=content.get("name"), properties=to_properties(version, content))
        try:
            self.tracker.update_run(view_id, change)
        except PropertyConflict:
            return False
        return True

    def _stamp(self) -> dict[str, Any]:
        return {"by": self.access.user(), "saved": datetime.now(timezone.utc).isoformat()}

    def may_read(self) -> bool:
        """Whether there are views, and the user may see them."""
        experiment_id = self.find_experiment()
        return experiment_id is not None and bool(self.access.readable([experiment_id]))

    def find_experiment(self) -> str | None:
        """The experiment with the views; None before the first is saved: who looks makes none."""
        experiment: ExperimentRecord | None = member(self.tracker, "find_experiment")(EXPERIMENT)
        return None if experiment is None else experiment.id


def _newest(record: RunRecord) -> dict[str, Any] | None:
    """The last version of a view; None if it was deleted or is not a view."""
    numbers = versions(record)
    content = read_version(record, numbers[0]) if numbers else None
    return None if content is None else {"id": record.id, "version": numbers[0], **content}
