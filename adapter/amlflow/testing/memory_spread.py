"""Starts the processes of a job of the reference cluster: the command that its ``spread`` returns.

    python memory_spread.py VARIABLE NODES PROCESSES COMMAND…

The first process of this script only waits for a second one. The second process starts the
command's processes, and ends them when the first process has ended for any reason. The environment
variable VARIABLE tells each of the command's processes its number. SIGUSR1 and SIGUSR2 are passed
on to them, and ignored by whatever cannot pass them on yet. This script does not import amlflow, so
it starts fast.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import IO

NODE = "AMLFLOW_MEMORY_NODE"
"""The environment variable that tells a process the number of its node."""
WATCHED = "--watched-by"
PASSED = signal.SIGUSR1, signal.SIGUSR2
PAUSE_S = 0.02


def main(words: Sequence[str]) -> int:
    _on_passed_signals(signal.SIG_IGN)
    if words[0] == WATCHED:
        watcher, variable, nodes, processes, *command = words[1:]
        return Spread(variable, int(nodes), int(processes), command).wait(int(watcher))
    reading, writing = os.pipe()  # reading ends when this process has ended
    watched = [sys.executable, "-I", __file__, WATCHED, str(reading), *words]
    with subprocess.Popen(watched, pass_fds=[reading]) as process:
        _on_passed_signals(lambda number, _: process.send_signal(number))
        os.close(reading)
        code = process.wait()
    os.close(writing)
    return code


class Spread:
    """The processes of a command, node by node. If not even, the first nodes have one more."""

    def __init__(self, variable: str, nodes: int, processes: int, command: Sequence[str]) -> None:
        least, more = divmod(processes, nodes)
        places = [node for node in range(nodes) for _ in range(least + (node < more))]
        self._lock = threading.Lock()
        self._processes = [
            subprocess.Popen(
                command,
                env={**os.environ, variable: str(number), NODE: str(node)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for number, node in enumerate(places)
        ]
        _on_passed_signals(lambda number, _: self._send(number))

    def wait(self, watcher: int) -> int:
        """Wait for all processes. Returns the exit code of the first that failed, or 0."""
        self._start(self._forward)
        self._start(self._end_with, watcher)
        readers = [self._start(self._relay, process.stdout) for process in self._processes]
        failed = 0
        running = set(self._processes)
        while running:
            for process in list(running):
                try:
                    code = process.wait(PAUSE_S)
                except subprocess.TimeoutExpired:
                    continue
                running.remove(process)
                if code and not failed:
                    failed = abs(code)
                    self._end()
        for reader in readers:
            reader.join()
        return failed

    def _start(self, target: object, *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        thread.start()
        return thread

    def _send(self, number: int) -> None:
        for process in self._processes:
            process.send_signal(number)

    def _end(self) -> None:
        self._send(signal.SIGKILL)

    def _end_with(self, watcher: int) -> None:
        os.read(watcher, 1)  # nothing is written to it: it returns when the writer has ended
        self._end()

    def _forward(self) -> None:
        """Copy the standard input to all processes, and close their inputs at its end."""
        while True:
            data = os.read(0, 1 << 16)
            for process in self._processes:
                _write(process.stdin, data)
            if not data:
                return

    def _relay(self, output: IO[bytes]) -> None:
        for line in output:
            with self._lock:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()


def _on_passed_signals(handler: Callable[[int, object], None] | signal.Handlers) -> None:
    for number in PASSED:
        signal.signal(number, handler)


def _write(stream: IO[bytes] | None, data: bytes) -> None:
    """Write to a process; empty data closes its input. A process that has ended is ignored."""
    assert stream is not None
    try:
        if data:
            stream.write(data)
            stream.flush()
        else:
            stream.close()
    except BrokenPipeError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
