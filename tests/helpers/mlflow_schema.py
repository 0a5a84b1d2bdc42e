"""Writes the database schema of the installed MLflow, which amlflow's own sqlite store creates."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from amlflow_mlflow.sqlite.new_database import SEPARATOR

SCHEMA = Path(__file__).parents[2] / "plugins" / "amlflow_mlflow" / "sqlite" / "schema.sql"


def main() -> None:
    """Let MLflow create a temporary database, and write the statements that created its tables."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mlflow.db"
        upgrade = [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{path}"]
        subprocess.run(upgrade, check=True)
        with sqlite3.connect(path) as connection:
            statements = connection.execute(
                "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
            ).fetchall()
    text = SEPARATOR.join(statement for (statement,) in statements)
    lines = [line.rstrip() for line in text.splitlines()]
    SCHEMA.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
