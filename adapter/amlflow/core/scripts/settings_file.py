"""Reads settings from a file and writes them to it, according to a table.

A row of the table has a setting's attribute, its key in the file and its type, such as
``("docker.base_image", "docker.baseImage", TEXT)``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.environments.redaction import redact_all
from amlflow.exceptions import UserErrorException


class Section:
    """A mapping in the file. It returns its entries as values of a type."""

    def __init__(self, content: Any, where: str) -> None:
        if content is not None and not isinstance(content, dict):
            raise UserErrorException(
                f"{where} must be a mapping of keys to values, and is {content!r}."
            )
        self.content: dict[str, Any] = content or {}
        self._where = where

    def section(self, key: str) -> Section:
        return Section(self.content.get(key), f"{self._where}: {key}")

    def text(self, key: str) -> str | None:
        value = self.content.get(key)
        return None if value is None else str(value)

    def list(self, key: str) -> list[Any]:
        value = self.content.get(key) or []
        if not isinstance(value, list):
            raise UserErrorException(f"{self._where}: {key} must be a list, and is {value!r}.")
        return list(value)

    def lines(self, key: str) -> Sequence[str]:
        lines = self.list(key)
        for line in lines:
            if not isinstance(line, str):
                raise UserErrorException(
                    f"{self._where}: {key} must be a list of texts, and has {line!r}."
                )
        return lines

    def texts(self, key: str) -> dict[str, str]:
        return {name: str(value) for name, value in self.section(key).content.items()}

    def value(self, key: str) -> Any:
        return self.content.get(key)

    def flag(self, key: str) -> bool:
        return bool(self.content.get(key))

    def number(self, key: str) -> int | None:
        return int(self.content.get(key) or 0) or None

    def packages(self, key: str) -> CondaDependencies | None:
        content = self.section(key).content
        return CondaDependencies(_underlying_structure=content) if content else None


@dataclass(frozen=True, slots=True)
class Type:
    """The functions that read a value from a file, write it, and show it in a run's definition."""

    read: Callable[[Section, str], Any]
    write: Callable[[Any], Any] = copy.copy
    show: Callable[[Any], Any] = copy.copy


LEFT_OUT = object()
"""The result of ``write`` for a value that is not written to the file."""


def _write_packages(packages: CondaDependencies) -> Any:
    return packages.as_dict() if packages.names_packages() else LEFT_OUT


TEXT = Type(Section.text)
OPTION = Type(Section.text, lambda text: text or LEFT_OUT)
"""A text that v1 does not have."""
LIST = Type(Section.list)
LINES = Type(Section.lines, lambda lines: list(lines) or LEFT_OUT, redact_all)
"""Lines of a requirements file, which may have passwords. v1 does not have this setting."""
TEXTS = Type(Section.texts)
VALUE = Type(Section.value)
COMMAND = Type(Section.value, lambda command: command or "")
FLAG = Type(Section.flag)
NUMBER = Type(Section.number)
PACKAGES = Type(Section.packages, _write_packages, CondaDependencies.without_secrets)

Row = tuple[str, str, Type]


def read_fields(owner: object, content: Section, rows: Iterable[Row]) -> None:
    """Set the settings that the file has. Settings that are absent or empty there do not change."""
    for attribute, key, kind in rows:
        *sections, name = key.split(".")
        section = content
        for part in sections:
            section = section.section(part)
        value = kind.read(section, name)
        if value or value == 0:
            path, _, member = attribute.rpartition(".")
            setattr(attrgetter(path)(owner) if path else owner, member, value)


def write_fields(owner: object, rows: Iterable[Row]) -> dict[str, Any]:
    """Return all settings in the form of the file."""
    values = {key: kind.write(attrgetter(path)(owner)) for path, key, kind in rows}
    return _nest({key: value for key, value in values.items() if value is not LEFT_OUT})


def show_fields(owner: object, rows: Iterable[Row]) -> dict[str, Any]:
    """Return all settings without secrets, so that everybody may see them."""
    return _nest({key: kind.show(attrgetter(path)(owner)) for path, key, kind in rows})


def _nest(values: dict[str, Any]) -> dict[str, Any]:
    """Convert ``{"a.b": 1}`` to ``{"a": {"b": 1}}``."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        section = result
        for part in sections:
            section = section.setdefault(part, {})
        section[name] = value
    return result
