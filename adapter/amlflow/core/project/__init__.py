"""What a project's folder says: its workspace, tracking URI and git state."""
