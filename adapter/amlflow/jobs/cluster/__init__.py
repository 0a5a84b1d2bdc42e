"""Jobs of clusters: what they get from the submitter, and how a run's status follows the job's."""
