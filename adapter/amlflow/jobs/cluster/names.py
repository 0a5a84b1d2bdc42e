"""The name of a run's job in its cluster.

It is made of the run's id and of the proof in the run's note. So a run that bears the note of
another run does not name the other's job: whoever cancels the first would end the second.
"""

from __future__ import annotations

import hashlib

from amlflow.spec import RunRecord
from amlflow.tracker_notes import parse_job


def make_cluster_name(run_id: str, proof: str | None) -> str:
    """32 hexadecimal digits for a run; ``proof`` is that of its note."""
    return hashlib.sha256(f"{proof} {run_id}".encode()).hexdigest()[:32]


def cluster_name_of(record: RunRecord) -> str | None:
    """The name of a run's job in its cluster; None if the run's note does not parse."""
    note = parse_job(record)
    return None if note is None else make_cluster_name(record.id, note.proof)
