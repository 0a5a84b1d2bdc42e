"""Custom views of the All runs page, saved where everybody of the server finds them.

A view is a run of an experiment of amlflow's own, and each version of it a property: properties
are written once, so of two people who save the same version one wins and the other is told.
"""

from __future__ import annotations

import json
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

from amlflow_page.access import Access, Forbidden
from amlflow_page.filters import WrongRequest

EXPERIMENT = "amlflow.views"
VERSION = "version-"
MOST = 5000
"""Characters of a view's definition as JSON."""
NAME_MOST = 200


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

    def all(self) -> list[dict[str, Any]]:
        """The views by name: ``id``, ``version``, ``name``, ``definition``, ``by``, ``saved``."""
        experiment_id = self._experiment()
        if not self.access.readable([experiment_id]):
            return []
        records = self.tracker.find_runs(RunQuery(experiment_ids=[experiment_id]))
        views = [found for found in map(_view, records) if found is not None]
        return sorted(views, key=lambda view: (str(view["name"]).casefold(), view["id"]))

    def get(self, view_id: str) -> dict[str, Any]:
        """A view. Raises :class:`RunNotFound`."""
        experiment_id = self._experiment()
        record = self.tracker.get_run(view_id, experiment_id)
        view = _view(record)
        if view is None or not self.access.readable([experiment_id]):
            raise RunNotFound(view_id, "the saved views")
        return view

    def create(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Save a new view. Raises :class:`Forbidden`, :class:`WrongRequest`."""
        experiment_id = self._writable()
        name, content = self._content(asked)
        draft = RunDraft(
            experiment_id=experiment_id,
            name=name,
            status=Status.COMPLETED,
            created=datetime.now(timezone.utc),
            properties={f"{VERSION}1": content},
        )
        [record] = self.tracker.create_runs([draft])
        return self.get(record.id)

    def save(self, view_id: str, version: int, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Save the version after the one that was opened.

        Raises :class:`ViewChanged`, :class:`Forbidden`, :class:`WrongRequest`.
        """
        name, content = self._content(asked)
        self._write(view_id, version, RunChange(name=name), content)
        return self.get(view_id)

    def delete(self, view_id: str, version: int) -> None:
        """Take a view away; what it was stays in the experiment. Raises as :meth:`save`."""
        self._write(view_id, version, RunChange(), json.dumps({"deleted": self._stamp()}))

    def _write(self, view_id: str, version: int, change: RunChange, content: str) -> None:
        self._writable()
        current = self.get(view_id)
        if current["version"] != version:
            raise ViewChanged(current)
        try:
            key = f"{VERSION}{version + 1}"
            self.tracker.update_run(view_id, RunChange(name=change.name, properties={key: content}))
        except PropertyConflict:
            raise ViewChanged(self.get(view_id)) from None

    def _content(self, asked: Mapping[str, Any]) -> tuple[str, str]:
        name, definition = asked.get("name"), asked.get("definition")
        if not isinstance(name, str) or not name.strip() or len(name) > NAME_MOST:
            raise WrongRequest(f"A view has a name, of at most {NAME_MOST} characters.")
        if not isinstance(definition, dict):
            raise WrongRequest("A view has a definition, an object.")
        content = json.dumps(
            {"name": name.strip(), "definition": definition, **self._stamp()}, ensure_ascii=False
        )
        if len(content) > MOST:
            raise WrongRequest(
                f"The view {name!r} takes {len(content)} characters, and a view at most {MOST}; "
                "use fewer columns or a shorter query."
            )
        return name.strip(), content

    def _stamp(self) -> dict[str, Any]:
        return {"by": self.access.user(), "saved": datetime.now(timezone.utc).isoformat()}

    def _experiment(self) -> str:
        return self.tracker.ensure_experiment(EXPERIMENT).id

    def _writable(self) -> str:
        experiment_id = self._experiment()
        if not self.access.may_change_in(experiment_id):
            raise Forbidden(
                f"{self.access.user()!r} may not save views: that takes MLflow's permission EDIT "
                f"on the experiment {EXPERIMENT!r}, which an administrator gives."
            )
        return experiment_id


def _view(record: RunRecord) -> dict[str, Any] | None:
    """The last version of a view; None if it was deleted or is no view."""
    versions = [
        int(key.removeprefix(VERSION))
        for key in record.properties
        if key.startswith(VERSION) and key.removeprefix(VERSION).isdigit()
    ]
    if not versions:
        return None
    version = max(versions)
    content = json.loads(record.properties[f"{VERSION}{version}"])
    if "deleted" in content:
        return None
    return {"id": record.id, "version": version, **content}
