"""A client of a server needs few packages, which are small."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
MAX_PACKAGES = 30
MAX_BYTES = 45_000_000


def needed(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """A distribution, and all that it needs."""
    names, waiting = set[str](), [(name, extras)]
    while waiting:
        name, extras = waiting.pop()
        names.add(canonicalize_name(name))
        for line in distribution(name).requires or []:
            requirement = Requirement(line)
            marker = requirement.marker
            is_needed = marker is None or any(
                marker.evaluate({"extra": extra}) for extra in (extras or {""})
            )
            if is_needed and canonicalize_name(requirement.name) not in names:
                waiting.append((requirement.name, frozenset(requirement.extras)))
    return names


def size(name: str) -> int:
    if name == "amlflow":  # it may be installed as editable
        files = [path for part in ("adapter", "plugins") for path in (ROOT / part).rglob("*.*")]
        return sum(path.stat().st_size for path in files if path.suffix != ".pyc")
    installed = distribution(name).files or []
    return sum(file.size or 0 for file in installed if file.suffix != ".pyc")


def test_a_client_needs_few_packages_and_no_mlflow() -> None:
    names = needed("amlflow")
    assert len(names) <= MAX_PACKAGES
    assert not names & {"mlflow", "mlflow-skinny", "numpy", "pandas", "sqlalchemy", "flask"}
    assert sum(map(size, names)) <= MAX_BYTES
    assert "mlflow" in needed("amlflow", frozenset({"ui"}))
