"""``python -m amlflow``: the command line, or a script that uses v1's SDK.

``python -m amlflow train.py …`` runs a script as ``python train.py …`` does. It also works where
Python does not read ``.pth`` files: after ``pip install --target``, and in a zip application.
"""

from __future__ import annotations

import os
import sys


def is_script(arguments: list[str]) -> bool:
    """Whether the first argument is a Python file, and not a command."""
    return bool(arguments) and arguments[0].endswith((".py", ".pyw"))


def run_script(arguments: list[str]) -> None:
    """Run a script as ``__main__``, with its arguments and its folder on the path."""
    # Only a script needs these modules. The second one makes azureml.core importable.
    import runpy

    import amlflow.dropin  # noqa: F401

    sys.argv[:] = arguments
    if not getattr(sys.flags, "safe_path", False):  # set by python -P
        folder = os.path.dirname(os.path.realpath(arguments[0]))
        if sys.path[0] in ("", os.getcwd()):  # `python -m` has put it there
            sys.path[0] = folder
        else:  # a zip application needs its own entry at the beginning
            sys.path.insert(0, folder)
    runpy.run_path(arguments[0], run_name="__main__")


def main(arguments: list[str] | None = None) -> int:
    """Run a script or a command, and return the exit code.

    The default for ``arguments`` is those of the process. A zip application calls it like this.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if is_script(arguments):
        if not os.path.isfile(arguments[0]):
            print(f"ERROR: The script {arguments[0]!r} does not exist.", file=sys.stderr)
            return 3
        run_script(arguments)
        return 0
    # Only a command needs this module.
    from amlflow.cli import main as run_command

    return run_command(arguments)


if __name__ == "__main__":
    sys.exit(main())
