"""``amlflow plugins new``: the files of a plugin that passes the contract's tests."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template
from typing import Any

from amlflow.cli.errors import WrongUsage
from amlflow.exceptions import UserErrorException

SKELETON = Path(__file__).with_name("skeleton")
FILES = {
    "pyproject.toml": "pyproject.toml.in",
    "README.md": "README.md.in",
    "amlflow_$name/__init__.py": "plugin.py.in",
    "amlflow_$name/tracker.py": "tracker.py.in",
    "amlflow_$name/compute.py": "compute.py.in",
    "tests/test_$name.py": "test_plugin.py.in",
}
"""Each file of a plugin's folder, and what it is made from."""


def write_plugin(name: str) -> dict[str, Any]:
    """Write a plugin's folder to the working folder; its path and files are returned.

    Raises:
        UserErrorException: the name cannot be a module's, or the folder is there already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) or keyword.iskeyword(name):
        raise WrongUsage(
            f"{name!r} is not a name for a plugin: it is a lowercase letter, then up to 39 "
            "lowercase letters, digits and '_', such as 'ledger'."
        )
    folder = Path(f"amlflow-{name.replace('_', '-')}")
    values = {"name": name, "cls": "".join(part.capitalize() for part in name.split("_"))}
    try:
        folder.mkdir()
    except FileExistsError:
        raise UserErrorException(
            f"{str(folder)!r} is here already, and is not overwritten; choose another name or "
            "another folder."
        ) from None
    names = []
    for target, source in FILES.items():
        path = folder / Template(target).substitute(values)
        path.parent.mkdir(exist_ok=True)
        text = (SKELETON / source).read_text(encoding="utf-8")
        path.write_text(Template(text).substitute(values), encoding="utf-8")
        names.append(path.relative_to(folder).as_posix())
    return {"folder": str(folder), "files": names, "next": f"python -m pytest {folder}"}
