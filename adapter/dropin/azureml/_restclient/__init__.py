"""The part of v1's ``azureml._restclient`` that scripts import."""
