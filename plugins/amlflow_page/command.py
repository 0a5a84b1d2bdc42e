"""``amlflow ui``: shows a workspace in the studio, which only this machine can reach."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from amlflow.exceptions import UserErrorException, WrongUsage
from amlflow.parts import check_part
from amlflow.spec import redacted

HOST = "127.0.0.1"
START = "#/amlflow/runs"
START_TIMEOUT_S = 120
END_TIMEOUT_S = 5
"""How long the server's processes may take to end by themselves."""
WORKERS = "2"
MESSAGES_TIMEOUT_S = 5
"""How long to wait for the server's last messages. A worker that still runs keeps the pipe open."""
NO_WARNING = b"[MLflow] Security middleware enabled"
"""The begin of the only line on MLflow's stderr that is not a warning."""
STORES = ("sqlite", "postgresql", "mysql", "mssql", "file", "http", "https")
"""The schemes of the tracking URIs whose runs MLflow's page shows."""


def ui(port: str = "5000", path: str = ".", no_browser: bool = False) -> None:
    """Show the runs of a folder's workspace in MLflow's page with the studio, until Ctrl-C.

    :param port: The port on this machine; the page is for this machine only.
    :param path: The folder, or one below that of its config.json.
    :param no_browser: Print the address, and open no browser.
    """
    # Imported here, since every command of the CLI loads this module.
    from amlflow.core.project.configured import configured_uri

    if not port.isdigit() or not 0 < int(port) < 65536:
        raise WrongUsage(f"--port takes a number from 1 to 65535, and not {port!r}.")
    uri = configured_uri(path)
    if uri.partition(":")[0].partition("+")[0] not in STORES:
        raise UserErrorException(
            f"The workspace is on {redacted(uri)}, and MLflow's page shows only runs that MLflow "
            "keeps; open that tracker's own page."
        )
    if uri.startswith(("http:", "https:")):
        _show_server(redacted(uri).rstrip("/"), no_browser)
        return
    check_part("ui", "`amlflow ui`")
    _check_free(port)
    server = subprocess.Popen(
        _command(uri, port), env=_environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    messages = threading.Thread(target=_pass_on, args=(server,), daemon=True)
    messages.start()
    try:
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        address = f"http://{HOST}:{port}"
        if _answers(address, server):
            _show("All runs", f"{address}/{START}", no_browser)
        code = server.wait()
    except KeyboardInterrupt:
        code = 0
    finally:
        _end(server)
        messages.join(MESSAGES_TIMEOUT_S)
    if code not in (0, -signal.SIGTERM):
        raise UserErrorException(
            f"MLflow's server ended with exit code {code}; what it wrote above says why."
        )


def _check_free(port: str) -> None:
    with socket.socket() as probe:
        if sys.platform != "win32":  # there it allows ports that other programs listen on
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(port)))
        except OSError as error:
            raise UserErrorException(
                f"Port {port} cannot be used ({error.strerror}); choose another one with --port."
            ) from None


def _command(uri: str, port: str) -> list[str]:
    """Return the command that starts MLflow's server on a database or a folder."""
    # Imported here, since every command of the CLI loads this module.
    from amlflow.core.project.tracking_uri import local_folders

    command = [
        sys.executable, "-m", "mlflow", "server", "--app-name", "amlflow", "--host", HOST,
        "--port", port, "--workers", WORKERS, "--backend-store-uri", uri,
        "--uvicorn-opts", "--log-level warning",
    ]  # fmt: skip
    if uri.startswith("sqlite") and (folders := local_folders(uri)):
        # Runs created in the page keep their files in the same folder as runs created without it.
        root = str(Path(folders[0]) / "mlruns")
        command += ["--default-artifact-root", root, "--no-serve-artifacts"]
    return command


def _environment() -> dict[str, str]:
    return {
        # Without this, MLflow's server starts a dozen processes for jobs, which are not used here.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # Without these two, it logs each step of its start and warnings of its own imports.
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "PYTHONWARNINGS": "ignore:starlette.middleware.wsgi is deprecated",
        **os.environ,
    }


def _pass_on(server: subprocess.Popen[bytes]) -> None:
    """Copy the server's warnings to stderr, until it has ended."""
    for line in server.stderr or ():
        if not line.startswith(NO_WARNING):
            sys.stderr.buffer.write(line)
            sys.stderr.flush()


def _answers(address: str, server: subprocess.Popen[bytes]) -> bool:
    """Wait until the server answers. Returns False if it has ended."""
    # Imported here, since every command of the CLI loads this module, and it takes long.
    import urllib.request

    deadline = time.monotonic() + START_TIMEOUT_S
    while server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):  # noqa: S310
                return True
        except OSError:
            if time.monotonic() > deadline:
                raise UserErrorException(
                    f"MLflow's server does not answer at {address} after {START_TIMEOUT_S} s."
                ) from None
            time.sleep(0.1)
    return False


def _end(server: subprocess.Popen[bytes]) -> None:
    """End MLflow's command and the server with its workers, which are processes below it.

    The command tells them to end. On Windows it cannot: it is ended at once, and they go on.
    """
    # Imported here, since every command of the CLI loads this module.
    import psutil

    try:
        below = psutil.Process(server.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        below = []
    server.terminate()
    server.wait()
    for process in psutil.wait_procs(below, END_TIMEOUT_S)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _show_server(address: str, no_browser: bool) -> None:
    """Show the studio of a server, or the server's own page if it may have none."""
    # Imported here, since every command of the CLI loads this module, and it takes long.
    from amlflow_page.probe import doubt_of_studio

    doubt = doubt_of_studio(address)
    if doubt is None:
        _show("All runs", f"{address}/{START}", no_browser).join()
        return
    print(doubt, file=sys.stderr)
    _show("MLflow's page", f"{address}/", no_browser).join()


def _show(what: str, address: str, no_browser: bool) -> threading.Thread:
    """Print the address, and open it in a browser unless ``no_browser``. Returns the thread.

    A thread opens the browser, since the call returns only when some browsers are closed.
    """
    # Imported here, since every command of the CLI loads this module.
    import webbrowser

    print(f"{what}: {address}", flush=True)
    opening = threading.Thread(
        target=(lambda: None) if no_browser else lambda: webbrowser.open(address), daemon=True
    )
    opening.start()
    return opening
