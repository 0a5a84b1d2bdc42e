"""Jobs of clusters: passes them to a cluster, and updates a run's status by the job's state."""
