"""Makes ``import azureml.core`` find amlflow where no ``.pth`` file is read.

An ordinary installation needs no import of this: its ``.pth`` file does the same. For
``pip install --target`` and zip applications: ``import amlflow.dropin``. The path comes last, so
a real azureml-core wins.
"""

from __future__ import annotations

import os
import sys

_here = os.path.dirname(os.path.dirname(__file__))
# In an installation the folder carries amlflow's name; in a checkout it is beside the package.
for _name in ("amlflow_dropin", "dropin"):
    _path = os.path.join(_here, _name)
    if os.path.isdir(os.path.join(_path, "azureml")) and _path not in sys.path:
        sys.path.append(_path)
        break
