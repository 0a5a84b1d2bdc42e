"""The v1 facade: v1's words, shapes and errors over whatever tracker is configured.

``azureml.core`` re-exports the public names of these modules.
"""
