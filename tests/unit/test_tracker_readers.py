"""SECURITY.md lists every module that reads what a tracker returns, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

import pytest
from helpers.sources import ROOT, name_of, nodes_of, python_files, text_of

pytestmark = pytest.mark.xdist_group("sources")  # one process parses all files

OWNERS = re.compile(r"^(adapter/amlflow|plugins)/")
PARSERS = {"amlflow.tracker_data", "amlflow.tracker_notes", "amlflow.local_paths"}
ANSWERS = {"amlflow_mlflow.answers", "amlflow_mlflow.rest.messages"}
DECODERS = {
    "json.loads", "json.load", "yaml.safe_load", "yaml.load", "zipfile.ZipFile",
    "datetime.fromisoformat", "base64.b64decode", "pickle.load", "pickle.loads", "ast.literal_eval",
    "csv.reader", "email.utils.parsedate_to_datetime", "unpack.open_archive", "open_archive",
}  # fmt: skip
FETCHES = {"execute", "fetchone", "fetchall", "select"}
"""Methods of a connection to a database."""


def last_words(names: set[str]) -> str:
    return "|".join(sorted(name.rpartition(".")[2] for name in names))


WORDS = re.compile(
    rf"\b(?:(?:{last_words(PARSERS | ANSWERS)})\b|(?:{last_words(DECODERS | FETCHES)})\()"
)
"""Each module that reads has one of these in its text. The others are not parsed."""
PASSED_ON = {"show_value", "leave_out", "log_once"}
"""What shows a value and reads nothing."""
LEFT_OUT = re.compile(
    r"amlflow/(testing|old_pythons/client)/|/(tracker_data|tracker_notes|local_paths)\.py$"
)
"""What is for tests, or what another Python runs; and the parsers themselves."""
SECTION = "## What reads a tracker's data, and what checks it"
MODULE = re.compile(r"`((?!tests/)[\w/]+\.py)`")


def reads(nodes: Iterable[ast.AST]) -> bool:
    """Whether a module decodes texts, reads a database, or calls what parses a tracker's data."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            names = {name.name for name in node.names}
            if "LocalPaths" in names:
                return True
            names = {name for name in names if name[0].islower()} - PASSED_ON
            if names and (node.module in PARSERS or node.module in ANSWERS):
                return True
            if any(f"{node.module}.{name}" in ANSWERS for name in names):
                return True
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, (ast.Attribute, ast.Name)) and ast.unparse(called) in DECODERS:
            return True
        if isinstance(called, ast.Attribute) and called.attr in FETCHES:
            return True
    return False


def readers() -> set[str]:
    """The modules that read, by their paths below ``adapter/amlflow`` or ``plugins``."""
    return {
        OWNERS.sub("", name_of(path))
        for path in python_files()
        if OWNERS.match(name_of(path))
        and not LEFT_OUT.search(path.as_posix())
        and WORDS.search(text_of(path))
        and reads(nodes_of(path))
    }


def section() -> str:
    text = (ROOT / "SECURITY.md").read_text()
    return text[text.index(SECTION) :]


def test_each_reader_is_in_the_list() -> None:
    listed = MODULE.findall(section())
    assert sorted(set(listed)) == sorted(listed), "a module is listed twice"
    modules = readers()
    assert sorted(modules - set(listed)) == [], "add them to the list in SECURITY.md"
    assert sorted(set(listed) - modules) == [], "take them from the list in SECURITY.md"


def test_what_reads_a_trackers_data_names_what_checks_it() -> None:
    rows = [line.split("|") for line in section().splitlines() if line.startswith("| ")]
    rows = [row for row in rows if "---" not in row[1]][1:]
    assert len(rows) > 10
    for _, what, modules, checks, _ in rows:
        assert MODULE.search(modules), what
        assert checks.strip(), what


@pytest.mark.parametrize(
    "source",
    [
        "import json\njson.loads(x)", "from amlflow.tracker_data import parse",
        "from amlflow.tracker_notes import parse_job", "connection.execute('SELECT 1')",
        "from amlflow_mlflow.rest import messages", "from datetime import datetime\n"
        "datetime.fromisoformat(x)", "from amlflow.local_paths import LocalPaths",
        "open_archive(x)",
    ],
)  # fmt: skip
def test_what_counts_as_a_reader(source: str) -> None:
    assert reads(ast.walk(ast.parse(source)))
    source = "from amlflow.tracker_data import MAX_NOTE, show_value\nshow_value(1)"
    assert not reads(ast.walk(ast.parse(source)))
