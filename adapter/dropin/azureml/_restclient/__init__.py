"""The part of v1's ``azureml._restclient`` that scripts import."""

from amlflow.dropin import stand_aside

stand_aside(__name__)
