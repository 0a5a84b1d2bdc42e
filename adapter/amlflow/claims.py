"""The property by which an agent claims a run.

Only one agent may run the script of a run. A property can be set only once, so the agent that sets
this property first gets the run. The property is amlflow's own, and users do not see it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

AGENT = "amlflow.agent"
"""The property of the first attempt. A cancel that sets it first keeps all agents from the run.
When a cluster starts a job again, the next agent adds the attempt's number, as in
``amlflow.agent.2``."""

RUN_ID = "AZUREML_RUN_ID"
"""The variable with the id of the run that this process is a script of, as in v1."""
_CLAIM = re.compile(r"amlflow\.agent(?:\.([0-9]{1,5}))?", re.ASCII)


def claim_key(attempt: int) -> str:
    """Return the key of the property with which the agent of an attempt claims its run."""
    return AGENT if attempt == 1 else f"{AGENT}.{attempt}"


def attempt_of(key: str) -> int | None:
    """Return the attempt whose agent sets this property; None for any other property."""
    match = _CLAIM.fullmatch(key)
    return None if match is None else int(match[1] or 1)


def latest_attempt(properties: Mapping[str, str]) -> int:
    """Return the number of the latest attempt that has claimed a run; 0 if none has."""
    return max((attempt_of(key) or 0 for key in properties), default=0)


def without_claims(properties: Mapping[str, str]) -> dict[str, str]:
    """Return the properties that users see."""
    return {key: value for key, value in properties.items() if attempt_of(key) is None}
