"""A version of a registered model, as ``Run.register_model`` returns it."""

from __future__ import annotations

from datetime import datetime

from amlflow.spec import ModelRecord


class Model:
    """What is known of a registered version; the registry itself is the tracker's."""

    def __init__(self, record: ModelRecord) -> None:
        self._record = record

    @property
    def id(self) -> str:
        """``name:version``."""
        return f"{self.name}:{self.version}"

    @property
    def name(self) -> str:
        return self._record.name

    @property
    def version(self) -> int:
        return self._record.version

    @property
    def run_id(self) -> str | None:
        """The run whose files it was made from."""
        return self._record.run_id

    @property
    def created_time(self) -> datetime:
        return self._record.created

    @property
    def description(self) -> str | None:
        return self._record.description

    @property
    def tags(self) -> dict[str, str | None]:
        return dict(self._record.tags)

    @property
    def properties(self) -> dict[str, str]:
        return dict(self._record.properties)

    def __repr__(self) -> str:
        return f"Model(name={self.name}, version={self.version}, run_id={self.run_id})"
