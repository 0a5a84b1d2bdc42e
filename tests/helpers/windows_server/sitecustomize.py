"""Makes each Python that finds this file behave like Windows once it imports the studio.

MLflow is imported before that, since it chooses its own ways for each system on import. The file
``WINDOWS_PROCESSES`` gets the ids of these processes.
"""

import importlib.abc
import os
import sys
from typing import Any

STUDIO = "amlflow_page"


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        if name != STUDIO:
            return
        sys.meta_path.remove(self)
        import uvicorn.supervisors  # noqa: F401

        for each in [each for each in sys.modules if each.partition(".")[0].startswith("amlflow")]:
            del sys.modules[each]
        from helpers import windows_stand_in

        windows_stand_in.install()
        with open(os.environ["WINDOWS_PROCESSES"], "a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")


if os.environ.get("WINDOWS_STARTS") != "now":  # amlflow's own command begins so itself
    sys.meta_path.insert(0, _Finder())
