"""Compute targets: those that are declared, and v1's class for one."""
