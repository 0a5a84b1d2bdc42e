"""v1's ``azureml.widgets``: a run shown while it goes on."""
