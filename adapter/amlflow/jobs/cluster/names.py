"""Makes the name of a run's job in its cluster.

The name is a hash of the run's id and the proof in the run's note. So if somebody copies the note
of one run to another run, the second run does not name the first run's job. Otherwise, canceling
the second run would end the first.
"""

from __future__ import annotations

import hashlib

from amlflow.spec import RunRecord
from amlflow.tracker_notes import parse_job


def make_cluster_name(run_id: str, proof: str | None) -> str:
    """Return 32 hexadecimal digits for a run and the proof in its note."""
    return hashlib.sha256(f"{proof} {run_id}".encode()).hexdigest()[:32]


def cluster_name_of(record: RunRecord) -> str | None:
    """Return the name of a run's job in its cluster; None if the run's note does not parse."""
    note = parse_job(record)
    return None if note is None else make_cluster_name(record.id, note.proof)
