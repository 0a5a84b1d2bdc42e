"""Accounts and qualities of service of the tests' Slurm: slurmdbd, and MariaDB below it.

Slurm has limits of users and accounts only with them.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from helpers.servers import free_port
from helpers.tools import need

NONE = "AccountingStorageType=accounting_storage/none"
"""The line of slurm.conf for a Slurm without accounts."""
_CONF = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={folder}/run/munge.socket
AccountingStorageEnforce=limits,qos
"""
_DATABASE_CONF = """\
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.socket
DbdHost=localhost
DbdPort={port}
SlurmUser=root
LogFile={folder}/slurmdbd.log
PidFile={folder}/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database_port}
StorageUser=slurm
StoragePass={password}
StorageLoc=accounts
"""
_FIRST = """\
CREATE DATABASE IF NOT EXISTS accounts;
CREATE USER IF NOT EXISTS 'slurm'@'127.0.0.1' IDENTIFIED BY '{password}';
GRANT ALL ON accounts.* TO 'slurm'@'127.0.0.1';
"""


def prepare(folder: Path) -> str:
    """Make an empty database below a folder. Returns the lines of slurm.conf for it."""
    for program in ("slurmdbd", "mariadbd"):
        need(program)
    port, database_port, password = free_port(), free_port(), secrets.token_hex(16)
    install = [need("mariadb-install-db"), "--no-defaults", "--user=root", "--skip-name-resolve"]
    subprocess.run([*install, f"--datadir={folder}/data"], check=True, capture_output=True)
    (folder / "first.sql").write_text(_FIRST.format(password=password))
    conf = folder / "slurmdbd.conf"
    conf.touch(0o600)  # slurmdbd wants it to be closed to others
    conf.write_text(
        _DATABASE_CONF.format(
            folder=folder, port=port, database_port=database_port, password=password
        )
    )
    return _CONF.format(folder=folder, port=port)


def commands(folder: Path) -> dict[str, list[str]]:
    """Return the command that starts each daemon, by its name. None without :func:`prepare`."""
    ports = _ports(folder)
    if not ports:
        return {}
    mariadbd = [
        need("mariadbd"), "--no-defaults", "--user=root", f"--datadir={folder}/data",
        f"--socket={folder}/run/mariadb.socket", "--bind-address=127.0.0.1",
        f"--port={ports['mariadbd']}", f"--init-file={folder}/first.sql",
        f"--pid-file={folder}/run/mariadbd.pid",
    ]  # fmt: skip
    return {"mariadbd": mariadbd, "slurmdbd": [need("slurmdbd"), "-D"]}


def _ports(folder: Path) -> dict[str, int]:
    conf = folder / "slurmdbd.conf"
    lines = conf.read_text().splitlines() if conf.exists() else []
    values = dict(line.split("=", 1) for line in lines)
    names = {"mariadbd": "StoragePort", "slurmdbd": "DbdPort"}
    return {name: int(values[key]) for name, key in names.items() if key in values}


def wait_until_up(folder: Path, name: str) -> None:
    """Wait until a daemon of these answers, since the next one ends if it does not."""
    port = _ports(folder).get(name)
    deadline = time.monotonic() + 60
    while port is not None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit(f"{name} does not answer.") from None
            time.sleep(0.05)
        else:
            return


def manage(environ: Mapping[str, str], *words: str) -> None:
    """Change accounts by Slurm's command sacctmgr."""
    command = [need("sacctmgr"), "--immediate", *words]
    subprocess.run(command, env=environ, check=True, capture_output=True)
