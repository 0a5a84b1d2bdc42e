"""The agent: the process that runs one job."""
