"""Names and members of v1 that amlflow does not have. Each error names the nearest alternative."""
