"""Finds the reason of a failed build in uv's output."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_LENGTH = 600
"""How many characters a reason has at most."""
_DECORATION = re.compile(r"^[\s│├╰─▶×╭╮╯|>]+|^(?:error|cause|hint): ")
_AWAY = re.compile(
    r"error sending request|client error \(Connect\)|dns error|timed out|failed to fetch: "
    r"|Connection refused|operation timed out|error trying to connect|Could not connect"
    r"|Couldn't connect|Could not resolve host|HTTP status server error|has sent next to nothing",
    re.IGNORECASE,
)
_FETCHED = re.compile(r"Failed to fetch: `?(\S+?)`?$", re.MULTILINE)
_BUILD = re.compile(r"Failed to (?:build|download and build) `?([^`\s]+)`?")
_FULL = re.compile(
    r"No space left on device|os error 28|Errno 28|Disk quota exceeded", re.IGNORECASE
)
_NO_WHEEL = re.compile(
    r"(?:([A-Za-z0-9][\w.-]*)(?:[=<>!~]\S+)? ha(?:s|ve) )?"
    r"(?:no wheels with a matching|no usable wheels|no source distribution)"
)
_INSTALLED = re.compile(r"\s*\+ (\S+)==(\S+)")
_MISSING = re.compile(r"([a-z0-9][a-z0-9-]*) was not found in the ")
_MISMATCH = re.compile(
    r"Hash mismatch for `([^`]+)`\s+Expected:\s+(.*?)\s+Computed:\s+(.*?)(?:\n\s*\n|\nhint|\Z)",
    re.DOTALL,
)
_HASHLESS = re.compile(
    r"(?:no trusted hash was|must have a hash, but none were) provided for: `?([^`\n]+)"
)
_UNPINNED = re.compile(r"must have their versions pinned with `==`, but found: (.+)")
_STATUS = re.compile(r"HTTP status (?:client|server) error \((\d+[^)]*)\)")
_REFUSED = re.compile(
    r"^hint: An index(?: URL)? \(([^\s)]+)\)? .*?\b(40[13] [A-Z]\w+)", re.MULTILINE
)
"""uv takes such an index for one that does not have the package."""
_SILENT = re.compile(r"^.* has sent next to nothing for .* s$", re.MULTILINE)
_GIT_FAILED = re.compile(r"(?:cause|error): Git operation failed$", re.MULTILINE)
_OF_GIT = re.compile(r"^\s*(?:fatal|remote|error): (.+)", re.MULTILINE)


def is_away(output: Sequence[str]) -> bool:
    """Whether uv failed because a host does not answer, or answers that it is out of order."""
    text = "\n".join(output)
    status = find_status(output)
    return _AWAY.search(text) is not None and (status is None or status.startswith("5"))


def silence_line(host: str, seconds: float) -> str:
    """Return the line that is added to the output of a program that was ended for its host."""
    return f"{host} has sent next to nothing for {seconds:g} s"


def find_silence(output: Sequence[str]) -> str | None:
    """Return that line, or None."""
    match = _SILENT.search("\n".join(output))
    return match[0] if match else None


def find_status(output: Sequence[str]) -> str | None:
    """Return the HTTP status, such as ``403 Forbidden``, at which uv has given up; or None."""
    match = _STATUS.search("\n".join(output))
    return match[1] if match else None


def find_refusals(output: Sequence[str]) -> dict[str, str]:
    """Return the indexes that do not let this user in, with their HTTP statuses."""
    refusals = dict(_REFUSED.findall("\n".join(output)))
    status, address = find_status(output), address_of(output)
    if status is not None and address is not None and status.startswith(("401", "403")):
        refusals[address] = status
    return refusals


def is_unsolvable(output: Sequence[str]) -> bool:
    """Whether no versions of the packages fit, as far as the indexes let this user look."""
    text = "\n".join(output)
    return "No solution found" in text and _REFUSED.search(text) is None


def reason_of_git(output: Sequence[str]) -> str | None:
    """Return why git could not fetch a repository; None if it is not git that failed."""
    text = "\n".join(output)
    if _GIT_FAILED.search(text) is None:
        return None
    said = _OF_GIT.findall(text.partition("--- stderr")[2])
    return shorten(f"git says: {said[0]}") if said else None


def find_failed_build(output: Sequence[str]) -> str | None:
    """Return the package that could not be built from its source, as ``name==version``, or None."""
    text = "\n".join(output)
    match = None if _MISMATCH.search(text) or _GIT_FAILED.search(text) else _BUILD.search(text)
    return match[1].replace("@", "==", 1) if match else None


def find_missing(output: Sequence[str]) -> frozenset[str]:
    """The names of the packages that the index does not have."""
    return frozenset(_MISSING.findall(" ".join(" ".join(output).split())))


def reason_of_hashes(output: Sequence[str]) -> str | None:
    """Return what is wrong with the hashes of a package; None if they are not the reason."""
    text = "\n".join(output)
    if match := _MISMATCH.search(text):
        package, expected, computed = (" or ".join(part.split()) for part in match.groups())
        return (
            f"{package} does not have the hash that the definition names: it has {computed}, and "
            f"not {expected}"
        )
    for pattern, fault in ((_HASHLESS, "has no hash"), (_UNPINNED, "is not pinned with '=='")):
        if match := pattern.search(text):
            return (
                f"{match[1].strip()} {fault}. If one package of pip has a hash, each needs a "
                "version and a hash, and so do the packages that it requires. `uv pip compile "
                "--generate-hashes` writes such a file"
            )
    return None


def is_disk_full(text: str) -> bool:
    """Return whether a program says that the disk is full."""
    return _FULL.search(text) is not None


def is_cache_refused(output: Sequence[str]) -> bool:
    """Whether uv may not write to its cache."""
    return any("Failed to initialize cache" in line for line in output)


def reason_of(output: Sequence[str]) -> str:
    """Return why uv failed: its own text of the innermost causes, on one line."""
    text = "\n".join(output)
    if is_disk_full(text):
        return "the disk is full"
    if status := find_status(output):
        return f"{address_of(output) or 'a host'} answers {status}"
    if git := reason_of_git(output):
        return git
    cleaned = [(_DECORATION.sub("", _DECORATION.sub("", line)), line) for line in output]
    begin = next(
        (number for number, (line, _) in enumerate(cleaned) if line.startswith("Because ")), None
    )
    if begin is not None:
        sentence = []
        for line, whole in cleaned[begin:]:
            if not line.strip() or whole.lstrip().startswith("hint:"):
                break
            sentence.append(line.strip())
        return shorten(" ".join(sentence))
    causes = [line.strip() for line, whole in cleaned if _is_cause(whole) and line.strip()]
    return shorten(": ".join(causes[:3]) or (output[-1].strip() if output else "no reason given"))


def address_of(output: Sequence[str]) -> str | None:
    """Return the address that could not be fetched, or None."""
    match = _FETCHED.search("\n".join(output))
    return match[1] if match else None


def find_without_wheel(output: Sequence[str]) -> str | None:
    """Return the package that has no wheel for this Python; empty if uv does not say which.

    None if that is not why uv failed.
    """
    match = _NO_WHEEL.search("\n".join(output))
    return None if match is None else match[1] or ""


def find_installed(output: Sequence[str]) -> dict[str, str]:
    """Return the versions of the packages that uv has installed, by name."""
    return {match[1]: match[2] for line in output if (match := _INSTALLED.fullmatch(line))}


def last_of_build(output: Sequence[str]) -> str | None:
    """Return the last error of a package's build, or None."""
    pattern = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception|Exit)\b.*|error: .*|.*: fatal error: .*")
    lines = [_DECORATION.sub("", line).strip() for line in output]
    ends = [line for line in lines[1:] if pattern.fullmatch(line)]
    return shorten(ends[-1]) if ends else None


def _is_cause(line: str) -> bool:
    return re.match(r"\s*(?:×|├─▶|╰─▶|error:|cause:)", line) is not None


def shorten(text: str) -> str:
    """Return a reason on one line, without its full stop, and of at most MAX_LENGTH characters."""
    text = re.sub(r"\s+", " ", text).rstrip(". ")
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"
