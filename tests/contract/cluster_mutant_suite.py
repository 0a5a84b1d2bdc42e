"""The suite for clusters on the mutant that ``test_mutants`` names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from amlflow.spec import Cluster
from amlflow.testing.cluster_suite import ClusterSuite
from amlflow.testing.memory_spread import NODE
from amlflow.testing.suites import compute_base
from amlflow.testing.suites.cluster_away import Outage
from mutants.queueing import Mutated

FOLDER = Path(__file__).parent


class TestMutant(ClusterSuite):
    @pytest.fixture(autouse=True)
    def _short(self, mutant: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
        """What a mutant never does is not waited for long."""
        if getattr(mutant, "is_awaited", False):
            monkeypatch.setattr(compute_base, "TIMEOUT_S", 8)

    @pytest.fixture
    def cluster(self, mutant: Callable[[], Any]) -> Iterator[Cluster]:
        cluster: Mutated = mutant()
        yield cluster
        cluster.end_all()

    @pytest.fixture
    def opening(self, mutant: Callable[[], Any]) -> str:
        module, name = mutant.__module__, getattr(mutant, "__name__", "")
        paths = [str(FOLDER), str(FOLDER.parent)]
        return f"sys.path[:0] = {paths!r}\nfrom {module} import {name}\ncluster = {name}()\n"

    @pytest.fixture
    def reopened(self, cluster: Mutated) -> Cluster:
        return cluster.reopen()

    @pytest.fixture
    def outage(self, cluster: Mutated) -> Outage:
        return functools.partial(mock.patch.object, cluster, "is_away", new=True)

    @pytest.fixture
    def lost_answer(self, cluster: Mutated) -> Outage:
        return functools.partial(mock.patch.object, cluster, "loses_answers", new=True)

    @pytest.fixture
    def node_variable(self) -> str:
        return NODE
