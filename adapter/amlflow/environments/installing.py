"""Installs the packages of a plan by uv."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TextIO

from amlflow import whole_files
from amlflow.environments.errors import EnvironmentBuildException, MissingPackages
from amlflow.environments.plan import Plan
from amlflow.environments.reasons import (
    address_of,
    find_failed_build,
    find_missing,
    is_away,
    lacks_wheel,
    last_of_build,
    reason_of,
    reason_of_hashes,
)
from amlflow.environments.redaction import redact, redact_all
from amlflow.environments.relaxing import read_resolved, relax
from amlflow.environments.requirement_lines import Lines
from amlflow.environments.uv import Uv
from amlflow.environments.wheels import address_of_copy

_LEGACY = ["setuptools<81", "cython<3"]
"""Build tools for source archives of v1's years. Newer releases lack names that they import."""

_CONFIGURATION = Path(__file__).with_name("old_metadata.toml")
"""The only configuration that uv reads: the user's own could change what is installed."""

_V1_MINOR = 8
"""v1 used Python 3.8 for a definition that names no Python."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The place of an installation: uv's options for installing into it, and for resolving.

    ``python`` is the version of its Python, such as ``3.11.7``.
    """

    installing: Sequence[str | Path]
    resolving: Sequence[str | Path]
    python: str


class Installer:
    """Installs a plan.

    Args:
        plan: What to install. Relaxing replaces requirements in it.
        target: Where to install.
        folder: A folder for temporary files, which only the user can read.
        log: The log is written to it, without secrets.
        cancelled: Called several times a second. If it returns True, the installation ends.
    """

    def __init__(
        self, plan: Plan, target: Target, folder: Path, log: TextIO, cancelled: Callable[[], bool]
    ) -> None:
        self._plan, self._target, self._folder = plan, target, folder
        self._log, self._cancelled = log, cancelled
        self._uv = Uv(log, cancelled)

    def install(self, *, relaxing: bool) -> list[str]:
        """Install all packages, and return a sentence for each pin that was relaxed.

        Raises:
            EnvironmentBuildException: a package cannot be installed. The message says why.
            EnvironmentBuildCanceled: ``cancelled`` returned True.
        """
        notes = self._relax() if relaxing else []
        plan = self._plan
        editables = [f"-e {path}" for path in plan.lines.editables]
        checked, unchecked = plan.checked_lines(), plan.unchecked_lines()
        if checked:
            # uv could not check the hashes of some packages only: it installs these by themselves.
            self._say("The hashes of these packages are checked:")
            for line in checked:
                self._say(f"  {redact(line)}")
            self._install([*checked, *editables], "--require-hashes")
        if unchecked or not checked:
            self._install([*checked, *unchecked, *editables])
        return notes

    def _install(self, lines: list[str], *options: str) -> None:
        """Install lines of a requirements file. uv keeps what is installed already."""
        requirements = self._write(
            "requirements", [*index_lines(self._plan.lines), *self._plan.lines.options, *lines]
        )
        try:
            if self._run_install(requirements, *options) == 0:
                return
            if is_away(self._uv.output) and self._retry_offline(requirements, *options):
                return
            if find_failed_build(self._uv.output) and self._retry_legacy(requirements, *options):
                return
        finally:
            requirements.unlink()
        raise failure_of(self._uv.output, self._target.python)

    def _write(self, name: str, lines: list[str]) -> Path:
        """Write a requirements file. Only the user may read it, since it may contain passwords."""
        path = self._folder / f"amlflow-{name}.txt"
        whole_files.write_text(path, "\n".join(lines) + "\n", whole_files.OWN)
        return path

    def _say(self, text: str) -> None:
        self._log.write(f"{text}\n")
        self._log.flush()

    def _relax(self) -> list[str]:
        plan = self._plan
        requirements, notes = relax(plan.unchecked_lines(), self._resolve)
        # A pin with a hash stays: no other version has this hash.
        plan.requirements = [
            *(line for line in plan.requirements if line in plan.hashes),
            *requirements,
        ]
        for line in notes:
            self._say(line)
        return notes

    def _resolve(self, requirement: str, strategy: str) -> list[str] | None:
        """Resolve one requirement without its dependencies, from wheels only.

        Returns the lines that uv writes, or None if no wheel fits.
        """
        requirement_file = self._write(
            "one-requirement", [*index_lines(self._plan.lines), requirement]
        )
        resolved = self._folder / "amlflow-resolved.txt"
        quiet = Uv(io.StringIO(), self._cancelled)
        code = quiet.run(
            "pip", "compile", "--quiet", "--config-file", _CONFIGURATION, "--no-deps",
            "--only-binary", ":all:", "--resolution", strategy, *self._target.resolving,
            "--output-file", resolved, *self._index_options(), requirement_file,
        )  # fmt: skip
        lines = read_resolved(resolved) if code == 0 else None
        for path in (requirement_file, resolved):
            path.unlink(missing_ok=True)
        return lines

    def _retry_offline(self, requirements: Path, *options: str) -> bool:
        output = self._uv.output
        self._say("The index does not answer. Trying with the packages in uv's cache.")
        if self._run_install(requirements, *options, offline=True) == 0:
            return True
        self._uv.output = output
        return False

    def _retry_legacy(self, requirements: Path, *options: str) -> bool:
        output = self._uv.output
        self._say("A package could not be built. Trying with older build tools.")
        constraints = self._write("build-constraints", _LEGACY)
        code = self._run_install(requirements, *options, "--build-constraints", str(constraints))
        constraints.unlink()
        if code != 0 and not find_failed_build(self._uv.output):
            self._uv.output = output
        return code == 0

    def _run_install(self, requirements: Path, *more: str, offline: bool = False) -> int:
        constraints = self._plan.lines.constraints
        options = [*more, *self._index_options()]
        if constraints:
            options += ["--constraints", str(self._write("constraints", constraints))]
        code = self._uv.run(
            "pip", "install", *self._target.installing, "--config-file", _CONFIGURATION,
            "--requirements", requirements, *options, offline=offline,
        )  # fmt: skip
        (self._folder / "amlflow-constraints.txt").unlink(missing_ok=True)
        return code

    def _index_options(self) -> list[str]:
        lines, options = self._plan.lines, []
        if lines.extra_indexes or lines.index:
            # As pip does: take the best version of all indexes, and not the first index's.
            options += ["--index-strategy", "unsafe-best-match"]
        if lines.prereleases:
            options += ["--prerelease", "allow"]
        for host in lines.trusted_hosts:
            options += ["--allow-insecure-host", host]
        return options


