"""Jobs of clusters: how they get what they need, and what a look makes of their state."""
