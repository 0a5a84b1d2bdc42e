"""The studio: MLflow's server and page with what v1's studio has and they lack."""
