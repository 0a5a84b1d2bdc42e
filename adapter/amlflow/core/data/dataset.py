"""Base class of file data sets and tables: v1's ``azureml.data.abstract_dataset``."""

from __future__ import annotations

import operator
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from amlflow.core.arguments import (
    InvalidValueError,
    check_class,
    check_text,
    to_tag_keys,
    to_texts,
)
from amlflow.core.data.bases import DatasetBase
from amlflow.core.data.consumption import DatasetConsumptionConfig
from amlflow.core.data.datastore import datastores_of
from amlflow.core.data.portable import to_portable
from amlflow.core.store import WorkspaceBase, tracker_of
from amlflow.data.definition import Definition, partition_names
from amlflow.data.registry import Registration, Registry
from amlflow.data.storage import DataFile, Datastores
from amlflow.exceptions import UserErrorException
from amlflow.spec import RunChange

Self = TypeVar("Self", bound="AbstractDataset")


class AbstractDataset(DatasetBase):
    """A data set: where its files are, and the steps that choose from them, such as ``take``.

    Source: ``azureml.data.abstract_dataset`` 1.61; names, parameters and shapes are v1's. Files are
    read only when they are needed, for example by ``to_pandas_dataframe()``.
    """

    File: ClassVar[Any]
    Tabular: ClassVar[Any]
    """The factories, which v1 has on each data set, too. Their module sets them."""

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
        """The first ``count`` rows or files."""
        return self._with_step("take", _check_count(count, "take(count)"))

    def skip(self: Self, count: int) -> Self:
        """All rows or files but the first ``count``."""
        return self._with_step("skip", _check_count(count, "skip(count)"))

    def take_sample(self: Self, probability: float, seed: int | None = None) -> Self:
        """A sample: each row or file is in it with this probability."""
        share = _check_share(probability, "take_sample(probability)")
        return self._with_step("sample", share, _to_seed(seed))

    def random_split(self: Self, percentage: float, seed: int | None = None) -> tuple[Self, Self]:
        """Split into two data sets: one has about this share of the rows or files, one the rest.

        ``percentage`` is a number from 0 to 1, as in v1.
        """
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
            UserErrorException: the data set or the version does not exist.
        """
        right = "Dataset.get_by_name(workspace, name, version='latest')"
        check_class(workspace, WorkspaceBase, "A data set is in a Workspace", right)
        check_text(name, "A data set's name", right)
        registration = registry_of(workspace).by_name(name, to_version(version))
        return open_dataset(workspace, registration)

    @staticmethod
    def get_by_id(workspace: WorkspaceBase, id: str, **kwargs: Any) -> Any:
        """The data set with this id. It is registered, or a run has used it.

        Raises:
            UserErrorException: no data set has the id.
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
        """The registered description, or None."""
        return None if self._registration is None else self._registration.description

    @property
    def tags(self) -> dict[str, str | None] | None:
        """The registered tags, or None."""
        return None if self._registration is None else dict(self._registration.tags)

    @property
    def partition_keys(self) -> list[str]:
        """The columns that ``partition_format`` takes from the paths of the files."""
        return partition_names(self._definition.options.get("partition_format", ""))

    def get_partition_key_values(self, partition_keys: Any = None) -> list[dict[str, Any]]:
        """The values that ``partition_format`` takes from the paths, each combination once.

        ``partition_keys`` are the columns to return, or None for all.

        Raises:
            UserErrorException: a key is not one of :attr:`partition_keys`, or there are none.
        """
        if not self.partition_keys:
            raise UserErrorException(
                "get_partition_key_values: the data set has no partition keys. Pass "
                "partition_format, such as '/{year}/{name}.csv', when you make it."
            )
        keys = list(partition_keys or self.partition_keys)
        if unknown := [key for key in keys if key not in self.partition_keys]:
            raise UserErrorException(
                f"get_partition_key_values: {unknown!r} are not among the data set's partition "
                f"keys, {self.partition_keys!r}."
            )
        # The partitions need pyarrow, which is loaded when files are looked at.
        from amlflow.data.path_columns import parse_partition

        pattern = self._definition.options.get("partition_format", "")
        rows = [parse_partition(pattern, file) for file in self._files()] if keys else []
        chosen = {tuple(row[key] for key in keys): None for row in rows}
        return [dict(zip(keys, values, strict=True)) for values in chosen]

    @property
    def data_changed_time(self) -> datetime | None:
        """When a file was changed last; None if a storage does not say it.

        Raises:
            DatasetExecutionError: a file cannot be read.
        """
        times = [file.changed() for file in self._files()]
        known = [time for time in times if time is not None]
        return max(known) if len(known) == len(times) else None

    # registering

    def register(
        self: Self,
        workspace: WorkspaceBase,
        name: str,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
        create_new_version: bool = False,
    ) -> Self:
        """Register the data set under a name, and return the registered data set.

        Local files are first uploaded to the workspace's default datastore, so that others can
        read them. If you register the same definition again, its version stays the same.

        Raises:
            UserErrorException: the name is registered with another definition, and
                ``create_new_version`` is False; or a file cannot be read.
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
        """Unregister all versions of the name.

        The files stay. Runs that used a version still find it by its id.
        """
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
                f"{call}: the data set is not registered. Register it with "
                "dataset.register(workspace, name)."
            )
        return self._registration

    def _require_workspace(self) -> WorkspaceBase:
        if self._workspace is None:
            raise UserErrorException(
                "The data set does not belong to a workspace. Register it with "
                "dataset.register(workspace, name)."
            )
        return self._workspace

    # using

    def as_named_input(self, name: str) -> DatasetConsumptionConfig:
        """The data set as an input of a script, which finds it in ``run.input_datasets[name]``."""
        return DatasetConsumptionConfig(name, self)

    def _stores(self) -> Datastores:
        if self._workspace is None:
            return Datastores({})
        return datastores_of(self._workspace)

    def _files(self, *, ignore_missing: bool = False) -> list[DataFile]:
        return self._stores().files(self._definition, ignore_missing=ignore_missing)

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
    """The definition of a data set: its sources, format and steps."""
    return dataset._definition


def stores_of(dataset: AbstractDataset) -> Datastores:
    """The datastores that a data set's files are in."""
    return dataset._stores()


