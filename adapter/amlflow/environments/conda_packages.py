"""Converts a package of conda to a requirement of pip, by the table conda_names.yaml."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from amlflow.environments.errors import EnvironmentBuildException

_PACKAGE = re.compile(
    r"(?:(?P<channel>[^:\s]+)::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]*)\s*"
    r"(?:\[(?P<brackets>[^\]]*)\])?(?P<version>.*)",
    re.DOTALL,
)
_OPERATOR = re.compile(r"(===|==|=|!=|>=|<=|~=|>|<)?\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class CondaPackage:
    """A package in a conda file: ``name`` in lower case, and ``version`` in pip's form."""

    line: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Names:
    """The table conda_names.yaml."""

    renamed: Mapping[str, str]
    renamed_pip: Mapping[str, str]
    left_out: tuple[str, ...]
    kept: frozenset[str]
    only_conda: tuple[str, ...]
    standard_library: frozenset[str]
    azureml: Mapping[str, tuple[str, ...]]

    def is_left_out(self, name: str) -> bool:
        """Whether this package is left out, because pip's wheels contain what it is for."""
        return name not in self.kept and _matches(name, self.left_out)

    def is_only_conda(self, name: str) -> bool:
        """Whether only conda has this package."""
        return _matches(name, self.only_conda)


@functools.cache
def read_names() -> Names:
    """Read the table. A process reads it only once."""
    import yaml  # takes long to import, and only a definition with packages needs the table

    content: dict[str, Any] = yaml.safe_load(
        files("amlflow.environments").joinpath("conda_names.yaml").read_text(encoding="utf-8")
    )
    return Names(
        renamed={_normalise(name): pip for name, pip in content["renamed"].items()},
        renamed_pip=content["renamed_pip"],
        left_out=tuple(map(_normalise, content["left_out"])),
        kept=frozenset(map(_normalise, content["kept"])),
        only_conda=tuple(map(_normalise, content["only_conda"])),
        standard_library=frozenset(content["standard_library"]),
        azureml={name: tuple(packages) for name, packages in content["azureml"].items()},
    )


def parse_conda_package(line: str) -> CondaPackage:
    """Parse a line such as ``conda-forge::numpy=1.19=py38_0``.

    Raises:
        EnvironmentBuildException: the line does not name a package of conda.
    """
    match = _PACKAGE.fullmatch(line.strip())
    if match is None:
        raise EnvironmentBuildException(
            f"{line!r} is not a package of conda. Write one as 'name', 'name=1.2' or 'name>=1.2'."
        )
    version = match["version"].strip()
    brackets = re.search(r"version\s*=\s*['\"]?([^'\"\]]+)", match["brackets"] or "")
    if brackets is not None:
        version = brackets[1].strip()
    return CondaPackage(line, _normalise(match["name"]), to_pip_version(version, line))


def _normalise(name: str) -> str:
    """Return a name as pip would write it, except that a first underscore is kept."""
    return name if name.startswith("_") else name.lower().replace("_", "-")


def to_pip_version(version: str, line: str) -> str:
    """Convert a version from conda's form to pip's: ``=1.2`` becomes ``==1.2.*``.

    Raises:
        EnvironmentBuildException: pip has no form for it, such as for ``1.1|1.2``.
    """
    if not version:
        return ""
    if "|" in version:
        raise EnvironmentBuildException(
            f"{line!r} allows one version or another ('|'). pip has no form for that: name one "
            "version."
        )
    return ",".join(_to_clause(clause.strip()) for clause in version.split(",") if clause.strip())


def _to_clause(clause: str) -> str:
    operator, rest = _OPERATOR.findall(clause)[0]
    # The text after the version is a build, such as py38_0. pip has no builds.
    number, *build = re.split(r"[=\s]+", rest.strip())
    if not operator or (operator == "=" and build):
        operator = "=="
    if number.endswith("*"):
        number = number.rstrip("*").rstrip(".")
        if not number:
            return ""
        if operator in ("=", "=="):
            return f"=={number}.*"
        return f"{operator}{number}.*" if operator == "!=" else f"{operator}{number}"
    if operator == "=" and re.fullmatch(r"[0-9.]+", number):  # no star after 1.2.post1 or 1.2b1
        return f"=={number}.*"
    operator = "==" if operator == "=" else operator
    return f"{operator}{number}"


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
