"""Starts the process that makes the calls, and sends requests to it, also from forked children."""

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
from typing import Any, Dict, Iterator, List, Optional

from .values import parse_line, to_line

PYTHON = "AMLFLOW_AGENT_PYTHON"
RELAY = "AMLFLOW_RELAY"
SCRIPT_PYTHON = "AMLFLOW_SCRIPT_PYTHON"
_START = (
    "import sys; sys.path += sys.argv[3:]; "
    "from amlflow.old_pythons.server import main; main(int(sys.argv[1]), sys.argv[2])"
)
_GONE = "The process that makes amlflow's calls for this script has ended: {}."


class Connection:
    """A connection to the process. Each request and answer is a line of JSON. It is thread-safe."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._folder = ""
        self._owner = 0
        self._pid = 0
        self._socket: Any = None
        self._answers: Any = None
        self._directory = ""
        self.released: List[int] = []

    def ask(self, **request: Any) -> Dict[str, Any]:
        """Send a request, and return the answer. Raises RuntimeError if the process has ended."""
        with self.lock:
            try:
                directory = os.getcwd()
            except OSError:  # it was removed
                directory = self._directory
            if directory != self._directory:
                self._directory = request["directory"] = directory
            if self.released:
                request["released"], self.released = self.released, []
            self.send(to_line(request))
            try:
                line = self._answers.readline()
                if not line:
                    raise OSError("it does not answer")
                answer = parse_line(line)
            except (OSError, ValueError) as failure:
                self._forget()
                raise RuntimeError(_GONE.format(failure)) from failure
            except BaseException:  # such as KeyboardInterrupt: the answer is still on its way
                self._forget()
                raise
        return dict(answer)

    def send(self, line: bytes) -> None:
        """Send a line, and do not wait for an answer.

        Raises RuntimeError if the process has ended.
        """
        with self.lock:
            if self._pid != os.getpid():
                self._connect()
            try:
                self._socket.sendall(line)
            except OSError as failure:
                self._forget()
                raise RuntimeError(_GONE.format(failure)) from failure
            except BaseException:
                self._forget()
                raise

    def is_owner(self) -> bool:
        """Whether this process has started the connection, and is not a forked child."""
        return self._owner == os.getpid()

    def _connect(self) -> None:
        if self._process is None:
            self._start()
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _address_of(self._folder) as address:
                connected.connect(address)
        except OSError as failure:
            connected.close()
            raise RuntimeError(_GONE.format(failure)) from failure
        # The process ends when it has no connection, so the old one is closed after the new one
        # is open.
        for old in (self._answers, self._socket):
            if old is not None:
                old.close()
        self._socket, self._answers = connected, connected.makefile("rb")
        self._pid, self._directory = os.getpid(), ""

    def _start(self) -> None:
        python = os.environ.get(PYTHON)
        if not python:
            raise RuntimeError(
                "amlflow does not run on Python {}.{}, and {} does not name one that it runs on; "
                "submit the script with an environment.".format(*sys.version_info[:2], PYTHON)
            )
        # In the job's folder. If the process is killed, its files are removed with that folder.
        relay = os.environ.get(RELAY)
        self._folder = tempfile.mkdtemp(dir=os.path.dirname(relay) if relay else None)
        base = os.path.dirname(os.path.realpath(__file__))
        for _ in range(3):  # client, old_pythons, amlflow
            base = os.path.dirname(base)
        paths = [base, os.path.join(base, "dropin"), os.path.join(base, "amlflow_dropin")]
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
            with _address_of(self._folder) as address:
                listening.bind(address)
            listening.listen(128)  # from now on requests can be sent; they wait for the process
            handle = listening.fileno()
            self._process = subprocess.Popen(
                [python, "-I", "-c", _START, str(handle), self._folder, *paths],
                stdin=subprocess.DEVNULL,
                pass_fds=(handle,),
                env=dict(os.environ, **{SCRIPT_PYTHON: sys.executable}),
            )
        self._owner = os.getpid()
        atexit.register(self._end)

    def _forget(self) -> None:
        """Use another connection from now on, as half a line may be left on this one."""
        self._pid = 0

    def _end(self) -> None:
        """Wait until the process has done all that was sent to it."""
        if self.is_owner() and self._process is not None:
            if self._socket is not None:
                with contextlib.suppress(OSError):  # the process has ended
                    self._socket.shutdown(socket.SHUT_WR)
            self._process.wait()


@contextlib.contextmanager
def _address_of(folder: str) -> Iterator[str]:
    """Return the address of the socket. On Linux it is short, however long the path is."""
    if sys.platform != "linux":
        yield os.path.join(folder, "calls")
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{handle}/calls"
    finally:
        os.close(handle)


connection = Connection()
