"""The client for data at web addresses. An answer must make progress.

aiohttp limits the wait for the next bytes. So a server that sends one byte every second would hold
a read for ever. Here, the waits for an answer's content are added up, and may take :data:`READ_S`,
and a second for each :data:`LEAST_BYTES_PER_S` bytes that arrive. The time between reads is not
counted: the caller may take as long as it likes with what it has read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import aiohttp

from amlflow.data.errors import TooSlow

CONNECT_S = 10.0
"""How long a web server may take to accept a connection."""
READ_S = 20.0
"""How long a web server may take to send the next bytes. Its headers may take twice as long."""
LEAST_BYTES_PER_S = 1000


def client_options() -> dict[str, Any]:
    """Return the arguments for aiohttp's session."""
    timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_S, sock_read=READ_S)
    return {"timeout": timeout, "response_class": _Response}


class _Response(aiohttp.ClientResponse):
    """An answer whose headers and content are limited."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        allowed_s = 2 * READ_S  # an answer that does not even begin is aiohttp's error
        try:
            await asyncio.wait_for(super().start(connection), allowed_s)
        except aiohttp.ServerTimeoutError:
            raise
        except asyncio.TimeoutError:  # a class of its own before Python 3.11
            raise TooSlow(f"its headers have not ended after {allowed_s:g} seconds") from None
        self.content: Any = _Content(self.content)
        return self


class _Content:
    """The content of an answer: a stream of aiohttp, whose reads are limited."""

    def __init__(self, stream: aiohttp.StreamReader) -> None:
        self._stream = stream
        self._waited_s, self._size = 0.0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def read(self, count: int = -1) -> bytes:
        """Read up to ``count`` bytes; without it, all. Raises :class:`TooSlow`."""
        if count >= 0:
            return await self._wait(self._stream.read(count))
        parts = []
        while part := await self._wait(self._stream.readany()):
            parts.append(part)
        return b"".join(parts)

    async def _wait(self, read: Awaitable[bytes]) -> bytes:
        begun = time.monotonic()
        part = await read  # aiohttp limits this wait to READ_S
        self._waited_s += time.monotonic() - begun
        self._size += len(part)
        if self._waited_s > READ_S + self._size / LEAST_BYTES_PER_S:
            raise TooSlow(f"it has sent {self._size} bytes in {self._waited_s:.0f} seconds")
        return part