def index_lines(lines: Lines) -> list[str]:
    """Return the lines of a requirements file that name the indexes.

    They are not arguments, since everybody can see a process's arguments with the passwords.
    """
    return [
        *([f"--index-url {lines.index}"] if lines.index else []),
        *(f"--extra-index-url {address}" for address in lines.extra_indexes),
        *(f"--find-links {address}" for address in lines.links),
        *(["--no-index"] if lines.no_index else []),
    ]


def failure_of(output: Sequence[str], python: str) -> EnvironmentBuildException:
    """Make an exception of uv's output for an installation that failed.

    ``python`` is the version of the Python that the packages were for.
    """
    if hashes := reason_of_hashes(output):
        return EnvironmentBuildException(f"The environment could not be made: {hashes}.")
    if is_away(output):
        address = address_of(output)
        return EnvironmentBuildException(
            f"The environment could not be made: the index {address or ''} does not answer, "
            "and uv's cache does not have all packages. Check the network and the index."
        )
    reason = reason_of(output)
    package = find_failed_build(output)
    if package is not None:
        reason = (
            f"{package} could not be built from its source for Python {python}: "
            f"{last_of_build(output) or reason}"
        )
    remedy = ""
    if package is not None or lacks_wheel(output):
        remedy = (
            " AMLFLOW_RELAX_PINS=1 or environment.python.relax = True allows the nearest version "
            f"that has a wheel for Python {python.rpartition('.')[0]}."
        )
        if int(python.split(".")[1]) > _V1_MINOR:
            remedy += (
                f" Or name an older Python in the definition, such as 3.{_V1_MINOR}, which was "
                "v1's default."
            )
    message = f"The environment could not be made: {reason}.{remedy}"
    missing = find_missing(output)
    return MissingPackages(message, missing) if missing else EnvironmentBuildException(message)


def remove_secrets(site: Path) -> None:
    """Remove passwords and tokens from the addresses that installers note in a folder of packages.

    Other people may read an environment. Raises OSError.
    """
    for file in site.glob("*.dist-info/direct_url.json"):
        _redact_file(file)


def _redact_file(file: Path) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    clean = redact_all(content)
    if clean != content:
        whole_files.write_json(file, clean)


def freeze(site: Path) -> list[str]:
    """List the packages in a folder, sorted, as ``pip freeze`` writes them."""
    return sorted(_freeze_one(distribution) for distribution in distributions(path=[str(site)]))


def _freeze_one(distribution: Distribution) -> str:
    metadata = distribution.metadata  # parsed at each access
    name, version = metadata["Name"], metadata["Version"]
    source = distribution.read_text("direct_url.json")  # written for a file or an address
    if source is None:
        return f"{name}=={version}"
    address = json.loads(source)["url"]
    return f"{name} @ {address_of_copy(address) or redact(address)}"
