"""Answers without a pause of 40 ms.

uvicorn's workers share one listening socket, on whose connections asyncio does not set TCP_NODELAY,
since it was made without a protocol number. An answer's head and body are two segments, and the
second then waits until the client has acknowledged the first, which it delays. Connections
inherit the option from the socket. uvloop, which uvicorn uses if it is installed, sets it itself.
"""

from __future__ import annotations

import os
import socket

OPEN = "/dev/fd"


def send_at_once() -> None:
    """Set TCP_NODELAY on the TCP sockets of this process: a worker that starts has just that one.

    It does not listen yet, so it is not among the process's connections.
    """
    if not os.path.isdir(OPEN):
        return
    for number in os.listdir(OPEN):
        try:
            copy = os.dup(int(number))
        except OSError:  # the listing's own
            continue
        try:
            with socket.socket(fileno=copy) as connection:
                if connection.family in (socket.AF_INET, socket.AF_INET6):
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:  # a file
            os.close(copy)
