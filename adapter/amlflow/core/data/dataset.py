"""Data sets: v1's ``azureml.data.abstract_dataset``: what files and tables share."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from amlflow.core.arguments import check_class, check_text, to_tag_keys, to_texts
from amlflow.core.data.bases import DatasetBase
from amlflow.core.data.consumption import DatasetConsumptionConfig
from amlflow.core.data.datastore import datastores_of
from amlflow.core.data.portable import to_portable
from amlflow.core.store import WorkspaceBase, tracker_of
from amlflow.data.definition import Definition
from amlflow.data.registry import Registration, Registry
from amlflow.data.storage import DataFile, Datastores
from amlflow.exceptions import UserErrorException
from amlflow.spec import RunChange

Self = TypeVar("Self", bound="AbstractDataset")


class AbstractDataset(DatasetBase):
    """Files or a table, by where they are and what is taken from them.

    Source: ``azureml.data.abstract_dataset`` 1.61; names, parameters and shapes are v1's. Nothing
    is read before it is needed.
    """

    kinds: ClassVar[dict[str, type[AbstractDataset]]] = {}

    def __init__(
        self,
        definition: Definition,
        workspace: WorkspaceBase | None = None,
        registration: Registration | None = None,
    ) -> None:
        self._definition, self._workspace = definition, workspace
        self._registration = registration
        self._id = None if registration is None else registration.id

    def _with_step(self: Self, *step: Any) -> Self:
        return type(self)(self._definition.with_step(*step), self._workspace)

    # choosing

    def take(self: Self, count: int) -> Self:
        """The first rows, or files."""
        return self._with_step("take", _check_count(count, "take(count)"))

    def skip(self: Self, count: int) -> Self:
        """The rows, or files, without the first ones."""
        return self._with_step("skip", _check_count(count, "skip(count)"))

    def take_sample(self: Self, probability: float, seed: int | None = None) -> Self:
        """Each row, or file, with a probability."""
        share = _check_share(probability, "take_sample(probability)")
        return self._with_step("sample", share, _to_seed(seed))

    def random_split(self: Self, percentage: float, seed: int | None = None) -> tuple[Self, Self]:
        """Two data sets: one with about this share of the rows or files, one with the rest."""
        share, drawn = _check_share(percentage, "random_split(percentage)"), _to_seed(seed)
        first = self._with_step("split", share, drawn, True)
        return first, self._with_step("split", share, drawn, False)

    # finding

    @staticmethod
    def get_by_name(
        workspace: WorkspaceBase, name: str, version: int | str = "latest", **kwargs: Any
    ) -> Any:
        """A registered data set, or a version of it.

        Raises:
            UserErrorException: it does not exist, or has no such version.
        """
        right = "Dataset.get_by_name(workspace, name, version='latest')"
        check_class(workspace, WorkspaceBase, "A data set is in a Workspace", right)
        check_text(name, "A data set's name", right)
        registration = registry_of(workspace).by_name(name, to_version(version))
        return open_dataset(workspace, registration)

    @staticmethod
    def get_by_id(workspace: WorkspaceBase, id: str, **kwargs: Any) -> Any:
        """The data set of an id, registered or only used by a run.

        Raises:
            UserErrorException: it does not exist.
        """
        right = "Dataset.get_by_id(workspace, id)"
        check_class(workspace, WorkspaceBase, "A data set is in a Workspace", right)
        check_text(id, "A data set's id", right)
        return open_dataset(workspace, registry_of(workspace).by_id(id))

    @staticmethod
    def get_all(workspace: WorkspaceBase) -> DatasetsByName:
        """All registered data sets, by name, each in its latest version."""
        return DatasetsByName(workspace)

    # identity

    @property
    def id(self) -> str | None:
        """The id; None until the data set is registered or used by a run."""
        return self._id

    @property
    def name(self) -> str | None:
        """The registered name, or None."""
        return None if self._registration is None else self._registration.name

    @property
    def version(self) -> int | None:
        """The registered version, or None."""
        return None if self._registration is None else self._registration.version

    @property
    def description(self) -> str | None:
        """What was registered as the description, or None."""
        return None if self._registration is None else self._registration.description

    @property
    def tags(self) -> dict[str, str | None] | None:
        """The registered tags, or None."""
        return None if self._registration is None else dict(self._registration.tags)

    @property
    def partition_keys(self) -> list[str]:
        """The columns that the paths of the files say."""
        return partition_names(self._definition.options.get("partition_format", ""))

    # registering

    def register(
        self: Self,
        workspace: WorkspaceBase,
        name: str,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
        create_new_version: bool = False,
    ) -> Self:
        """Register the data set under a name; what is registered is returned.

        Local files are uploaded to the workspace's default datastore first, so that others can
        read them. The same definition again is the same version.

        Raises:
            UserErrorException: the name has another definition, and ``create_new_version`` is
                False; or a file cannot be read.
        """
        right = "dataset.register(workspace, name)"
        check_class(workspace, WorkspaceBase, "A data set is registered in a Workspace", right)
        check_text(name, "A data set's name", right)
        registration = registry_of(workspace).register(
            to_portable(self._definition, workspace),
            name,
            description=description,
            tags=to_texts(tags or {}, "register(tags=…)"),
            create_new_version=create_new_version,
        )
        return type(self)(registration.definition, workspace, registration)

    def update(
        self: Self, description: str | None = None, tags: Mapping[str, Any] | None = None
    ) -> Self:
        """Replace the description or the tags of a registered version."""
        registration = self._require_registration("update")
        texts = to_texts(tags, "update(tags=…)") if tags is not None else {}
        removed = [] if tags is None else [key for key in registration.tags if key not in texts]
        return self._change(RunChange(description=description, tags=texts, tags_removed=removed))

    def add_tags(self: Self, tags: Mapping[str, Any] | None = None) -> Self:
        """Set tags of a registered version."""
        self._require_registration("add_tags")
        return self._change(RunChange(tags=to_texts(tags or {}, "add_tags")))

    def remove_tags(self: Self, tags: Any = None) -> Self:
        """Remove tags of a registered version by their keys."""
        self._require_registration("remove_tags")
        return self._change(
            RunChange(tags_removed=to_tag_keys(tags or [], "dataset.remove_tags(['key'])"))
        )

    def unregister_all_versions(self) -> None:
        """Take all versions of the name away. The files stay, and so does what runs have read."""
        registration = self._require_registration("unregister_all_versions")
        registry_of(self._require_workspace()).unregister(registration.name or "")
        self._registration = None

    def _change(self: Self, change: RunChange) -> Self:
        registry = registry_of(self._require_workspace())
        self._registration = registry.change(self._require_registration("update"), change)
        return self

    def _require_registration(self, call: str) -> Registration:
        if self._registration is None or self._registration.name is None:
            raise UserErrorException(
                f"{call}: the data set is not registered; dataset.register(workspace, name) "
                "registers it."
            )
        return self._registration

    def _require_workspace(self) -> WorkspaceBase:
        if self._workspace is None:
            raise UserErrorException("The data set is in no workspace; register it in one.")
        return self._workspace

    # using

    def as_named_input(self, name: str) -> DatasetConsumptionConfig:
        """The data set as an input of a script, which finds it in ``run.input_datasets[name]``."""
        return DatasetConsumptionConfig(name, self)

    def _stores(self) -> Datastores:
        if self._workspace is None:
            return Datastores({})
        return datastores_of(self._workspace)

    def _files(self) -> list[DataFile]:
        return self._stores().files(self._definition)

    def __repr__(self) -> str:
        parts = {
            "source": [str(source) for source in self._definition.sources[:10]],
            "id": self.id,
            "name": self.name,
            "version": self.version,
        }
        text = ", ".join(f"{key}={value!r}" for key, value in parts.items() if value is not None)
        return f"{type(self).__name__}({text})"


def definition_of(dataset: AbstractDataset) -> Definition:
    """What a data set is."""
    return dataset._definition


def stores_of(dataset: AbstractDataset) -> Datastores:
    """The datastores that a data set's files are in."""
    return dataset._stores()


