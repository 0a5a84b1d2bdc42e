"""v1's ``azureml.train``: its estimators. Sweeps and automated ML refuse where they are used."""

from amlflow.dropin import stand_aside as _stand_aside

_stand_aside(__name__)
