"""``amlflow plugins new``: writes the files of a plugin that passes the contract's tests."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template
from typing import Any

from amlflow.exceptions import UserErrorException, WrongUsage

SKELETON = Path(__file__).with_name("skeleton")
FILES = {
    "pyproject.toml": "pyproject.toml.in",
    "README.md": "README.md.in",
    "amlflow_$name/__init__.py": "plugin.py.in",
    "amlflow_$name/tracker.py": "tracker.py.in",
    "amlflow_$name/compute.py": "compute.py.in",
    "tests/test_$name.py": "test_plugin.py.in",
}
"""The files of a plugin's folder, and their templates."""


def write_plugin(name: str) -> dict[str, Any]:
    """Write a plugin's folder below the working folder, and return its path and files.

    Raises:
        UserErrorException: the name is not valid for a module, or the folder exists already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) or keyword.iskeyword(name):
        raise WrongUsage(
            f"{name!r} is not a valid name for a plugin: use a lowercase letter, and then up to 39 "
            "lowercase letters, digits and '_', such as 'ledger'."
        )
    folder = Path(f"amlflow-{name.replace('_', '-')}")
    values = {"name": name, "cls": "".join(part.capitalize() for part in name.split("_"))}
    try:
        folder.mkdir()
    except FileExistsError:
        raise UserErrorException(
            f"{str(folder)!r} exists already and is not overwritten. Choose another name or "
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
