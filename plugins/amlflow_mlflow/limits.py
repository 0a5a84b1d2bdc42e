"""The parts of the contract that MLflow cannot keep. Imports nothing of MLflow."""

from __future__ import annotations

from collections.abc import Sequence

from amlflow.spec import KnownLimit

from amlflow_mlflow.schemes import SERVERS, is_elsewhere, scheme_of

LIMITS = [
    KnownLimit(
        switch="start-of-a-canceled-run",
        reason="a client of MLflow may kill a run while its script is being started, and only "
        "MLflow's own status says so; so Running with a start time leaves a run Canceled",
    ),
]
ONE_BY_ONE = [
    *LIMITS,
    KnownLimit(
        switch="runs-of-a-killed-process",
        reason="MLflow's servers and its own database client have no transaction for several "
        "calls: runs are created one by one, and a run's properties are stored by another call; "
        "if the process is killed meanwhile, what it has created stays. The default database, "
        "sqlite, has no such limit",
    ),
]
SERVER_LIMITS = [
    *ONE_BY_ONE,
    KnownLimit(
        switch="new-files-in-a-race",
        reason="an MLflow server and its artifact stores replace the files that they get and "
        "have no call to store a file only if it is new; so if two processes store one new file "
        "at the same moment, both succeed and one file is kept",
    ),
]
OLD_SERVER_LIMITS = [
    KnownLimit(
        switch="removed-experiment-tags",
        reason="an MLflow server before 3.2 has no call that removes the tag of an experiment",
    )
]


def limits_of(uri: str, *, is_atomic: bool) -> Sequence[KnownLimit]:
    """Return the limits of the tracker at a URI. ``is_atomic``: its store has transactions."""
    if scheme_of(uri) in SERVERS or is_elsewhere(uri):
        return SERVER_LIMITS
    return LIMITS if is_atomic else ONE_BY_ONE
