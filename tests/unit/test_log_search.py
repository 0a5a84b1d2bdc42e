"""Finding lines in a log, read in pieces of any size."""

from __future__ import annotations

from typing import Any

import pytest
from amlflow_page.filters import WrongRequest
from amlflow_page.log_search import (
    CONTEXT,
    MAX_HITS,
    MAX_LINE,
    Read,
    find_all,
    find_line,
    parse_request,
)

LINES = [f"line {number:05}" for number in range(1, 2001)]
LINES[1499] = "Traceback (most recent call last):"
LINES[1502] = "RuntimeError: CUDA out of memory"
LOG = "".join(f"{line}\n" for line in LINES).encode()


def reader(content: bytes, piece: int = 1000) -> Read:
    return lambda offset: (content[offset : offset + piece], len(content))


def find(content: bytes = LOG, piece: int = 1000, **query: str) -> Any:
    return find_line(reader(content, piece), parse_request(query))


def text_at(line: dict[str, int], content: bytes = LOG) -> str:
    return content[line["offset"] :].split(b"\n")[0].decode()


@pytest.mark.parametrize("piece", [7, 1000, 1 << 20])
@pytest.mark.parametrize(
    ("query", "number"),
    [
        ({}, 1500),
        ({"number": "1"}, 1),
        ({"number": "2000"}, 2000),
        ({"text": "LINE 00777"}, 777),
        ({"text": "cuda"}, 1503),
        ({"until": "0"}, 1),
        ({"until": "25"}, 3),
    ],
)
def test_a_line_is_found_whatever_the_pieces(query: dict[str, str], number: int, piece: int):
    found = find(piece=piece, **query)["found"]
    assert found["line"] == number
    assert text_at(found) == LINES[number - 1]


def test_the_lines_before_it_come_too():
    answer = find(text="cuda", piece=1 << 20)
    assert answer["context"]["line"] == 1503 - CONTEXT
    assert text_at(answer["context"]) == LINES[1502 - CONTEXT]
    assert find(number="3")["context"] == {"offset": 0, "line": 1}
    # If the lines before are in an earlier piece, the context begins about as near.
    for piece in (7, 1000):
        context = find(text="cuda", piece=piece)["context"]
        assert context["line"] <= 1503
        assert text_at(context) == LINES[context["line"] - 1]


def test_the_next_one_is_found_from_the_last():
    content, answer, lines = b"a cuda\n\ncuda, no cuda\nb\nno\xc3\xa9 CUDA", find(b""), []
    answer["next"] = {"offset": 0, "line": 1}
    while answer["next"] is not None:
        answer = find(content, text="cuda", **{k: str(v) for k, v in answer["next"].items()})
        lines += [answer["found"]["line"]] if answer["found"] else []
    assert lines == [1, 3, 5]


@pytest.mark.parametrize("piece", [3, 1000])
def test_a_text_is_found_as_the_page_shows_it(piece: int):
    content = b"CUDA\r10%\n\x1b]0;cuda\x07\x1b[1mCU\x1b[0mDA of the Stra\xc3\x9fe\n"
    assert find(content, piece, text="cuda")["found"]["line"] == 2
    assert find(content, piece, text="STRASSE")["found"]["line"] == 2
    assert find(content, piece, text="[1m")["found"] is None


@pytest.mark.parametrize("query", [{"text": "nothing"}, {"number": "2001"}, {"until": "999999"}])
def test_what_is_not_there_is_not_found(query: dict[str, str]):
    assert set(find(**query).values()) == {None}


def test_an_empty_log_and_a_last_line_without_an_end():
    assert find(b"", text="a")["found"] is None
    assert find(b"one\ntwo", text="two")["found"] == {"offset": 4, "line": 2}
    assert find(b"no end of line at all", number="1")["found"] == {"offset": 0, "line": 1}


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        "2026-01-01 ERROR something",
        "train.py: error: the following arguments are required",
        "ValueError: wrong",
        "torch.cuda.OutOfMemoryError: CUDA",
        "[rank0]: Traceback (most recent call last):",
        " 50%|#####     | 5/10 [00:01<00:01]Traceback (most recent call last):",
        "\x1b[31mERROR\x1b[0m something",
        "\x1b[1;35mValueError\x1b[0m: \x1b[35mwrong\x1b[0m",
        "\x1b[1mTrace\x1b[0mback (most recent call last):",
        "\x1b]8;;file:///a\x1b\\RuntimeError\x1b]8;;\x1b\\: linked",
        " 10%\r 20%\rRuntimeError: after a progress bar",
        "one\rRuntimeError: x\r\r",
    ],
)
def test_a_line_that_tells_of_an_error(line: str):
    before = "errors: 0\nterror\nno_error_here \x1b[31mERRORS\x1b[0m\nValueError: no\r 10%\n"
    content = f"{before}{line}\nERROR: later\n".encode()
    assert find(content)["found"] == {"line": 5, "offset": len(before)}


