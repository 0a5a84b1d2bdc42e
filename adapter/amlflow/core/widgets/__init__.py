"""v1's ``azureml.widgets``: shows a run in a notebook while it goes on."""
