"""MLflow's stores, read and written without importing MLflow."""
