"""amlflow: code written for the Azure ML SDK v1, running on the tracker a team already has."""

__version__ = "0.1.0"
