"""20,000 runs in an MLflow database, written as MLflow would, in a second."""

from __future__ import annotations

import sqlite3
from pathlib import Path

RUNS = 20_000
MATCHING = 20
START = 1_700_000_000_000
EXPERIMENT = "many"


def fill(path: Path, runs: int = RUNS) -> None:
    """Add an experiment of ``runs`` root runs to MLflow's database at ``path``.

    Every run has an author and five tags; every tenth is the user's, and ``MATCHING`` of those
    have the tag ``quality`` of the guide's third query and the key of its second.
    """
    database = sqlite3.connect(path)
    with database:
        identity = database.execute(
            "insert into experiments (name, artifact_location, lifecycle_stage, creation_time,"
            " last_update_time, workspace) values (?, ?, 'active', ?, ?, 'default')",
            (EXPERIMENT, str(path.parent / "artifacts"), START, START),
        ).lastrowid
        rows, params, tags = [], [], []
        for place in range(runs):
            run_id = f"{place:032x}"
            rows.append(
                (run_id, f"run-{place}", "LOCAL", "", "", "", "somebody", "FINISHED",
                 START + place * 1000, START + place * 1000 + 500, "", "active", "", identity)
            )  # fmt: skip
            mine = place % max(1, runs // MATCHING // 10) == 0
            author = "azureml-user" if mine else f"author-{place % 50}"
            params.append(("property.author", author, run_id))
            matching = place % (runs // MATCHING) == 0
            quality = "fantastic run" if matching else ("great run", "poor run")[place % 2]
            tags += [
                ("quality", quality, run_id),
                ("stage", f"stage {place % 7}", run_id),
                ("mlflow.user", "somebody", run_id),
                ("mlflow.source.name", "train.py", run_id),
                ("mlflow.runName", f"run-{place}", run_id),
            ]
            if matching:
                tags.append(("worth another look", "", run_id))
        database.executemany(
            "insert into runs (run_uuid, name, source_type, source_name, entry_point_name,"
            " source_version, user_id, status, start_time, end_time, artifact_uri,"
            " lifecycle_stage, deleted_time, experiment_id)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''), ?)",
            rows,
        )
        database.executemany("insert into params (key, value, run_uuid) values (?, ?, ?)", params)
        database.executemany("insert into tags (key, value, run_uuid) values (?, ?, ?)", tags)
    database.close()


def add_losses(path: Path) -> None:
    """Add a last value of the metric ``loss`` to every run of the database at ``path``."""
    database = sqlite3.connect(path)
    with database:
        for table in ("metrics", "latest_metrics"):
            database.execute(
                f"insert into {table} (key, value, timestamp, step, is_nan, run_uuid)"
                " select 'loss', (rowid * 7919) % 10007 / 10007.0, start_time, 0, 0, run_uuid"
                " from runs"
            )
    database.close()


def copy_to(uri: str, path: Path) -> None:
    """Copy the runs of a database that :func:`fill` has filled to another of MLflow's."""
    import sqlalchemy

    source = sqlite3.connect(path)
    engine = sqlalchemy.create_engine(uri)
    with engine.begin() as target:
        for table, condition in (("experiments", f"name = '{EXPERIMENT}'"), ("runs", "1 = 1"),
                                 ("tags", "1 = 1"), ("params", "1 = 1"),
                                 ("metrics", "1 = 1"), ("latest_metrics", "1 = 1")):  # fmt: skip
            found = source.execute(f"select * from {table} where {condition}")
            names = [each[0] for each in found.description]
            rows = [dict(zip(names, row, strict=True)) for row in found]
            for row in rows if "is_nan" in names else ():
                row["is_nan"] = bool(row["is_nan"])
            if not rows:
                continue
            among = ", ".join(f":{each}" for each in names)
            target.execute(
                sqlalchemy.text(f"insert into {table} ({', '.join(names)}) values ({among})"),
                rows,
            )
        # PostgreSQL does so by itself, within a minute after so many runs have come.
        target.execute(sqlalchemy.text("ANALYZE"))
    engine.dispose()
    source.close()
