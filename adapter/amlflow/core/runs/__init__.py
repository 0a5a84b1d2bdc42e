"""A run: v1's class, in one file for each part of it."""
