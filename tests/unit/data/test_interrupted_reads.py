"""Reads of a storage that fail: they are not taken for files that do not exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from amlflow.core.data import declared
from amlflow.core.workspace import Workspace
from amlflow.spec import Unavailable
from amlflow.testing.memory import MemoryTracker
from azureml.core import Dataset

READS: dict[str, Callable[[Any], Any]] = {
    "download": lambda datastore: datastore.download("here", "folder/", show_progress=False),
    "files": lambda datastore: Dataset.File.from_files((datastore, "folder")),
    "pattern": lambda datastore: Dataset.File.from_files((datastore, "folder/*.csv")),
    "table": lambda datastore: Dataset.Tabular.from_delimited_files((datastore, "folder/a.csv")),
}


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), Unavailable("the server is away")])
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_read_that_is_interrupted(
    read: Callable[[Any], Any],
    failure: BaseException,
    workspace: Workspace,
    tracker: MemoryTracker,
    write: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(declared, "own_folder", lambda uri: None)
    datastore = workspace.get_default_datastore()
    write("src/a.csv", "a\n1\n")
    datastore.upload("src", "folder", show_progress=False)

    def fail(*arguments: object) -> NoReturn:
        raise failure

    monkeypatch.setattr(tracker, "list_files", fail)
    with pytest.raises(type(failure)):
        read(datastore)
