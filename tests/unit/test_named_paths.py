"""The files, folders and names of code that the documentation names exist."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES += sorted((PROJECT / "docs").glob("*.md"))
TOP = ("adapter", "plugins", "tests", "docs", "compose", ".ci", ".github")
MADE = {"compose/.env"}
"""What a command of the project makes, and no commit has."""
SKIPPED = {"__pycache__", "node_modules", ".venv", ".git"}


def spans(page: Path) -> list[str]:
    """What a page has in backticks, without fenced blocks."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)


def tree(page: Path) -> list[str]:
    """The files and folders in a page's indented blocks, without what follows them."""
    lines = re.findall(r"^ {4}(.*)$", page.read_text(encoding="utf-8"), re.M)
    listed = re.findall(r": ((?:\w+,\s+)+\w+)$", "\n".join(lines), re.M)
    names = [f"{name}.py" for each in listed for name in re.split(r",\s+", each)]
    return names + re.findall(r"(?<!\S)[\w.]\S*(?:\.py|/)", "\n".join(lines))


@cache
def paths() -> frozenset[str]:
    """Each file and folder of the project, relative to it."""
    found: set[str] = set()
    for top in TOP:
        for folder, folders, files in os.walk(PROJECT / top):
            folders[:] = [name for name in folders if name not in SKIPPED]
            inner = Path(folder).relative_to(PROJECT).as_posix()
            found.update(f"{inner}/{name}" for name in (*folders, *files))
    return frozenset({*found, *TOP, *(path.name for path in PROJECT.iterdir())})


def is_there(name: str) -> bool:
    """Whether a path is the project's, or the end of one."""
    name = name.rstrip("/")
    return name in paths() or any(path.endswith(f"/{name}") for path in paths())


def not_in_code(names: list[str]) -> list[str]:
    """The names that no file of code has as a whole word."""
    suffixes = {".py", ".js", ".toml", ".yaml", ".yml", ".json"}
    files = (path for path in sorted(paths()) if Path(path).suffix in suffixes)
    missing = names
    for path in files:
        text = (PROJECT / path).read_text(encoding="utf-8")
        missing = [
            name for name in missing if name not in text or not re.search(rf"\b{name}\b", text)
        ]
    return missing


NAMED = sorted(
    {
        (page.name, span)
        for page in PAGES
        for span in spans(page)
        if span.split("/")[0] in TOP and " " not in span and span not in MADE
    }
)


def test_a_path_that_a_page_names_is_there() -> None:
    assert NAMED
    assert [(page, path) for page, path in NAMED if path.rstrip("/") not in paths()] == []


CONTRIBUTING = PROJECT / "CONTRIBUTING.md"
PARTS = sorted(
    {
        span
        for span in [*spans(CONTRIBUTING), *tree(CONTRIBUTING)]
        if re.fullmatch(r"[\w./-]+(\.py|\.json|\.yaml|/)|[\w-]+(/[\w.-]+)+", span)
    }
)


def test_a_file_or_folder_that_contributing_names_is_there() -> None:
    assert PARTS
    assert [path for path in PARTS if not is_there(path)] == []


EXAMPLES = {"parse_note", "vX.Y.Z"}
"""Of how names are made."""
NAMES = sorted(
    {
        span.removesuffix("()").rpartition(".")[2]
        for span in spans(CONTRIBUTING)
        if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\(\))?", span)
        and re.search(r"[a-z][A-Z]|\w{2}\.|_|\(\)", span)
        and span not in {*PARTS, *EXAMPLES}
        and not (PROJECT / span).exists()
    }
)


def test_a_name_of_code_that_contributing_names_is_there() -> None:
    assert NAMES
    assert not_in_code(NAMES) == []


SENTENCES = PROJECT / "tests" / "contract" / "test_sentences.py"
TESTS = sorted(set(re.findall(r"# (tests/[\w./]+)", SENTENCES.read_text(encoding="utf-8"))))


def test_a_test_that_the_exceptions_of_the_sentences_name_is_there() -> None:
    assert TESTS
    assert [path for path in TESTS if path not in paths()] == []


def test_every_package_is_in_the_structure_of_contributing() -> None:
    structure = CONTRIBUTING.read_text(encoding="utf-8").partition("## Project structure")[2]
    packages = [
        path.rpartition("/")[0]
        for path in paths()
        if re.match(r"(adapter/amlflow|plugins)/.*__init__\.py", path)
    ]
    assert [each for each in packages if f"{each.rpartition('/')[2]}/" not in structure] == []
