"""README.md and docs/: a test executes each block by its name, and each link leads somewhere."""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

import pytest
from blocks import EXECUTED, PAGES, PROJECT, Block, all_blocks, block, read_blocks


@cache
def names_executed() -> frozenset[str]:
    """The names that a test, or CI for the block that runs the tests, passes to ``block``."""
    names = set(re.findall(r"block ([a-z][a-z0-9-]*)", (PROJECT / ".ci" / "run").read_text()))
    for path in files_of_tests():
        text = path.read_text(encoding="utf-8")
        if "block(" not in text:  # parsing all tests takes seconds
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "block":
                names |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    return frozenset(names)


def files_of_tests() -> Iterator[Path]:
    for folder, folders, files in os.walk(PROJECT / "tests"):
        folders[:] = [name for name in folders if name != "node_modules"]
        for name in files:
            if re.match(r"(test_|conftest).*\.py$", name) and name != Path(__file__).name:
                yield Path(folder, name)


def not_executed(blocks: list[Block], executed: Collection[str]) -> list[str]:
    """The blocks that have no name, or a name that no test executes."""
    return [str(each) for each in blocks if each.language in EXECUTED and each.name not in executed]


def test_every_block_is_named_and_executed_by_a_test() -> None:
    assert not_executed(all_blocks(), names_executed()) == []


def test_every_name_is_that_of_one_block() -> None:
    names = Counter(each.name for each in all_blocks() if each.name)
    assert [name for name, count in names.items() if count > 1] == []
    assert names_executed() - set(names) == set()


@pytest.mark.parametrize(
    "text",
    [
        "```shell\nls\n```\n",
        "Some words.\n```python\npass\n```\n",
        "<!-- block: of-no-test -->\n```console\n$ ls\n```\n",
        "<!-- block: far -->\n\n```shell\nls\n```\n",
        "1. A list:\n   ```shell\n   ls\n   ```\n",
        "````shell\nls\n```\n````\n",
        "~~~\nls\n~~~\n",
    ],
)
def test_a_block_without_a_name_or_a_test_is_found(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    assert len(not_executed(read_blocks(page), {"far"})) == 1


def test_the_two_set_up_blocks_are_the_readmes_first_shell_blocks() -> None:
    shells = [each for each in read_blocks(PROJECT / "README.md") if each.language == "shell"]
    assert [each.name for each in shells[:2]] == ["install", "tests"]
    assert [len(each.text.splitlines()) for each in shells[:2]] == [2, 2]


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200
    assert len(block("example").splitlines()) <= 12


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings have on GitHub."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        linked = page.parent / path if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def test_the_readme_leads_to_every_page() -> None:
    linked = re.findall(r"\]\(([^)\s#]+)", (PROJECT / "README.md").read_text(encoding="utf-8"))
    pages = {str(page.relative_to(PROJECT)) for page in PAGES} - {"README.md"}
    assert pages - set(linked) == set()
