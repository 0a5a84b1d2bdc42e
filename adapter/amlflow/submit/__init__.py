"""Source folders and, on top of them, scripts that run elsewhere."""
