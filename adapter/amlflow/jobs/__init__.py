"""Jobs: submitted scripts, from the snapshot to the end of the run."""
