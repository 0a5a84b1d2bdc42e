"""Answers that must make progress.

A socket's timeout limits the wait for the next bytes. So a server or proxy that sends one byte
every second is never too slow for it, and a call would wait for ever. Here, an answer must begin
within the timeout. From then on, the waits for its headers and body are added up, and may take the
timeout once more, and a second for each :data:`LEAST_BYTES_PER_S` bytes that arrive. After that, it
is an error as if the server did not answer. The time between reads is not counted: the caller may
take as long as it likes with what it has read.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import TYPE_CHECKING, Any

import urllib3

from amlflow_mlflow.rest.quick_acknowledgement import acknowledge_at_once

if TYPE_CHECKING:
    from typing_extensions import Buffer

LEAST_BYTES_PER_S = 1000


def allowed_s(timeout_s: float, size: int) -> float:
    """Return how long the rest of an answer may be waited for, when ``size`` bytes have come."""
    return timeout_s + size / LEAST_BYTES_PER_S


def limit_reads(pool: urllib3.PoolManager) -> None:
    """Let all connections of a pool limit how long an answer takes."""
    pool.pool_classes_by_scheme = {
        scheme: type(kind.__name__, (kind,), {"ConnectionCls": _limited(kind.ConnectionCls)})
        for scheme, kind in dict[str, Any](pool.pool_classes_by_scheme).items()
    }


def _limited(connection: Any) -> type:
    return type(connection.__name__, (connection,), {"response_class": _Response})


class _Response(http.client.HTTPResponse):
    """An answer whose reads are limited."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Reads(self.fp.detach(), sock))


class _Reads(io.RawIOBase):
    """Reads of a socket. ``raw`` is the file that reads it."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock = raw, sock
        self._timeout_s = sock.gettimeout()
        self._waited_s, self._size = 0.0, 0

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Buffer) -> int | None:
        acknowledge_at_once(self._sock)
        if self._timeout_s is None:
            return self._raw.readinto(buffer)
        left_s = self._timeout_s
        if self._size > 0:
            left_s = allowed_s(self._timeout_s, self._size) - self._waited_s
            if left_s <= 0:
                raise TimeoutError("the answer comes too slowly")
        self._sock.settimeout(min(left_s, self._timeout_s))
        begun = time.monotonic()
        size = self._raw.readinto(buffer)
        if self._size > 0:
            self._waited_s += time.monotonic() - begun
        self._size += size or 0
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()
