"""Datastores and data sets below the facade: addresses, definitions, reading, and transfer."""
