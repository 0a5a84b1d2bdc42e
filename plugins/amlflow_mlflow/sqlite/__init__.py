"""MLflow's default database, a file of SQLite, read and written without MLflow.

``import mlflow`` and its database store take seconds, which a command that lists runs would spend
for a few rows. The rows are those that MLflow itself reads and writes, so its page, its client and
this package work on one database. Only schemas that are known are used
(:mod:`amlflow_mlflow.sqlite.revisions`); any other database is left to MLflow.
"""
