"""The normalised list of the packages that an environment's definition asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from amlflow.environments.conda_packages import parse_conda_package, read_names
from amlflow.environments.dates import parse_date
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.redaction import redact
from amlflow.environments.requirement_lines import MAX_LINES, Lines, add_hashes, parse_lines
from amlflow.environments.specification import Specification
from amlflow.environments.wheels import SCHEME, digest_of_copy

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_ADDRESS = re.compile(r"(\w+\+)?\w+://\S+")
_PIN = re.compile(r"^[\w.-]+(\[.*?\])?=")
_PLACEHOLDER = re.compile(r"===?0\.0(\.post\d+)?(\.\*)?")
"""The versions of the package sklearn. It is empty and requires scikit-learn in any version."""


@dataclass(slots=True)
class Plan:
    """What pip installs. ``notes`` has a sentence for each change to the definition."""

    python: str | None
    lines: Lines
    requirements: list[str] = field(default_factory=list)
    """Sorted requirements in the form ``name[extra]==1.2; marker``, and paths and addresses."""
    only_conda: list[str] = field(default_factory=list)
    """Packages that only conda has."""
    from_conda: set[str] = field(default_factory=set)
    """The names, as pip writes them, of the requirements that the definition lists for conda."""
    hashes: dict[str, list[str]] = field(default_factory=dict)
    """The hashes by requirement, if pip must check them: of each requirement that the definition
    lists for pip. Those that it lists for conda, and amlflow's own, have none."""
    notes: list[str] = field(default_factory=list)
    before: str | None = None
    """A date: no package that was uploaded later is installed."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to install."""
        return not (self.requirements or self.lines.editables or self.only_conda)

    @property
    def has_only_versions(self) -> bool:
        """Whether the names and versions of installed packages can show that nothing is missing."""
        lines = self.lines
        return not (
            lines.editables or lines.constraints or self.only_conda or self.hashes or self.before
        )

    def checked_lines(self) -> list[str]:
        """The requirements of which pip must check the hashes, with these."""
        return [
            add_hashes(line, self.hashes[line]) for line in self.requirements if line in self.hashes
        ]

    def unchecked_lines(self) -> list[str]:
        """The other requirements."""
        return [line for line in self.requirements if line not in self.hashes]

    def pinned(self) -> frozenset[str]:
        """The names, as pip writes them, of the requirements with a version that can be relaxed."""
        return frozenset(_name_of(line) for line in self.requirements if _PIN.search(line))

    def display_lines(self) -> list[str]:
        """The requirements without secrets, for a log or a message."""
        editables = [f"-e {path}" for path in self.lines.editables]
        return [redact(line) for line in [*self.requirements, *editables]]


def plan_of(specification: Specification) -> Plan:
    """Normalise a definition.

    Raises:
        EnvironmentBuildException: a line is not a package, option or file.
    """
    folders = [Path(folder).absolute() for folder in specification.folders or (".",)]
    lines = parse_lines(specification.pip, folders, specification.constraints)
    plan = Plan(python=specification.python, lines=lines)
    packages: list[str] = []
    if len(specification.conda) > MAX_LINES:
        raise EnvironmentBuildException(
            f"The definition names more than {MAX_LINES} packages of conda. Name only packages "
            "that the script imports."
        )
    for line in specification.conda:
        _add_conda(line, plan, packages)
    for line in plan.lines.packages:
        requirement = _add_pip(line, plan, packages)
        if requirement is not None and plan.lines.requires_hashes:
            known = plan.hashes.setdefault(requirement, [])
            known += [value for value in _hashes_of(line, plan) if value not in known]
    plan.lines.packages = []
    plan.requirements = sorted(set(packages))
    plan.lines.constraints = [_check_constraint(line) for line in plan.lines.constraints]
    # Without packages, a variable of uv in a form that is refused here does not matter.
    if specification.before is not None and not plan.is_empty:
        plan.before = parse_date(specification.before)
    if specification.channels and any(
        channel not in ("anaconda", "conda-forge", "defaults") for channel in specification.channels
    ):
        plan.notes.append(
            f"The channels {', '.join(map(redact, specification.channels))} are not used: the "
            "packages come from pip's index."
        )
    for option in dict.fromkeys(plan.lines.ignored):
        plan.notes.append(f"pip's option {option} is ignored.")
    return plan


