"""The public members of v1's classes, and a check of what amlflow says about members it lacks.

``v1_members.json`` holds facts about azureml-core 1.61: the public members of classes, and further
members that only objects have.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

from amlflow.exceptions import UserErrorException

MEMBERS_OF_V1 = json.loads((Path(__file__).parent / "v1_members.json").read_text(encoding="utf-8"))
SENTENCE = re.compile(r"\S.*: .+ .+\.", re.DOTALL)


def class_of(path: str) -> type | None:
    """Return amlflow's class, or None if importing it raises the reason why it is not there."""
    module, _, name = path.rpartition(".")
    refusal = None
    try:
        found: type = getattr(importlib.import_module(module), name)
    except ImportError as error:
        refusal = str(error)
    if refusal is None:
        return found
    assert SENTENCE.fullmatch(refusal)
    assert "amlflow has no" in refusal
    return None


def check_member(owner: Any, name: str) -> None:
    """Check that a member exists, or that its error names the nearest way and hasattr is False."""
    refusal = None
    try:
        getattr(owner, name)
    except AttributeError as error:
        refusal = error
    if refusal is None:
        return
    assert isinstance(refusal, UserErrorException), refusal
    assert SENTENCE.fullmatch(refusal.message), refusal.message
    assert name in refusal.message
    assert not hasattr(owner, name)
    assert getattr(owner, name, "default") == "default"
