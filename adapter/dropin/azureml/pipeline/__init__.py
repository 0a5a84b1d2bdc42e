"""v1's ``azureml.pipeline``: its names refuse where they are used."""

from amlflow.dropin import stand_aside

stand_aside(__name__)
