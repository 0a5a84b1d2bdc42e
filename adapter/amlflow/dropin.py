"""Makes ``import azureml.core`` find amlflow if Python does not read amlflow's ``.pth`` file.

In an ordinary installation, you do not need this module, because the ``.pth`` file does the same.
After ``pip install --target``, and in a zip application, write ``import amlflow.dropin``. The
folder becomes the last one in ``sys.path``, so that a real azureml-core is found first.
"""

from __future__ import annotations

import os
import sys
from pkgutil import get_importer

# The first name is that in an installation, and the second one that in a checkout.
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
    """Check that ``azureml.core`` is amlflow's. A module of the drop-in, ``name``, calls this.

    Modules of amlflow and of the real SDK do not work together: they have different classes, so an
    ``except`` clause would not catch the other's exceptions.

    Raises:
        ImportError: another package's ``azureml.core`` is found first.
    """
    import azureml  # the package to check; amlflow itself does not need it

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
