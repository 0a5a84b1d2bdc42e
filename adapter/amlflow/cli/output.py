"""Formats results for printing: json, jsonc, yaml, yamlc, table, tsv, csv and none."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amlflow.exceptions import UserErrorException
from amlflow.plain_json import plain, to_json
from amlflow.terminal_texts import CONTROL, escape_controls

GAP = 2
"""How many blanks are between the columns of a table in a terminal."""
FORMATS = ("json", "jsonc", "yaml", "yamlc", "table", "tsv", "csv", "none")

Table = Callable[[Any, bool], list[dict[str, str]]]
"""Makes the rows of a table. The second argument says whether colours are allowed."""


def format_result(
    result: Any, form: str, color: bool, table: Table | None, width: int | None = None
) -> str:
    """Return the result as text in a format. The fields keep their order.

    A table is at most ``width`` columns wide. None means as wide as its content.
    """
    if form == "none":
        return ""
    result = plain(result)
    if form in ("json", "jsonc"):
        text = _escape_in_quotes(to_json(result, indent=2)) + "\n"
        return _colorize(text, "json") if form == "jsonc" and color else text
    if form in ("yaml", "yamlc"):
        text = _to_yaml(result)
        return _colorize(text, "yaml") if form == "yamlc" and color else text
    if form == "tsv":
        rows = result if isinstance(result, list) else [result]
        return "".join(f"{escape_controls(_to_tsv(row))}\n" for row in rows)
    result = _escape(result)
    if form == "csv":
        return _to_csv(result)
    return _tabulate(result, color, table, width)


def _escape_in_quotes(text: str) -> str:
    """Replace control characters of terminals by escapes that JSON reads, and YAML in quotes."""
    return CONTROL.sub(lambda match: to_ascii(match[0]), text)


def _to_yaml(result: Any) -> str:
    import yaml  # here, as the other forms do without it

    def represent(dumper: Any, text: str) -> Any:
        style = '"' if CONTROL.search(text) else None  # only quotes can have escapes
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)

    dumper: Any = type("Dumper", (yaml.SafeDumper,), {})
    dumper.add_representer(str, represent)
    return _escape_in_quotes(
        yaml.dump(
            result, Dumper=dumper, default_flow_style=False, allow_unicode=True, sort_keys=False
        )
    )


def _escape(value: Any) -> Any:
    """Replace control characters of terminals in a value's texts by escapes."""
    if isinstance(value, str):
        return escape_controls(value)
    if isinstance(value, dict):
        return {_escape(key): _escape(item) for key, item in value.items()}
    return [_escape(item) for item in value] if isinstance(value, list) else value


def _to_csv(result: Any) -> str:
    """Return comma-separated values with a line of names, for spreadsheets and pandas."""
    import csv  # here, as the other forms do without it

    rows = result if isinstance(result, list) else [result]
    cells = [row if isinstance(row, dict) else _name_columns(row) for row in rows]
    names = dict.fromkeys(name for row in cells for name in row)
    file = io.StringIO()
    writer = csv.DictWriter(file, list(names), lineterminator="\n")
    if names:
        writer.writeheader()
    for row in cells:
        writer.writerow({name: _csv_cell(value) for name, value in row.items()})
    return file.getvalue()


def _name_columns(row: Any) -> dict[str, Any]:
    """Name the columns of a row that has no names, such as a query's result."""
    if isinstance(row, list):
        return {f"Column{index}": value for index, value in enumerate(row, start=1)}
    return {"Result": row}


def _csv_cell(value: Any) -> str:
    """Return a value as text. An object or list becomes JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else to_json(value)


def encodable(text: str, encoding: str | None) -> str:
    """Replace characters that an encoding lacks by ``\\u``, which JSON reads as the same."""
    try:
        text.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return re.sub(r"[^\x00-\x7f]+", lambda match: to_ascii(match[0]), text)
    return text


def to_ascii(text: str) -> str:
    """Write characters beyond ASCII as JSON's escapes: two for those beyond 16 bits."""
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(
        f"\\u{units[index]:02x}{units[index + 1]:02x}" for index in range(0, len(units), 2)
    )


