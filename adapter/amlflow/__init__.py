"""amlflow runs code for the Azure ML SDK v1 on the tracker that a team already has."""

__version__ = "0.1.0"
