"""The registered environments of a workspace, and the curated ones."""