def _hashes_of(line: str, plan: Plan) -> list[str]:
    digest = digest_of_copy(line)  # the address of a workspace's wheel has its hash
    return plan.lines.hashes.get(line, []) if digest is None else [f"sha256:{digest}"]


def _add_conda(line: str, plan: Plan, packages: list[str]) -> None:
    if line.startswith("-"):  # such as "-r base.yml" in a list of conda's packages
        raise EnvironmentBuildException(f"{line!r} is not a package of conda. Remove it.")
    channel, _, name = line.rpartition("::")
    if "://" in channel:  # the address of a channel
        line = name
    elif "://" in line:
        raise EnvironmentBuildException(
            f"{redact(line)!r} is the address of a package's file. Name the package, and its "
            "channel in the list of channels."
        )
    names, package = read_names(), parse_conda_package(line)
    if package.name in ("python", "pip"):
        return
    if names.is_only_conda(package.name):
        plan.only_conda.append(package.line.strip())
    elif names.is_left_out(package.name):
        plan.notes.append(
            f"conda's package {line.strip()} is left out: pip's packages contain what they need "
            "of it."
        )
    else:
        name = names.renamed.get(package.name, package.name)
        requirement = _add_pip(name + package.version, plan, packages)
        if requirement is not None:
            plan.from_conda.add(_name_of(requirement))


def _add_pip(line: str, plan: Plan, packages: list[str]) -> str | None:
    """Add a requirement of pip, and return it; None if amlflow leaves it out or replaces it."""
    # packaging takes a while to import, and only a definition with packages needs it.
    from packaging.specifiers import SpecifierSet
    from packaging.utils import canonicalize_name

    names = read_names()
    if SCHEME in line:
        raise EnvironmentBuildException(
            f"{line!r} is a wheel of a workspace. It cannot be in a requirements file: add it with "
            "CondaDependencies.add_pip_package()."
        )
    if _ADDRESS.match(line) or line.startswith("/"):
        packages.append(line)
        return line
    requirement = _parse_requirement(line)
    name = canonicalize_name(requirement.name)
    if name.startswith("azureml-") or name == "azureml":
        packages.extend(names.azureml.get(name, ()))
        if name not in names.azureml:
            plan.notes.append(f"{name} is left out: amlflow replaces v1's packages.")
        return None
    if name == "amlflow":  # every environment gets the submitter's amlflow
        return None
    if name in names.standard_library:
        plan.notes.append(f"{name} is left out: it is part of Python.")
        return None
    if name == "sklearn" and _PLACEHOLDER.fullmatch(str(requirement.specifier)):
        if plan.lines.requires_hashes:  # scikit-learn has a line of its own then
            return None
        requirement.specifier = SpecifierSet()
    requirement.name = names.renamed_pip.get(name, name)
    packages.append(str(requirement))
    return str(requirement)


def _check_constraint(line: str) -> str:
    """Return a line of a constraints file in pip's form."""
    package, *hashes = line.split(" --hash=")
    if not _ADDRESS.match(package) and not package.startswith("/"):
        package = str(_parse_requirement(package))
    return add_hashes(package, hashes)


def _parse_requirement(line: str) -> Requirement:
    from packaging.requirements import InvalidRequirement, Requirement  # as in _add_pip()

    try:
        return Requirement(_correct(line))
    except InvalidRequirement as error:
        reason = redact(str(error).splitlines()[0])
        raise EnvironmentBuildException(
            f"{redact(line)!r} is not a requirement of pip ({reason}). Write one as 'name', "
            "'name==1.2' or 'name>=1.2,<2'."
        ) from error


def _name_of(requirement: str) -> str:
    from packaging.requirements import Requirement  # as above
    from packaging.utils import canonicalize_name

    return canonicalize_name(Requirement(requirement).name)


def _correct(line: str) -> str:
    """Convert ``name=1.2``, which is conda's form, to pip's ``name==1.2``."""
    return re.sub(r"^([A-Za-z0-9._-]+(?:\[[^\]]*\])?)\s*=\s*(?=[0-9])", r"\1==", line)
