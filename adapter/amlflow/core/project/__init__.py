"""Reads a project's folder: its workspace, tracking URI and git state."""
