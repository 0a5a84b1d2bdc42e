"""Removes a pause of 40 ms from each answer.

uvicorn's workers share one listening socket that was made without a protocol number. For such a
socket, asyncio does not set TCP_NODELAY on the connections. An answer's head and body are two
segments, and the body then waits until the client has acknowledged the head, which clients delay.

Connections inherit the option from the listening socket, so it is set there. uvloop, which uvicorn
uses if it is installed, sets the option itself.
"""

from __future__ import annotations

import os
import socket

OPEN = "/dev/fd"


def send_at_once() -> None:
    """Set TCP_NODELAY on all TCP sockets of this process.

    A worker that starts has only the listening socket. All file descriptors are tried, since the
    socket does not listen yet and so is not in the list of the process's connections.
    """
    if not os.path.isdir(OPEN):
        return
    for number in os.listdir(OPEN):
        try:
            copy = os.dup(int(number))
        except OSError:  # the descriptor that listed the folder
            continue
        try:
            with socket.socket(fileno=copy) as connection:
                if connection.family in (socket.AF_INET, socket.AF_INET6):
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:  # it is not a socket
            os.close(copy)