def _colorize(text: str, language: str) -> str:
    # Imported here, since it takes long and only colours need it.
    from pygments import highlight
    from pygments.formatters import TerminalFormatter
    from pygments.lexers import get_lexer_by_name

    return str(highlight(text, get_lexer_by_name(language), TerminalFormatter()))


def _to_tsv(row: Any) -> str:
    values = list(row.values()) if isinstance(row, dict) else row
    cells = values if isinstance(values, list) else [values]
    return "\t".join(map(_cell, cells))


def _cell(value: Any) -> str:
    """Return a value on one line, without tabs."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else to_json(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _tabulate(result: Any, color: bool, table: Table | None, width: int | None) -> str:
    items = result if isinstance(result, list) else [result]
    if not items:
        return ""
    rows = table(items, color) if table is not None and _fits(items) else [*map(_row, items)]
    return _plain_table(rows) if width is None else _fit_table(rows, color, width)


def _plain_table(rows: list[dict[str, str]]) -> str:
    """A table with all of its text, for a file or another program."""
    # Imported here, since only a table needs it.
    import tabulate

    tabulate.PRESERVE_WHITESPACE = True
    text = tabulate.tabulate(rows, headers="keys", tablefmt="simple", disable_numparse=True)
    return f"{text}\n"


def _fit_table(rows: list[dict[str, str]], color: bool, width: int) -> str:
    """Return a table that fits a terminal. Long cells are cut, those of the first column last."""
    # Imported here, since it takes as long as the rest of a small command.
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[Text.from_ansi(row.get(name, "")) for name in names] for row in rows]
    longest = [
        max(cell_len(name), *(row[index].cell_len for row in cells))
        for index, name in enumerate(names)
    ]
    widths = _fit_widths(longest, list(map(cell_len, names)), width - GAP * (len(names) - 1))
    table = RichTable(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for name, column_width in zip(names, widths, strict=True):
        table.add_column(name, no_wrap=True, overflow="ellipsis", width=column_width)
    for row in cells:
        table.add_row(*row)
    file = io.StringIO()
    console = Console(
        file=file, width=width, color_system="standard" if color else None,
        force_terminal=color, highlight=False, markup=False, emoji=False, legacy_windows=False,
    )  # fmt: skip
    console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def _fit_widths(longest: list[int], headers: list[int], room: int) -> list[int]:
    """Return the widths of columns in a terminal.

    The widest is cut first, the first column last.
    """
    widths, others = list(longest), range(1, len(longest))
    ones = [1] * len(longest)
    for columns, least in ((others, headers), (others, ones), (range(1), ones)):
        while sum(widths) > room:
            widest = max(columns, key=lambda index: widths[index] - least[index], default=None)
            if widest is None or widths[widest] <= least[widest]:
                break
            widths[widest] -= 1
    return widths


def allows_colors() -> bool:
    """Whether the user's settings allow colours in a terminal: see no-color.org.

    A dumb terminal, such as a shell in Emacs, would show their codes.
    """
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def terminal_width() -> int | None:
    """Return the width of the terminal; None if the output does not go to a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _fits(items: list[Any]) -> bool:
    """Whether the items are whole objects, and not a query's own objects."""
    keys = ("run_id", "name", "plugin", "target", "runs")
    return all(isinstance(item, dict) and any(key in item for key in keys) for item in items)


def _row(item: Any) -> dict[str, str]:
    if isinstance(item, Mapping):
        return {str(key): _shorten(value) for key, value in item.items()}
    if isinstance(item, list):
        return {f"Column{index}": _shorten(value) for index, value in enumerate(item, start=1)}
    return {"Result": _shorten(item)}


def _shorten(value: Any, limit: int = 60) -> str:
    text = _cell(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def check_new(path: str) -> None:
    """Raise UserErrorException if a file exists already."""
    if os.path.lexists(path):
        raise UserErrorException(
            f"The output file {path!r} exists already and is not overwritten. Choose another name."
        )


def write_new(path: str, result: Any) -> None:
    """Write the result as JSON to a new file."""
    try:
        with Path(path).open("x", encoding="utf-8") as file:
            file.write(format_result(result, "json", False, None))
    except FileExistsError:
        check_new(path)
    except OSError as error:
        raise UserErrorException(f"Cannot write {path!r}: {error.strerror}.") from None
