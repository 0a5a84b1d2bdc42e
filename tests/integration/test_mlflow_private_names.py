"""The private names of MLflow that amlflow uses exist in each MLflow that it supports."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from amlflow_mlflow_private import NAMES
from helpers import tools
from knack import log

ROOT = Path(__file__).parents[2]
OLDEST = re.search(r'"mlflow>=([0-9.]+),', (ROOT / "pyproject.toml").read_text())

LOOK_UP = """
import importlib, json, operator, sys
gone = []
for name in json.loads(sys.argv[1]):
    path, _, value = name.partition("=")
    module, _, attribute = path.partition(":")
    try:
        found = operator.attrgetter(attribute)(importlib.import_module(module))
    except (ImportError, AttributeError) as error:
        gone.append(f"{name}: {error}")
    else:
        if value and found != value:
            gone.append(f"{name}: it is {found!r}")
print(json.dumps(gone))
"""


def gone_in(python: str, names: list[str], folder: Path) -> list[str]:
    """Those of the names that the MLflow of a Python lacks."""
    settings = {
        # The module of MLflow's users reads these when it is imported.
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "key",
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "HOME": str(folder),
        "PATH": "/usr/bin:/bin",
    }
    (folder / "auth.ini").write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{folder}/users.db\n"
        "admin_username = admin\nadmin_password = password1234\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    answer = subprocess.run(
        [python, "-c", LOOK_UP, json.dumps(names)],
        cwd=folder,
        env=settings,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    gone: list[str] = json.loads(answer.stdout.splitlines()[-1])
    return gone


def test_the_installed_mlflow_has_them_and_a_name_that_is_gone_is_named(tmp_path: Path) -> None:
    wrong = ["mlflow.exceptions:_no_such_name", "mlflow.environment_variables:MLFLOW_RUN_ID.name=x"]
    first, second = gone_in(sys.executable, [*NAMES, *wrong], tmp_path)
    assert "_no_such_name" in first
    assert "MLFLOW_RUN_ID" in second


@pytest.mark.slow
def test_the_oldest_mlflow_has_them(tmp_path: Path) -> None:
    assert OLDEST is not None
    venv = tmp_path / "venv"
    packages = f"mlflow[auth]=={OLDEST[1]}"
    uv = tools.find("uv") or tools.lack("uv (pip install uv)")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(venv)], check=True)
    subprocess.run(
        [uv, "pip", "install", "-q", "--python", str(venv / "bin/python"), packages], check=True
    )
    assert gone_in(str(venv / "bin/python"), NAMES, tmp_path) == []


def test_the_log_handler_of_the_cli_is_there() -> None:
    assert log._CustomStreamHandler


@pytest.mark.parametrize(
    "path",
    sorted(
        path
        for plugin in ("amlflow_mlflow", "amlflow_page")
        for path in (ROOT / "plugins" / plugin).rglob("*.py")
    ),
    ids=lambda path: path.relative_to(ROOT / "plugins").as_posix(),
)
def test_no_other_file_has_a_private_name_of_mlflow_that_is_not_listed(path: Path) -> None:
    """A class that inherits from MLflow's may override a private name; it is listed, too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    listed = {re.split(r"[:.]", name.partition("=")[0])[-1] for name in NAMES}
    own = {
        getattr(node, "name", None) or getattr(node, "id", None) or getattr(node, "attr", None)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        or (isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store))
    }
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mlflow")
        for alias in node.names
    }
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) != "os._exit"
    }
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not [name for name in imported if name.startswith("_")]
    assert not [text for text in texts if re.fullmatch("_MLFLOW_[A-Z_]+", text)]
    foreign = {name for name in used if re.match("_[A-Za-z]", name)} - own
    assert foreign <= listed