def test_a_search_that_takes_long_says_where_it_goes_on():
    answer = find_line(reader(LOG), parse_request({"text": "cuda"}), time_s=-1)
    stopped = answer["stopped"]
    assert answer["found"] is None
    assert text_at(stopped) == LINES[stopped["line"] - 1]
    rest = {key: str(value) for key, value in stopped.items()}
    assert find(text="cuda", **rest)["found"]["line"] == 1503


def test_a_line_without_an_end_does_not_fill_the_memory():
    reads = []

    def read(offset: int) -> tuple[bytes, int]:
        reads.append(offset)
        size = 5 * MAX_LINE
        return b"x" * min(MAX_LINE // 2, size - offset), size

    assert find_line(read, parse_request({"text": "y"}))["found"] is None
    assert len(reads) == len(set(reads))


@pytest.mark.parametrize(
    "query",
    [{"text": ""}, {"text": "x" * 1001}, {"number": "a"}, {"offset": "-1"}, {"line": "1e3"}],
)
def test_a_request_that_is_not_well_formed(query: dict[str, str]):
    with pytest.raises(WrongRequest):
        parse_request(query)


def test_a_text_is_not_a_pattern():
    assert find(b"aXb\na.b\n", text="a.b")["found"]["line"] == 2


def hits(content: bytes, piece: int = 1000, time_s: float = 5, **query: str) -> Any:
    return find_all(reader(content, piece), parse_request(query), time_s)


@pytest.mark.parametrize("piece", [7, 1000, 1 << 20])
def test_all_lines_with_a_text_are_found_once_each(piece: int):
    content = LOG + b"line 1 of line 1\n\x1b[1mLI\x1b[0mNE 01\nnone\nline 01 without an end"
    answer = hits(content, piece, text="LINE 01")
    assert answer["is_end"] is False
    found = answer["hits"]
    while not answer["is_end"]:
        rest = {key: str(value) for key, value in answer["next"].items()}
        answer = hits(content, piece, text="LINE 01", **rest)
        found += answer["hits"]
    lines = content.decode().split("\n")
    expected = [
        number for number, line in enumerate(lines, 1) if "line 01" in line or "NE 01" in line
    ]
    assert [hit["line"] for hit in found] == expected
    for hit in found:
        assert text_at(hit, content) == lines[hit["line"] - 1]
        context = hit["context"]
        assert context["line"] <= hit["line"]
        assert text_at(context, content) == lines[context["line"] - 1]


def test_a_line_that_grows_is_searched_again_and_a_line_that_was_found_is_not():
    first = hits(b"cuda\nno cu", text="cuda")
    assert ([hit["line"] for hit in first["hits"]], first["is_end"]) == ([1], True)
    rest = {key: str(value) for key, value in first["next"].items()}
    second = hits(b"cuda\nno cuda", text="cuda", **rest)
    assert [hit["line"] for hit in second["hits"]] == [2]
    rest = {key: str(value) for key, value in second["next"].items()}
    third = hits(b"cuda\nno cuda!\ncuda\n", text="cuda", **rest)
    assert [hit["line"] for hit in third["hits"]] == [3]


def test_many_hits_and_a_long_search_come_in_parts():
    answer = hits(b"a\n" * (MAX_HITS + 1), piece=1 << 20, text="a")
    assert (len(answer["hits"]), answer["is_end"]) == (MAX_HITS, False)
    assert answer["next"] == {"offset": 2 * MAX_HITS, "line": MAX_HITS + 1}
    stopped = hits(LOG, text="cuda", time_s=-1)
    assert (stopped["hits"], stopped["is_end"]) == ([], False)
    assert stopped["next"]["offset"] > 0
