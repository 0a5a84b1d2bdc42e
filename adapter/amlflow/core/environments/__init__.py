"""The environments that a workspace keeps, and those that amlflow has ready."""
