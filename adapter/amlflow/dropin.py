"""Makes ``import azureml.core`` find amlflow where no ``.pth`` file is read.

An ordinary installation needs no import of this: its ``.pth`` file does the same. For
``pip install --target`` and zip applications: ``import amlflow.dropin``. The path comes last, so
a real azureml-core wins.
"""

from __future__ import annotations

import os
import sys
from pkgutil import get_importer

# In an installation the folder carries amlflow's name; in a checkout it is beside the package.
_FOLDERS = ("amlflow_dropin", "dropin")


def _holds(folder: str, name: str) -> bool:
    """Whether a folder, or a folder in a zip file, holds a package."""
    importer = get_importer(folder)
    return importer is not None and importer.find_spec(name, None) is not None


def _find_folder() -> str | None:
    here = os.path.dirname(os.path.dirname(__file__))
    folders = [os.path.join(here, name) for name in _FOLDERS]
    return next((folder for folder in folders if _holds(folder, "azureml")), None)


def stand_aside(name: str) -> None:
    """Refuse to be imported beside an ``azureml.core`` that is not amlflow's.

    Two halves of different origin do not fit: ``except`` would never catch.

    Raises:
        ImportError: another package's ``azureml.core`` comes first.
    """
    import azureml  # the one that this looks at; amlflow itself does without it

    first = next((folder for folder in azureml.__path__ if _holds(folder, "core")), None)
    own = os.path.dirname(os.path.dirname(sys.modules[name].__file__ or ""))
    if first is not None and os.path.normpath(first) != os.path.normpath(own):
        raise ImportError(
            f"{name} is amlflow's, and the azureml.core that is found first is not: it is in "
            f"{first}. Uninstall one of the two; amlflow steps aside.",
            name=name,
        )


_path = _find_folder()
if _path is not None and _path not in sys.path:
    sys.path.append(_path)
