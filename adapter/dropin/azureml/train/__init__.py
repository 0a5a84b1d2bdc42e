"""v1's ``azureml.train``: its estimators. Sweeps and automated ML refuse where they are used."""

from amlflow.dropin import stand_aside

stand_aside(__name__)
