"""What MLflow cannot do of the contract. Imports nothing of MLflow."""

from __future__ import annotations

from collections.abc import Sequence

from amlflow.spec import KnownLimit

from amlflow_mlflow.schemes import SERVERS, is_elsewhere, scheme_of

LIMITS = [
    KnownLimit(
        switch="start-time-of-a-run-that-starts-again",
        reason="MLflow keeps the end of a run that starts again; if the change has a start time, "
        "this looks as if another client had killed the run, and it is Canceled",
    ),
    KnownLimit(
        switch="runs-of-a-killed-process",
        reason="MLflow creates runs one by one, and stores a run's properties by another call; if "
        "the process is killed meanwhile, what it has created stays",
    ),
]
SERVER_LIMITS = [
    *LIMITS,
    KnownLimit(
        switch="new-files-in-a-race",
        reason="an MLflow server replaces the files that it gets, so if two processes store one "
        "new file at the same moment, both succeed and one file is kept",
    ),
]
OLD_SERVER_LIMITS = [
    KnownLimit(
        switch="removed-experiment-tags",
        reason="an MLflow server before 3.2 has no call that removes the tag of an experiment",
    )
]


def limits_of(uri: str) -> Sequence[KnownLimit]:
    """The limits of the tracker at a URI."""
    return SERVER_LIMITS if scheme_of(uri) in SERVERS or is_elsewhere(uri) else LIMITS
