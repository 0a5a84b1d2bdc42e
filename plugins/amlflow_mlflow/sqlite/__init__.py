"""MLflow's default database, a file of SQLite, read and written without MLflow.

``import mlflow`` and its database store take seconds, which is long for a command that lists a few
runs. The rows are those that MLflow itself reads and writes, so MLflow's page, MLflow's client and
this package can use one database. This package opens databases with the schemas that it knows
(:mod:`amlflow_mlflow.sqlite.revisions`); for any other one, MLflow is used.
"""
