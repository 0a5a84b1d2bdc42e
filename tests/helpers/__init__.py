"""Helpers that several tests share: servers, processes, trackers that fail on demand."""
