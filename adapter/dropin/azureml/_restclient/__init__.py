"""The names of v1's ``azureml._restclient`` that scripts import."""

from amlflow.dropin import stand_aside as _stand_aside

_stand_aside(__name__)
