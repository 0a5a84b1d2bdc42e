"""Finds the probable mistake in a query that does not parse."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_ENTRY = re.compile(
    r"\b(tags|properties|params|metrics(?:_min|_max|_first)?)\s*\.\s*([^\"'`=!<>|&(),{}\[\]]+)"
)
_BARE_TEXT = re.compile(r"(?:==|!=|<=?|>=?)\s*([^\"'`=!<>|&(),{}\[\]]*[^\"'`=!<>|&(),{}\[\]\s])")
_NAME = re.compile(r"[^\s\"'`=!<>|&?(),{}\[\].]+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_WORDS = {"and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "NOT": "!"}
_NOTHING_YET = re.compile(r"(?:[<>=]=?|!=|[,(])\s*$")


class Mistake(NamedTuple):
    """A mistake. ``reason`` is the end of a sentence that describes it.

    ``corrected`` is the query that was probably meant. ``by_shell`` says that a shell may have
    changed the query.
    """

    reason: str
    corrected: str | None = None
    by_shell: bool = False


def find_mistake(text: str, offset: int) -> Mistake | None:
    """Return the probable mistake at the offset where the parser stopped; None if not known."""
    for find in (_outer_quotes, _history, _key, _operator, _find_unquoted, _name):
        mistake = find(text, offset)
        if mistake is not None:
            return mistake
    return None


def quote_key(field: str, key: str) -> str:
    """Write the entry of a key as JMESPath, such as ``tags."a-b"``."""
    plain = _PLAIN.fullmatch(key) is not None
    return f"{field}.{key if plain else json.dumps(key, ensure_ascii=False)}"


def _outer_quotes(text: str, offset: int) -> Mistake | None:
    if not re.match(r"\s*'\s*(\[|@|[a-z_]+\()", text):
        return None
    inner = text.strip()[1:].removesuffix("'")
    return Mistake(
        "it begins with a single quote, which Windows' cmd.exe hands on as a part of the query",
        inner,
        by_shell=True,
    )


def _history(text: str, offset: int) -> Mistake | None:
    if text[offset : offset + 2] != "\\!":
        return None
    return Mistake(
        r"'\!' is not JMESPath; a shell leaves the backslash where it is within double quotes",
        text.replace("\\!", "!"),
        by_shell=True,
    )


def _key(text: str, offset: int) -> Mistake | None:
    for match in _ENTRY.finditer(text):
        key = match[2].strip()
        words = key.split()
        if not match.start(2) <= offset <= match.end(2) or _PLAIN.fullmatch(key):
            continue
        if len(words) > 1 and words[1] in _WORDS:
            continue
        spelling = quote_key(match[1], key)
        end = match.start(2) + len(match[2].rstrip())
        return Mistake(
            f"a key that begins with a digit or has other characters than letters, digits and _ is "
            f"written in quotes: {spelling}",
            text[: match.start()] + spelling + text[end:],
            by_shell=True,
        )
    return None


def _operator(text: str, offset: int) -> Mistake | None:
    rest = text[offset:]
    if rest.startswith("=") and not rest.startswith("=="):
        corrected = f"{text[:offset]}={rest}"
        return Mistake("'=' is not an operator; equal is written ==", corrected)
    word = re.match(r"[A-Za-z]+\b", rest)
    if word and word[0] in _WORDS:
        operator = _WORDS[word[0]]
        corrected = text[:offset] + operator + rest[len(word[0]) :]
        return Mistake(f"{word[0]!r} is not an operator; it is written {operator}", corrected)
    if rest.startswith("&") and not rest.startswith("&&"):
        return Mistake("'&' is not an operator; and is written &&", f"{text[:offset]}&{rest}")
    return None


def _find_unquoted(text: str, offset: int) -> Mistake | None:
    if not _NOTHING_YET.search(text[:offset]):
        return _bare_text(text, offset)
    number = _NUMBER.match(text, offset)
    if number and not re.match(r"[\w.\-:/]", text[number.end() : number.end() + 1]):
        spelling = f"`{number[0]}`"
        return Mistake(
            f"a number is written in backticks: {spelling}",
            text[:offset] + spelling + text[number.end() :],
            by_shell=True,
        )
    if re.match(r"(\]|\)|,|&&|\|\||$)", text[offset:]):
        return Mistake(
            "a value is missing here; a number is written in backticks, as in `10`, which a shell "
            "runs as a command unless they are escaped",
            f"{text[:offset].rstrip()} `10`{text[offset:]}" if text[offset:] else None,
            by_shell=True,
        )
    return _bare_text(text, offset)


def _bare_text(text: str, offset: int) -> Mistake | None:
    for match in _BARE_TEXT.finditer(text):
        if match.start(1) <= offset <= match.end(1):
            spelling = f"'{match[1]}'"
            return Mistake(
                f"a text is written in single quotes: {spelling}",
                text[: match.start(1)] + spelling + text[match.end(1) :],
                by_shell=True,
            )
    return None


def _name(text: str, offset: int) -> Mistake | None:
    for match in _NAME.finditer(text):
        name = match[0]
        if match.start() < offset < match.end() and not _PLAIN.fullmatch(name):
            spelling = json.dumps(name, ensure_ascii=False)
            return Mistake(
                f"a name with other characters than letters, digits and _ is written in quotes: "
                f"{spelling}; the key of a tag is tags.{spelling}"
            )
    return None
