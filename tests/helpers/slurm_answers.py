"""Makes the output of squeue in the format that amlflow asks for."""

from __future__ import annotations

WIDTHS = (128, 32, 24, 64, 12, 24)
NAME = "0" * 31 + "a"


def row(state: str, **values: str) -> str:
    """Return squeue's line about a job."""
    fields = {"Name": NAME, "id": "7", "state": state, "reason": "None", "restarts": "0",
              "priority": "100", "code": "0", "nodes": "n1", **values}  # fmt: skip
    code, nodes = fields.pop("code"), fields.pop("nodes")
    widths = zip(fields.values(), WIDTHS, strict=True)
    fixed = "".join(text.ljust(width) for text, width in widths)
    return f"{fixed}{code.ljust(12) if code else ''}|{nodes.ljust(256)}"