def registration_of(dataset: AbstractDataset) -> Registration | None:
    """The registration of a data set; None if it is not registered."""
    return dataset._registration


def workspace_of(dataset: AbstractDataset) -> WorkspaceBase | None:
    """The workspace of a data set's datastores; None for local files and web addresses."""
    return dataset._workspace


def save(dataset: AbstractDataset, workspace: WorkspaceBase) -> str:
    """Store a data set in a workspace, unless it is registered, and return its id."""
    if dataset._registration is None:
        definition = to_portable(dataset._definition, workspace)
        dataset._id = registry_of(workspace).save(definition)
        dataset._definition, dataset._workspace = definition, workspace
    return str(dataset._id)


def registry_of(workspace: WorkspaceBase) -> Registry:
    """The registered data sets of a workspace."""
    return Registry(tracker_of(workspace))


def open_dataset(workspace: WorkspaceBase, registration: Registration) -> Any:
    """Open a registration: a FileDataset or a TabularDataset."""
    kind = AbstractDataset.kinds[registration.definition.kind]
    named = registration if registration.name is not None else None
    dataset = kind(registration.definition, workspace, named)
    dataset._id = registration.id
    return dataset


def to_version(version: Any) -> int | None:
    """Return a version as a number, and None for the latest.

    Raises:
        UserErrorException: it is neither None, 'latest' nor a whole number from 1.
    """
    if version in (None, "latest"):
        return None
    try:
        number = int(version)
    except (TypeError, ValueError):
        number = 0
    if number < 1 or isinstance(version, (bool, float)):
        raise UserErrorException(
            f"{version!r} is not a version of a data set: use a whole number from 1, or 'latest'."
        )
    return number


def _check_count(count: Any, call: str) -> int:
    """Return a number of rows or files. Raises UserErrorException for another value."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise InvalidValueError(f"{call}: {count!r} is not a whole number of 0 or more.")
    return count


def _check_share(share: Any, call: str) -> float:
    """Return a probability as a float. Raises UserErrorException for another value."""
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise InvalidValueError(f"{call}: {share!r} is not a number from 0 to 1.")
    return float(share)


def _to_seed(seed: Any) -> int:
    """Return the seed, or a random one for None.

    It is drawn here and not when the rows are read, so that both parts of a split use the same.

    Raises:
        UserErrorException: it is not a whole number.
    """
    if seed is None:
        return secrets.randbits(32)
    try:
        return abs(operator.index(seed))
    except TypeError:
        raise UserErrorException(f"seed={seed!r} is not a whole number.") from None


class DatasetsByName(Mapping[str, Any]):
    """``workspace.datasets``: maps each registered name to the latest version."""

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
        """The registration of the latest version of each name."""
        return list(self._latest().values())

    def __repr__(self) -> str:
        return repr(dict(self))
