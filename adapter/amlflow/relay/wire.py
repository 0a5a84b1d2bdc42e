"""Turns values of the contract into JSON, and sends them in frames on a socket.

A frame is a length in eight bytes, and then JSON. Records and enums of the contract are tagged with
their names. What arrives only becomes records, enums, texts, numbers, times, paths and collections
of these.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import json
import os
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from amlflow import exceptions, spec

MAX_FRAME = 1 << 30
"""How many bytes a frame may have."""
CHUNK = 1 << 20
_MAX_ADDRESS = 100
"""How many bytes a socket's path may have on every system."""
_LENGTH = struct.Struct(">Q")
_TAG = "$"


class WireError(Exception):
    """What arrived is not a frame of this release, or the other side has closed the connection."""


def encode(value: Any, files: list[Path] | None = None) -> Any:
    """Turn a value of the contract into what JSON can hold. Raises TypeError for other values.

    With ``files``, a path stands for a file that is sent beside the frame. The path is added to
    ``files``, and the value has its index there.
    """
    if isinstance(value, enum.Enum):
        return {_TAG: "enum", "type": type(value).__name__, "value": value.value}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return {_TAG: "time", "value": value.isoformat()}
    if isinstance(value, Path):
        if files is None:
            return {_TAG: "path", "value": str(value)}
        files.append(value)
        return {_TAG: "file", "value": len(files) - 1}
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        content = {name: encode(getattr(value, name), files) for name in names}
        return {_TAG: "record", "type": type(value).__name__, "value": content}
    if isinstance(value, Mapping):
        pairs = [[encode(key), encode(item, files)] for key, item in value.items()]
        return {_TAG: "dict", "value": pairs}
    for kind, name in ((tuple, "tuple"), (frozenset, "set"), (set, "set")):
        if isinstance(value, kind):
            return {_TAG: name, "value": [encode(item, files) for item in value]}
    if isinstance(value, list):
        return [encode(item, files) for item in value]
    raise TypeError(f"A {type(value).__name__} cannot be sent.")


def decode(value: Any, files: list[Path] | None = None) -> Any:
    """Undo :func:`encode`. With ``files``, an index stands for the path in ``files``.

    Raises:
        WireError: :func:`encode` does not make such a value, or ``files`` are given, and the value
            has a path instead of an index.
    """
    if isinstance(value, list):
        return [decode(item, files) for item in value]
    if not isinstance(value, dict):
        return value
    try:
        return _decode_tagged(value[_TAG], value, files)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise WireError(f"A value of another release of amlflow: {error!r}.") from error


def _decode_tagged(tag: str, value: dict[str, Any], files: list[Path] | None) -> Any:
    content = value["value"]
    if tag == "record":
        fields = {name: decode(item, files) for name, item in content.items()}
        return spec.make_record(_type(value["type"], dataclasses.is_dataclass), **fields)
    if tag == "enum":
        return _type(value["type"], lambda kind: issubclass(kind, enum.Enum))(content)
    if tag == "time":
        return datetime.fromisoformat(content)
    if tag == "file" and files is not None and content >= 0:
        return files[content]
    if tag == "path" and files is None:
        return Path(content)
    if tag == "dict":
        return {decode(key): decode(item, files) for key, item in content}
    return {"tuple": tuple, "set": frozenset}[tag](decode(item, files) for item in content)


def _type(name: str, is_right: Any) -> Any:
    kind = getattr(spec, name) if name in spec.__all__ else None
    if not isinstance(kind, type) or not is_right(kind):
        raise ValueError(f"{name} is not a type of the contract")
    return kind


# --- errors ---------------------------------------------------------------------------------------


def encode_error(error: Exception) -> dict[str, Any]:
    """Encode an error of the contract with its attributes. Others become a ServiceException."""
    kind = type(error).__name__
    if _error_type(kind) is not type(error):
        return encode_error(exceptions.ServiceException(f"{kind}: {error}"))
    attributes = {}
    for name, value in vars(error).items():
        with contextlib.suppress(TypeError):  # leave out what cannot be sent, such as its cause
            attributes[name] = encode(value)
    return {"type": kind, "args": [str(word) for word in error.args], "attributes": attributes}


def decode_error(content: Mapping[str, Any]) -> Exception:
    """Undo :func:`encode_error`."""
    kind = _error_type(content["type"]) or exceptions.ServiceException
    error = kind.__new__(kind, *content["args"])
    error.args = tuple(content["args"])
    vars(error).update(decode(_to_tagged(content["attributes"])))
    return error


def _to_tagged(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {_TAG: "dict", "value": [[name, value] for name, value in attributes.items()]}


def _error_type(name: str) -> type[exceptions.AzureMLException] | None:
    for module in (spec, exceptions):
        kind = getattr(module, name, None) if name in module.__all__ else None
        if isinstance(kind, type) and issubclass(kind, exceptions.AzureMLException):
            return kind
    return None


# --- frames ---------------------------------------------------------------------------------------


class Connection:
    """A socket for frames and files. Only one thread at a time may use it."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._file: BinaryIO = connected.makefile("rb")

    def send(self, content: Mapping[str, Any]) -> None:
        """Send a frame. Raises OSError if the other side has closed the connection."""
        text = json.dumps(content).encode()
        self._socket.sendall(_LENGTH.pack(len(text)) + text)

    def receive(self) -> dict[str, Any]:
        """Read the next frame. Raises :class:`WireError` and OSError."""
        [length] = _LENGTH.unpack(self._read(_LENGTH.size))
        if length > MAX_FRAME:
            raise WireError("A frame is too long.")
        try:
            content = json.loads(self._read(length))
        except ValueError as error:
            raise WireError("A frame is not JSON.") from error
        if not isinstance(content, dict):
            raise WireError("A frame is not a JSON object.")
        return content

    def send_file(self, path: Path) -> None:
        """Send a file in parts. Each part begins with its length, and the last part is empty."""
        with path.open("rb") as file:
            while part := file.read(CHUNK):
                self._socket.sendall(_LENGTH.pack(len(part)) + part)
        self._socket.sendall(_LENGTH.pack(0))

    def receive_file(self, path: Path) -> None:
        """Read the next file, and write it to a path."""
        with path.open("wb") as file:
            while length := _LENGTH.unpack(self._read(_LENGTH.size))[0]:
                if length > CHUNK:
                    raise WireError("A part of a file is too long.")
                file.write(self._read(length))

    def _read(self, length: int) -> bytes:
        content = self._file.read(length)
        if len(content) != length:
            raise WireError("The other side has gone.")
        return content

    def close(self) -> None:
        """Close the socket."""
        self._file.close()
        self._socket.close()


@contextlib.contextmanager
def address_of(path: Path) -> Iterator[str]:
    """Return the address of a socket's path. On Linux, the path may be of any length."""
    if len(os.fsencode(path)) <= _MAX_ADDRESS or sys.platform != "linux":
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
