"""A registry of models: versions with their fields and files.

The columns are those of the table in ``tracker.py``.

====================  ======================================  ============================  =======
method                what it does                            raises                        atomic
====================  ======================================  ============================  =======
register_model        adds a version                          RunNotFound, Refused          one
get_model             reads a version                         ModelNotFound
find_models           reads versions by conditions
update_model          changes a version                       ModelNotFound, Refused,       one
                                                              PropertyConflict
delete_model          deletes a version, not a run's files    ModelNotFound                 one
list_model_files      lists the names of a version's files    ModelNotFound
get_model_files       writes files to paths                   ModelNotFound,                each
                                                              FileNotInModel
model_link            a version's web page
====================  ======================================  ============================  =======
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from amlflow.spec.records import ModelChange, ModelDraft, ModelRecord
from amlflow.spec.search import Condition


class ModelRegistry(Protocol):
    """What a tracker that claims :attr:`Feature.MODELS` has in addition to :class:`Tracker`."""

    @abstractmethod
    def register_model(self, draft: ModelDraft) -> ModelRecord:
        """Register the next version of a model, from 1; a version is there whole or not at all.

        Registrations at the same time get different versions, and a deleted version's number is
        not used again. Raises :class:`RunNotFound`, :class:`Refused`.
        """

    @abstractmethod
    def get_model(self, name: str, version: int) -> ModelRecord:
        """A version of a model. Raises :class:`ModelNotFound`."""

    @abstractmethod
    def find_models(self, conditions: Sequence[Condition] = ()) -> Iterator[ModelRecord]:
        """The versions of all models that meet all conditions, newest first.

        Of one model, the highest version comes first.
        """

    @abstractmethod
    def update_model(self, name: str, version: int, change: ModelChange) -> None:
        """Apply a change to a version.

        Raises :class:`ModelNotFound`, :class:`PropertyConflict`, :class:`Refused`.
        """

    @abstractmethod
    def delete_model(self, name: str, version: int) -> None:
        """Delete a version; the files of a run stay. Raises :class:`ModelNotFound`."""

    @abstractmethod
    def list_model_files(self, name: str, version: int) -> list[str]:
        """The names of a version's files, sorted.

        A name begins with the last part of the draft's ``path``. Raises :class:`ModelNotFound`.
        """

    @abstractmethod
    def get_model_files(self, name: str, version: int, files: Mapping[str, Path]) -> None:
        """Write files of a version, by their names, to local paths.

        Raises :class:`ModelNotFound`, :class:`FileNotInModel`.
        """

    @abstractmethod
    def model_link(self, model: ModelRecord) -> str:
        """The address of the version's web page."""
