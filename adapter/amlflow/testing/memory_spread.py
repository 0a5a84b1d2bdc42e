"""Starts the processes of a job of the reference cluster, as its ``spread`` says.

    python memory_spread.py VARIABLE NODES PROCESSES COMMAND…

The first process of this script only waits for a second one. The second one starts the processes of
the command, and ends them when the first one is gone, however that has ended. The variable VARIABLE
tells each of them its number. The script imports nothing of amlflow, so that it starts fast.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO

NODE = "AMLFLOW_MEMORY_NODE"
"""The variable that tells a process the number of its node."""
WATCHED = "--watched-by"
PAUSE_S = 0.02


def main(words: Sequence[str]) -> int:
    if words[0] == WATCHED:
        watcher, variable, nodes, processes, *command = words[1:]
        return Spread(variable, int(nodes), int(processes), command).wait(int(watcher))
    reading, writing = os.pipe()  # who reads is told when this process ends
    watched = [sys.executable, "-I", __file__, WATCHED, str(reading), *words]
    with subprocess.Popen(watched, pass_fds=[reading]) as process:
        os.close(reading)
        code = process.wait()
    os.close(writing)
    return code


class Spread:
    """The processes of a command: node by node, the first nodes with one more if not even."""

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

    def wait(self, watcher: int) -> int:
        """Wait for all processes; the exit code of the first that failed, or 0."""
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

    def _end(self) -> None:
        for process in self._processes:
            process.kill()

    def _end_with(self, watcher: int) -> None:
        os.read(watcher, 1)  # nobody writes: it returns when the writer is gone
        self._end()

    def _forward(self) -> None:
        """Give to all processes what comes from the standard input, and its end."""
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


def _write(stream: IO[bytes] | None, data: bytes) -> None:
    """Write to a process, and close its input at the end; what has ended gets nothing more."""
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
