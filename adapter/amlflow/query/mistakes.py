"""What is wrong with a query that does not parse, in terms of runs."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_ENTRY = re.compile(r"\b(tags|properties|params)\s*\.\s*([^\"'`=!<>|&(),{}\[\]]+)")
_BARE_TEXT = re.compile(r"(?:==|!=|<=?|>=?)\s*([^\"'`=!<>|&(),{}\[\]]*[^\"'`=!<>|&(),{}\[\]\s])")
_NAME = re.compile(r"[^\s\"'`=!<>|&?(),{}\[\].]+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_WORDS = {"and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "NOT": "!"}
_NOTHING_YET = re.compile(r"(?:[<>=]=?|!=|[,(])\s*$")


class Mistake(NamedTuple):
    """What is wrong, as the end of a sentence.

    ``corrected`` is the query as it was probably meant, and ``by_shell`` says that a shell may have
    made it what it is.
    """

    reason: str
    corrected: str | None = None
    by_shell: bool = False


def find_mistake(text: str, place: int) -> Mistake | None:
    """The mistake that is likely where a parser stopped at a place; None where it is another."""
    for look in (_outer_quotes, _history, _key, _operator, _unquoted, _name):
        found = look(text, place)
        if found is not None:
            return found
    return None


def quoted_key(field: str, key: str) -> str:
    """``tags."a-b"``: how the entry of a key is written."""
    plain = _PLAIN.fullmatch(key) is not None
    return f"{field}.{key if plain else json.dumps(key, ensure_ascii=False)}"


def _outer_quotes(text: str, place: int) -> Mistake | None:
    if not re.match(r"\s*'\s*(\[|@|[a-z_]+\()", text):
        return None
    inner = text.strip()[1:].removesuffix("'")
    return Mistake(
        "it begins with a single quote, which Windows' cmd.exe hands on as a part of the query",
        inner,
        by_shell=True,
    )


def _history(text: str, place: int) -> Mistake | None:
    if text[place : place + 2] != "\\!":
        return None
    return Mistake(
        r"'\!' is not JMESPath; a shell leaves the backslash where it is within double quotes",
        text.replace("\\!", "!"),
        by_shell=True,
    )


def _key(text: str, place: int) -> Mistake | None:
    for found in _ENTRY.finditer(text):
        key = found[2].strip()
        words = key.split()
        if not found.start(2) <= place <= found.end(2) or _PLAIN.fullmatch(key):
            continue
        if len(words) > 1 and words[1] in _WORDS:
            continue
        written = quoted_key(found[1], key)
        end = found.start(2) + len(found[2].rstrip())
        return Mistake(
            f"a key with other characters than letters, digits and _, or with a digit in front, is "
            f"written in quotes: {written}",
            text[: found.start()] + written + text[end:],
            by_shell=True,
        )
    return None


def _operator(text: str, place: int) -> Mistake | None:
    rest = text[place:]
    if rest.startswith("=") and not rest.startswith("=="):
        corrected = f"{text[:place]}={rest}"
        return Mistake("'=' is not an operator; equal is written ==", corrected)
    word = re.match(r"[A-Za-z]+\b", rest)
    if word and word[0] in _WORDS:
        operator = _WORDS[word[0]]
        corrected = text[:place] + operator + rest[len(word[0]) :]
        return Mistake(f"{word[0]!r} is not an operator; it is written {operator}", corrected)
    if rest.startswith("&") and not rest.startswith("&&"):
        return Mistake("'&' is not an operator; and is written &&", f"{text[:place]}&{rest}")
    return None


def _unquoted(text: str, place: int) -> Mistake | None:
    if not _NOTHING_YET.search(text[:place]):
        return _bare_text(text, place)
    number = _NUMBER.match(text, place)
    if number and not re.match(r"[\w.\-:/]", text[number.end() : number.end() + 1]):
        written = f"`{number[0]}`"
        return Mistake(
            f"a number is written in backticks: {written}",
            text[:place] + written + text[number.end() :],
            by_shell=True,
        )
    if re.match(r"(\]|\)|,|&&|\|\||$)", text[place:]):
        return Mistake(
            "a value is missing here; a number is written in backticks, as in `10`, which a shell "
            "runs as a command unless they are escaped",
            f"{text[:place].rstrip()} `10`{text[place:]}" if text[place:] else None,
            by_shell=True,
        )
    return _bare_text(text, place)


def _bare_text(text: str, place: int) -> Mistake | None:
    for found in _BARE_TEXT.finditer(text):
        if found.start(1) <= place <= found.end(1):
            written = f"'{found[1]}'"
            return Mistake(
                f"a text is written in single quotes: {written}",
                text[: found.start(1)] + written + text[found.end(1) :],
                by_shell=True,
            )
    return None


def _name(text: str, place: int) -> Mistake | None:
    for found in _NAME.finditer(text):
        name = found[0]
        if found.start() < place < found.end() and not _PLAIN.fullmatch(name):
            written = json.dumps(name, ensure_ascii=False)
            return Mistake(
                f"a name with other characters than letters, digits and _ is written in quotes: "
                f"{written}; the key of a tag is tags.{written}"
            )
    return None
