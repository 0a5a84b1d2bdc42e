"""v1's ``azureml.train``: its estimators. Sweeps and automated ML raise an error when used."""

from amlflow.dropin import stand_aside as _stand_aside

_stand_aside(__name__)