def registration_of(dataset: AbstractDataset) -> Registration | None:
    """As what a data set is registered, or None."""
    return dataset._registration


def workspace_of(dataset: AbstractDataset) -> WorkspaceBase | None:
    """The workspace that a data set's datastores are in."""
    return dataset._workspace


def save(dataset: AbstractDataset, workspace: WorkspaceBase) -> str:
    """Keep a data set in a workspace so that its id finds it; the id is returned."""
    if dataset._registration is None:
        definition = to_portable(dataset._definition, workspace)
        dataset._id = registry_of(workspace).save(definition)
        dataset._definition, dataset._workspace = definition, workspace
    return str(dataset._id)


def registry_of(workspace: WorkspaceBase) -> Registry:
    """The registered data sets of a workspace."""
    return Registry(tracker_of(workspace))


def open_dataset(workspace: WorkspaceBase, registration: Registration) -> Any:
    """The data set of a registration, of the class for its kind."""
    kind = AbstractDataset.kinds[registration.definition.kind]
    named = registration if registration.name is not None else None
    dataset = kind(registration.definition, workspace, named)
    dataset._id = registration.id
    return dataset


def to_version(version: Any) -> int | None:
    """A version's number; None for the latest. Raises UserErrorException for what is neither."""
    if version in (None, "latest"):
        return None
    try:
        number = int(version)
    except (TypeError, ValueError):
        number = 0
    if number < 1 or isinstance(version, (bool, float)):
        raise UserErrorException(
            f"{version!r} is not a version of a data set; it is a whole number from 1, or 'latest'."
        )
    return number


def _check_count(count: Any, call: str) -> int:
    """A number of rows or files."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise UserErrorException(f"{call}: {count!r} is not a whole number of 0 or more.")
    return count


def _check_share(share: Any, call: str) -> float:
    """A probability."""
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise UserErrorException(f"{call}: {share!r} is not a number from 0 to 1.")
    return float(share)


def _to_seed(seed: Any) -> int:
    """The seed, or one that is drawn now, so that two parts of a data set complete each other."""
    return secrets.randbits(32) if seed is None else abs(int(seed))


def partition_names(pattern: str) -> list[str]:
    """The names in v1's ``partition_format``."""
    return re.findall(r"\{(\w+)", pattern)


class DatasetsByName(Mapping[str, Any]):
    """``workspace.datasets``: a name gives the latest version."""

    def __init__(self, workspace: WorkspaceBase) -> None:
        self._workspace = workspace

    def __getitem__(self, name: str) -> Any:
        return AbstractDataset.get_by_name(self._workspace, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._latest())

    def __len__(self) -> int:
        return len(self._latest())

    def _latest(self) -> dict[str, Registration]:
        registrations = registry_of(self._workspace).read_all()
        return {item.name: item for item in registrations if item.name is not None}

    @property
    def registrations(self) -> list[Registration]:
        """The latest version of each."""
        return list(self._latest().values())

    def __repr__(self) -> str:
        return repr(dict(self))
