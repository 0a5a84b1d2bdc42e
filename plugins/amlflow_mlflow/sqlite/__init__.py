"""MLflow's default database, a file of SQLite, read and written without MLflow.

``import mlflow`` and its database store take seconds, which is too long for a command that lists a
few runs. The rows are the same that MLflow itself reads and writes. So MLflow's page, MLflow's
client and this package can use the same database. This package only opens databases with schemas
that it knows (:mod:`amlflow_mlflow.sqlite.revisions`). For other databases, MLflow is used.
"""
