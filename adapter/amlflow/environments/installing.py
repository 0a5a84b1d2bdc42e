"""Installs the packages of a plan by uv."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TextIO

from amlflow import whole_files
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.failures import failure_of
from amlflow.environments.plan import Plan
from amlflow.environments.reasons import (
    find_failed_build,
    find_installed,
    find_missing,
    find_refusals,
    find_status,
    is_away,
    is_unsolvable,
)
from amlflow.environments.redaction import redact, redact_all
from amlflow.environments.relaxing import read_resolved, relax
from amlflow.environments.requirement_lines import Lines, local_path_of
from amlflow.environments.uv import Uv, index_variables
from amlflow.environments.wheels import address_of_copy

_LEGACY = ["setuptools<81", "cython<3"]
"""Build tools for source archives of v1's years. Newer releases lack names that they import."""

_CONFIGURATION = Path(__file__).with_name("old_metadata.toml")
"""The only configuration that uv reads: the user's own could change what is installed."""

_MAX_WITHOUT_SOURCE = 10
"""For how many packages of an installation a version with a wheel is searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The place of an installation: uv's options for installing into it, and for resolving.

    ``python`` is the version of its Python, such as ``3.11.7``. ``older`` is a sentence that says
    how the user gets another Python; None if that does not help.
    """

    installing: Sequence[str | Path]
    resolving: Sequence[str | Path]
    python: str
    older: str | None = None


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
        self._names_index = plan.lines.index is not None
        self._uv = Uv(log, cancelled, names_index=self._names_index)
        self._relaxing = False
        self._notes: list[str] = []
        self._from_wheels: list[str] = []

    def install(self, *, relaxing: bool) -> list[str]:
        """Install all packages. Returns a sentence for each version that was replaced by another.

        Raises:
            EnvironmentBuildException: a package cannot be installed. The message says why.
            EnvironmentBuildCanceled: ``cancelled`` returned True.
        """
        self._relaxing = relaxing
        self._notes = self._relax() if relaxing else []
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
        return self._notes

    def install_from_wheels(self, packages: Sequence[str]) -> list[str] | None:
        """Install all again, but these packages, such as ``name==1.0``, in versions with a wheel.

        uv takes the newest that the definition allows, so no pin is changed. Returns a sentence for
        each package, or None if it does not allow such versions.

        Raises:
            EnvironmentBuildException: something else is wrong, such as an index without an answer.
            EnvironmentBuildCanceled: ``cancelled`` returned True.
        """
        from packaging.utils import canonicalize_name  # only needed here

        # uv says pyyaml of what the package itself calls PyYAML.
        by_name: dict[str, str] = {
            canonicalize_name(each.partition("==")[0]): each for each in packages
        }
        for package in packages:
            self._say(f"{package} has no wheel. Trying with a version that has one.")
        self._from_wheels = [word for name in by_name for word in ("--only-binary", name)]
        try:
            notes = self.install(relaxing=False)
        except EnvironmentBuildException:
            if not is_unsolvable(self._uv.output):
                raise
            return None
        self._note_wheels(by_name, "has no wheel")
        return notes

    def _install(self, lines: list[str], *options: str) -> None:
        """Install lines of a requirements file. uv keeps what is installed already."""
        in_file = [line for line in lines if not _is_folder(line)]
        requirements = self._write(
            "requirements", [*index_lines(self._plan.lines), *self._plan.lines.options, *in_file]
        )
        # uv builds a folder that is an argument each time, and takes one in a file from its cache
        # although its modules have changed.
        options = (*options, *(line for line in lines if _is_folder(line)))
        try:
            if self._run_install(requirements, *options) == 0:
                return
            if is_away(self._uv.output) and self._retry_offline(requirements, *options):
                return
            if find_failed_build(self._uv.output) and (
                self._retry_legacy(requirements, *options)
                or self._retry_with_wheels(requirements, *options)
            ):
                return
            self._look_who_refuses(requirements, *options)
        finally:
            requirements.unlink()
        raise failure_of(
            self._uv.output, self._target.python, pinned=self._plan.pinned(),
            relaxing=self._relaxing, older=self._target.older, before=self._plan.before,
        )  # fmt: skip

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
        quiet = Uv(io.StringIO(), self._cancelled, names_index=self._names_index)
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
        code = self._run_install(requirements, *options, legacy=True)
        if code != 0 and not find_failed_build(self._uv.output):
            self._uv.output = output
        return code == 0

    def _retry_with_wheels(self, requirements: Path, *options: str) -> bool:
        """Install versions that have a wheel in place of those that could not be built.

        uv takes the newest that the definition allows, so no pin is changed.
        """
        failed: dict[str, str] = {}
        while (package := find_failed_build(self._uv.output)) is not None:
            name, output = package.partition("==")[0], self._uv.output
            if name in failed or len(failed) == _MAX_WITHOUT_SOURCE:
                break
            failed[name] = package
            self._say(f"{package} could not be built. Trying with a version that has a wheel.")
            wheels = [word for each in failed for word in ("--only-binary", each)]
            if self._run_install(requirements, *options, *wheels, legacy=True) == 0:
                self._note_wheels(failed, "could not be built from its source")
                return True
        self._uv.output = output
        return False

    def _look_who_refuses(self, requirements: Path, *options: str) -> None:
        """Let uv say which index has refused an answer.

        If it takes the best version of all indexes, it passes over those that refuse.
        """
        output = self._uv.output
        if not self._has_several_indexes() or not find_missing(output):
            return
        self._say("Looking whether an index refuses to answer.")
        self._run_install(requirements, *options, "--dry-run", from_all=False)
        if not find_refusals(self._uv.output) and not find_status(self._uv.output):
            self._uv.output = output

    def _note_wheels(self, failed: Mapping[str, str], reason: str) -> None:
        installed = find_installed(self._uv.output)
        for name, package in sorted(failed.items()):  # uv builds several at once
            instead = (
                f"{name}=={installed[name]}, which has a wheel, is installed instead."
                if name in installed
                else "It is not installed: other packages are in versions that do not require it."
            )
            note = f"{package} {reason} for Python {self._target.python}. {instead}"
            self._say(note)
            self._notes.append(note)

    def _run_install(
        self,
        requirements: Path,
        *more: str,
        offline: bool = False,
        legacy: bool = False,
        from_all: bool = True,
    ) -> int:
        """Run uv.

        ``legacy`` makes it build archives by older tools. ``from_all`` lets it take the best
        version of all indexes.
        """
        constraints = self._plan.lines.constraints
        options = [*more, *self._from_wheels, *self._index_options(from_all=from_all)]
        if constraints:
            options += ["--constraints", str(self._write("constraints", constraints))]
        if legacy:
            options += ["--build-constraints", str(self._write("build-constraints", _LEGACY))]
        code = self._uv.run(
            "pip", "install", *self._target.installing, "--config-file", _CONFIGURATION,
            "--requirements", requirements, *options, offline=offline,
        )  # fmt: skip
        for name in ("constraints", "build-constraints"):
            (self._folder / f"amlflow-{name}.txt").unlink(missing_ok=True)
        return code

    def _has_several_indexes(self) -> bool:
        lines = self._plan.lines
        return bool(
            lines.extra_indexes
            or (lines.index and index_variables(os.environ, names_index=True).get("UV_INDEX"))
        )

    def _index_options(self, *, from_all: bool = True) -> list[str]:
        lines, options = self._plan.lines, []
        if from_all and self._has_several_indexes():
            # As pip does: take the best version of all indexes, and not the first index's.
            options += ["--index-strategy", "unsafe-best-match"]
        if self._plan.before is not None:
            options += ["--exclude-newer", self._plan.before]
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


def _is_folder(line: str) -> bool:
    path = local_path_of(line)
    return path is not None and path.is_dir()


def packages_folder_of(prefix: Path) -> Path:
    """Return the folder from which the Python of an environment imports the packages."""
    # conda-forge's Python has a link from lib/python3.1, for old versions of conda.
    found = (prefix / "lib").glob("python3.*/site-packages")
    [site] = [path for path in found if not path.parent.is_symlink()]
    return site


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
