"""Custom views of the All runs page, saved where everybody of the server finds them.

A view is a run of an experiment of amlflow's own, and each version of it a property: properties
are written once, so of two people who save the same version one wins and the other is told.

Whoever may see the views may save one. Its owner may change it, others if the owner lets them, and
who has MLflow's permission EDIT on the experiment may change all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from amlflow.spec import (
    PropertyConflict,
    RunChange,
    RunDraft,
    RunNotFound,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)
from amlflow.tracker_data import Malformed, parse, to_object

from amlflow_page.access import Access, Forbidden
from amlflow_page.filters import WrongRequest

EXPERIMENT = "amlflow.views"
VERSION = "version-"
_VERSION = re.compile(rf"{VERSION}([0-9]{{1,9}})")
MAX_VIEW = 5000
"""Characters of a view's definition as JSON."""
MAX_NAME = 200


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
        """The views by name.

        Each has ``id``, ``version``, ``name``, ``definition``, ``owner``, whether it is ``open`` to
        changes by others, ``by`` whom and when it was ``saved``, and whether the user
        ``may_change`` and ``may_delete`` it.
        """
        experiment_id = self._experiment()
        if not self.access.readable([experiment_id]):
            return []
        records = self.tracker.find_runs(RunQuery(experiment_ids=[experiment_id]))
        views = [view for view in map(_view, records) if view is not None]
        views.sort(key=lambda view: (str(view["name"]).casefold(), view["id"]))
        return self._add_permissions(views)

    def get(self, view_id: str) -> dict[str, Any]:
        """A view, as in :meth:`read_all`. Raises :class:`RunNotFound`."""
        experiment_id = self._experiment()
        record = self.tracker.get_run(view_id, experiment_id)
        view = _view(record)
        if view is None or not self.access.readable([experiment_id]):
            raise RunNotFound(view_id, "the saved views")
        [permitted_view] = self._add_permissions([view])
        return permitted_view

    def _add_permissions(self, views: list[dict[str, Any]]) -> list[dict[str, Any]]:
        editor, user = self.access.may_change_in(self._experiment()), self.access.user()
        for view in views:
            view["may_delete"] = editor or (user is not None and view["owner"] == user)
            view["may_change"] = view["may_delete"] or view["open"]
        return views

    def create(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Save a new view, ``open`` or not. Raises :class:`Forbidden`, :class:`WrongRequest`."""
        experiment_id = self._experiment()
        if not self.access.readable([experiment_id]):
            raise Forbidden(
                f"{self.access.user()!r} may not see the saved views: that takes MLflow's "
                f"permission READ on the experiment {EXPERIMENT!r}, which an administrator gives."
            )
        sharing = {"owner": self.access.user(), "open": request.get("open") is not False}
        name, content = self._content(request, sharing)
        draft = RunDraft(
            experiment_id=experiment_id,
            name=name,
            status=Status.COMPLETED,
            created=datetime.now(timezone.utc),
            properties={f"{VERSION}1": content},
        )
        [record] = self.tracker.create_runs([draft])
        return self.get(record.id)

    def save(self, view_id: str, version: int, request: Mapping[str, Any]) -> dict[str, Any]:
        """Save the version after the one that was opened.

        Raises :class:`ViewChanged`, :class:`Forbidden`, :class:`WrongRequest`.
        """
        current = self._current(view_id, version, "change")
        name, content = self._content(request, {key: current[key] for key in ("owner", "open")})
        self._write(view_id, version, content, name)
        return self.get(view_id)

    def delete(self, view_id: str, version: int) -> None:
        """Take a view away; what it was stays in the experiment. Raises as :meth:`save`."""
        self._current(view_id, version, "delete")
        self._write(view_id, version, json.dumps({"deleted": self._stamp()}))

    def _current(self, view_id: str, version: int, act: str) -> dict[str, Any]:
        current = self.get(view_id)
        if not current[f"may_{act}"]:
            raise Forbidden(
                f"{self.access.user()!r} may not {act} the view {current['name']!r} of "
                f"{current['owner']!r}: save yours as a new view. Who has MLflow's permission EDIT "
                f"on the experiment {EXPERIMENT!r} may {act} all views."
            )
        if current["version"] != version:
            raise ViewChanged(current)
        return current

    def _write(self, view_id: str, version: int, content: str, name: str | None = None) -> None:
        change = RunChange(name=name, properties={f"{VERSION}{version + 1}": content})
        try:
            self.tracker.update_run(view_id, change)
        except PropertyConflict:
            raise ViewChanged(self.get(view_id)) from None

    def _content(self, body: Mapping[str, Any], sharing: Mapping[str, Any]) -> tuple[str, str]:
        name, definition = body.get("name"), body.get("definition")
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
            raise WrongRequest(f"A view has a name, of at most {MAX_NAME} characters.")
        try:
            check_definition(definition)
        except Malformed as wrong:
            raise WrongRequest(f"A view's definition should be {wrong}.") from None
        content = json.dumps(
            {"name": name.strip(), "definition": definition, **sharing, **self._stamp()},
            ensure_ascii=False,
        )
        if len(content) > MAX_VIEW:
            raise WrongRequest(
                f"The view {name!r} takes {len(content)} characters, and a view at most "
                f"{MAX_VIEW}; use fewer columns or a shorter query."
            )
        return name.strip(), content

    def _stamp(self) -> dict[str, Any]:
        return {"by": self.access.user(), "saved": datetime.now(timezone.utc).isoformat()}

    def _experiment(self) -> str:
        return self.tracker.ensure_experiment(EXPERIMENT).id


def _view(record: RunRecord) -> dict[str, Any] | None:
    """The last version of a view; None if it was deleted or is not a view."""
    versions = {
        int(match[1]): key for key in record.properties if (match := _VERSION.fullmatch(key))
    }
    if not versions:
        return None
    version = max(versions)
    key = versions[version]
    content = parse(record.id, key, record.properties[key], _to_content)
    if content is None or "deleted" in content:
        return None
    return {"id": record.id, "version": version, "owner": None, "open": False, **content}


_FIELDS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "definition": (dict,),
    "owner": (str, type(None)),
    "open": (bool,),
    "by": (str, type(None)),
    "saved": (str,),
}


def _to_content(text: str) -> dict[str, Any]:
    """What a version of a view says: that it was deleted, or its fields."""
    content = to_object(text)
    if "deleted" in content:
        return {"deleted": True}
    fields = {field: content[field] for field in _FIELDS if field in content}
    for field, value in fields.items():
        if not isinstance(value, _FIELDS[field]):
            raise Malformed(f"a view whose {field} is of its type")
    if len(fields.get("name", "")) > MAX_NAME or not {"name", "definition", "by"} <= fields.keys():
        raise Malformed(f"a view with by, definition and a name of at most {MAX_NAME} characters")
    check_definition(fields["definition"])
    return fields


_TEXTS = ("query", "text", "sort", "group")
_LISTS = (
    "experiments", "statuses", "targets", "submitters", "tags", "columns", "widths", "charts",
)  # fmt: skip
_FLAGS = ("children", "tree", "dense")


def check_definition(definition: object) -> None:
    """Raise :class:`Malformed` where a field that the page knows is of another type."""
    if not isinstance(definition, dict):
        raise Malformed("an object")
    for field in _TEXTS:
        if not isinstance(definition.get(field, ""), str):
            raise Malformed(f"an object whose {field!r} is a text")
    for field in _LISTS:
        values = definition.get(field, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise Malformed(f"an object whose {field!r} is a list of texts")
    for field in _FLAGS:
        if not isinstance(definition.get(field, False), bool):
            raise Malformed(f"an object whose {field!r} is true or false")
