"""The v1 facade: v1's classes, results and errors, on whatever tracker is configured.

``azureml.core`` re-exports the public names of these modules.
"""
