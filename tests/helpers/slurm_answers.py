"""Makes the output of squeue in the format that amlflow asks for."""

from __future__ import annotations

WIDTHS = (128, 32, 24, 64, 12, 12, 256, 24)
NAME = "0" * 31 + "a"


def row(state: str, **values: str) -> str:
    """Return squeue's line about a job."""
    fields = {"Name": NAME, "id": "7", "state": state, "reason": "None", "restarts": "0",
              "code": "0", "nodes": "n1", "priority": "100", **values}  # fmt: skip
    return "".join(text.ljust(width) for text, width in zip(fields.values(), WIDTHS, strict=True))
