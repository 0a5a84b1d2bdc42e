# Types for store.py. A stub is read by type checkers and editors only: as Python imports, these two
# would be a circle, since workspace.py and experiment.py import store.py.

from amlflow.core.experiment import Experiment as Experiment
from amlflow.core.workspace import Workspace as Workspace
