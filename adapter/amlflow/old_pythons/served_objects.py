"""The objects that a script uses, by number, and the members that it may call."""

from __future__ import annotations

import inspect
import os
import shutil
import threading
from collections.abc import ItemsView, Iterator, KeysView, Sequence, ValuesView
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any, BinaryIO

from amlflow.core.runs.run import Run
from amlflow.old_pythons.client.values import TAG, decode, encode

OPERATORS = (
    "__contains__", "__delitem__", "__enter__", "__eq__", "__exit__", "__getitem__", "__hash__",
    "__iter__", "__len__", "__next__", "__repr__", "__setitem__", "__str__", "__call__",
)  # fmt: skip
"""The members with two underscores that a script may call, if a class defines them itself."""
_PACKAGES = ("amlflow", "azureml")
_BUILTIN_ERRORS = "builtins"


class UnknownObject(Exception):
    """A request names an object that does not exist."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that the script has drawn into a file."""

    path: Path

    def savefig(self, target: Any, **options: Any) -> None:
        """Copy the PNG file to a path."""
        shutil.copyfile(self.path, target)


class ServedObjects:
    """The objects of amlflow's that a script uses. Each is kept until the script releases it.

    Classes are never released. Plain values, such as texts and lists, are not kept: their content
    is sent. A value that is neither an object of amlflow's nor plain raises TypeError.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}  # by id(), which is unique while the object is kept
        self._last = 0

    def release(self, numbers: Sequence[int]) -> None:
        """Forget objects that the script does not use any more."""
        with self._lock:
            for number in numbers:
                if not isinstance(self._objects.get(number), type):
                    self._numbers.pop(id(self._objects.pop(number, None)), None)

    def get(self, number: Any) -> Any:
        """Return the object with a number. Raises :class:`UnknownObject`."""
        with self._lock:
            if number not in self._objects:
                raise UnknownObject(f"The script does not have an object {number!r}.")
            return self._objects[number]

    def encode(self, value: Any) -> Any:
        """Encode a value for the script. Raises TypeError if it cannot be sent."""
        return encode(value, self._encode_other)

    def decode(self, value: Any, files: list[Path]) -> Any:
        """Decode a value from the script. Raises ValueError and :class:`UnknownObject`.

        The temporary files of the value are added to ``files``. Remove them after the call.
        """

        def decode_other(tag: str, content: dict[str, Any]) -> Any:
            if tag == "object":
                return self.get(content["number"])
            path = Path(content["value"])
            files.append(path)
            return {"figure": Figure, "stream": _open}[tag](path)

        return decode(value, decode_other)

    def number_of(self, value: Any) -> int:
        """Return the number of an object. From now on, the object is kept."""
        with self._lock:
            number = self._numbers.get(id(value))
            if number is None:
                self._last += 1
                number = self._numbers[id(value)] = self._last
                self._objects[number] = value
            return number

    def _encode_other(self, value: Any) -> Any:
        if isinstance(value, KeysView | ItemsView | ValuesView | range):
            return self.encode(list(value))
        if isinstance(value, type) and _is_ours(value):
            return {TAG: "class", "number": self.number_of(value)}
        if _is_ours(type(value)) or isinstance(value, Iterator | FunctionType | MethodType):
            kind = self.number_of(type(value))
            return {TAG: "object", "number": self.number_of(value), "class": kind}
        raise TypeError(
            f"A value of the type {type(value).__name__!r} cannot be passed to a script on this "
            "Python; ask for Python 3.10 or newer in the environment."
        )

    def describe(self, kind: type) -> dict[str, Any]:
        """Describe a class of amlflow's, so that the script can make a class that stands for it."""
        is_error = issubclass(kind, BaseException)
        methods, statics = _members(kind)
        return {
            "name": kind.__name__,
            "module": kind.__module__,
            "bases": [
                self.number_of(base) if _is_ours(base) else base.__name__
                for base in kind.__bases__
                if _is_ours(base) or (is_error and base.__module__ == _BUILTIN_ERRORS)
            ],
            "is_error": is_error,
            "methods": methods,
            "statics": statics,
            "quick": issubclass(kind, Run),
        }

    def encode_error(self, error: BaseException) -> dict[str, Any]:
        """Encode an error for the script: its class and its message."""
        kind = type(error)
        if _is_ours(kind):
            return {"class": self.number_of(kind), "message": _message_of(error)}
        name = kind.__name__ if kind.__module__ == _BUILTIN_ERRORS else "RuntimeError"
        arguments = list(error.args) if name == kind.__name__ else [f"{kind.__name__}: {error}"]
        if not all(isinstance(argument, str | int | None) for argument in arguments):
            name, arguments = "RuntimeError", [f"{kind.__name__}: {error}"]
        return {"class": name, "message": str(error), "arguments": arguments}


def member_of(target: Any, name: Any) -> Any:
    """Return a member of an object. Raises AttributeError, also if a script may not call it."""
    if not isinstance(name, str) or (name.startswith("__") and name not in OPERATORS):
        raise AttributeError(f"{name!r} cannot be called from a script.")
    value = getattr(target, name)
    if isinstance(value, ModuleType):  # the script imports a module by its name
        raise AttributeError(name)
    return value


def _members(kind: type) -> tuple[list[str], list[str]]:
    """List the methods of a class's objects, and those of the class itself.

    The script asks for all other members one by one.
    """
    methods, statics = [], []
    for name in dir(kind):
        if name.startswith("__") and (
            name not in OPERATORS or getattr(kind, name) is getattr(object, name, None)
        ):
            continue
        member = inspect.getattr_static(kind, name)
        if isinstance(member, staticmethod | classmethod):
            statics.append(name)
        elif inspect.isroutine(member):
            methods.append(name)
    return methods, statics


def _is_ours(kind: type) -> bool:
    return kind.__module__.split(".")[0] in _PACKAGES


def _message_of(error: BaseException) -> str:
    return str(getattr(error, "message", error))


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def remove_files(files: Sequence[Path]) -> None:
    """Remove the temporary files of a call."""
    for path in files:
        path.unlink(missing_ok=True)


def enter_directory(path: Any) -> None:
    """Go to the script's working folder, so that relative paths mean the same files."""
    if isinstance(path, str):
        os.chdir(path)
