"""v1's ``azureml.pipeline``: its names raise an error when they are used."""

from amlflow.dropin import stand_aside as _stand_aside

_stand_aside(__name__)
