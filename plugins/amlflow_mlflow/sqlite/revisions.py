"""The schemas of MLflow's database that are known here, by their alembic revisions.

MLflow notes the revision of a database in its table ``alembic_version``. In all revisions of
:data:`KNOWN`, the tables that this package uses have the columns that it reads and writes. For a
database with a newer revision, MLflow's own store is used. To add a revision here, first run
``tests/integration/test_sqlite_store.py`` with that MLflow.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

HEADS = {
    "2.9": "acf3f17fdcc7",
    "2.22": "0584bdc529eb",
    "3.1": "6953534de441",
    "3.9": "d3e4f5a6b7c8",
    "3.17": "dc11669786a5",
    "3.18": "f4a9b2c7d1e6",
}
"""The revisions of some of MLflow's releases: the oldest, the newest, and some between them."""
KNOWN = (
    "acf3f17fdcc7", "867495a8f9d4", "5b0e9adcef9c", "4465047574b1", "f5a4f2784254",
    "0584bdc529eb", "400f98739977", "6953534de441", "bda7b8c39065", "cbc13b556ace",
    "770bee3ae1dd", "a1b2c3d4e5f6", "de4033877273", "1a0cddfcaa16", "534353b11cbc",
    "71994744cf8e", "3da73c924c2f", "bf29a5ff90ea", "1bd49d398cd23", "b7c8d9e0f1a2",
    "5d2d30f0abce", "c9d4e5f6a7b8", "2c33131f4dae", "d3e4f5a6b7c8", "d0e1f2a3b4c5",
    "c8d9e0f1a2b3", "1b5f0d9ad7c1", "e1f2a3b4c5d6", "76601a5f987d", "c3d6457b6d8a",
    "a5b4c3d2e1f0", "ae8bbe7743c9", "7d34483879f0", "da6fb0208061", "89d3d66ed43f",
    "b7e4c1a90f23", "a8b9c0d1e2f3", "c1d2e3f4a5b6", "c3d9e7f1a2b4", "6f8d9c3b2a1e",
    "1971f2d9a75b", "17e22815139b", "b7e2c1a4d9f3", "75868b020152", "dc11669786a5",
    "e7d1f4b2a9c6", "8b6ad64cb8f5", "f4a9b2c7d1e6",
)  # fmt: skip
"""The revisions from MLflow 2.9 on, oldest first."""
SCHEMA = "dc11669786a5"
"""The revision of ``schema.sql``, which :mod:`amlflow_mlflow.sqlite.new_database` makes."""
RELEASED = 67
"""How many revisions MLflow has up to SCHEMA, including those before 2.9."""
WORKSPACES = "1b5f0d9ad7c1"
"""From this revision on, experiments have a workspace."""
ASSESSMENTS = "770bee3ae1dd"
"""From this revision on, MLflow has assessments. It deletes them with the run that made them."""


def has(revision: str, since: str) -> bool:
    """Whether a known revision is ``since`` or newer."""
    return KNOWN.index(revision) >= KNOWN.index(since)


def is_schema_installed() -> bool:
    """Whether a new database may have the revision SCHEMA.

    MLflow refuses a database that is older or newer than itself. So if an MLflow with another
    schema is installed, that MLflow has to make the database. This is found out from the names of
    its migration files, without an import.
    """
    package = find_spec("mlflow")
    if package is None or package.origin is None or find_spec("sqlalchemy") is None:
        return True  # MLflow is not installed, or not with its databases
    folder = Path(package.origin).parent / "store" / "db_migrations" / "versions"
    names = {path.name.partition("_")[0] for path in folder.glob("*_*.py")} - {""}
    return not names or (SCHEMA in names and len(names) == RELEASED)
