"""The v1 facade: v1's classes, results and errors, on top of the configured tracker.

``azureml.core`` re-exports the public names of these modules.
"""
