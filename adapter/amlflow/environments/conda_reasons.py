"""One sentence for an environment that conda could not make, from what it has printed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from amlflow.environments.reasons import is_disk_full, shorten

_CONDAS = re.compile(r"[A-Z]\w*(?:Error|Exception|NotFound|Channel): ?\S*.*")
"""How conda begins what it raises, as in ``PackagesNotFoundError: The following …``."""
_MAMBAS = re.compile(r"(?:error|critical)\s+libmamba\s+(.*)")
"""How mamba and micromamba begin an error."""
_MAMBAS_ADVICE = "If you run into this error repeatedly"
"""How mamba begins what it says after each failed download: to report that as an error of mamba."""
_PIXIS = re.compile(r"(?:Error:\s*)?[×├╰]─?▶?\s*(.*)")
"""How pixi marks an error and its causes."""
_PIPS = re.compile(r"ERROR: (.*)")
_PIP_FAILED = ("condaenvexception: pip failed", "pip failed")
"""How conda, and how mamba, begin an error that pip has explained before."""
_DRAWN = re.compile(r"^[\s│├└╰─▶×|]+")


def reason_of_conda(output: Sequence[str]) -> str:
    """Why conda, mamba, micromamba or pixi failed, in its own words and on one line."""
    text = "\n".join(output)
    if is_disk_full(text):
        return "the disk is full"
    lines = _lines_of_conda(output) or _lines_of_mamba(output) or _lines_of_pixi(output)
    if lines and lines[0].lower().startswith(_PIP_FAILED):
        lines = [match[1] for line in output if (match := _PIPS.match(line))][-1:] or lines
    if not lines:
        lines = text.strip().split("\n\n")[-1].splitlines()
    return shorten(" ".join(lines).rstrip(". :")) or "it gave no reason"


def _lines_of_conda(output: Sequence[str]) -> list[str]:
    """The first paragraph of what conda raised, and the list after it."""
    begin = _find(output, _CONDAS)
    if begin is None:
        return []
    lines: list[str] = []
    for line in output[begin:]:
        if line.strip() or lines[-1].endswith(":"):
            is_item = line.lstrip().startswith("- ")
            if lines and lines[-1].startswith("- ") and not is_item:
                break
            lines += [line.strip()] if line.strip() else []
        elif not lines[-1].startswith("- "):
            break
    return lines


def _lines_of_mamba(output: Sequence[str]) -> list[str]:
    """mamba's error, and what is indented below it."""
    begin = _find(output, _MAMBAS)
    if begin is None:
        return []
    match = _MAMBAS.match(output[begin])
    lines = [] if match is None else [match[1]]
    for line in output[begin + 1 :]:
        if not line.startswith((" ", "│", "├", "└")) or line.strip().startswith(_MAMBAS_ADVICE):
            break
        if line.startswith("    ") and lines[-1][-1:].isalpha():  # a heading for this line
            lines[-1] += ":"
        lines.append(_DRAWN.sub("", line))
    return lines


def _lines_of_pixi(output: Sequence[str]) -> list[str]:
    """pixi's error and its causes, the innermost last."""
    matches = (_PIXIS.match(line.strip()) for line in output)
    return [f"{match[1]}:" for match in matches if match is not None and match[1]]


def _find(output: Sequence[str], pattern: re.Pattern[str]) -> int | None:
    return next((number for number, line in enumerate(output) if pattern.match(line)), None)
