"""amlflow's client of an MLflow server, over MLflow's documented REST API.

Nothing here imports MLflow, since that takes seconds and half a gigabyte. Packages that add headers
or authentication to MLflow's client (``mlflow.request_header_provider``,
``mlflow.request_auth_provider``) are used if they are installed.
"""
