"""v1's datastores and data sets."""
