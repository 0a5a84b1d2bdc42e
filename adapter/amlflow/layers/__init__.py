"""Layers: each is a tracker around a tracker, and adds a feature that the inner one lacks."""
