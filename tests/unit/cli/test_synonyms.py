"""Words that are mistyped, or of other tools: the right command is suggested, or none."""

from __future__ import annotations

import pytest
from amlflow.cli.commands import COMMANDS
from amlflow.cli.synonyms import count_mistakes, find_command, find_flag, find_verb, nearest

MISTYPED = {
    "lst": "list", "lits": "list", "shwo": "show", "canel": "cancel", "cancle": "cancel",
    "downlod": "download", "logz": "logs", "lgos": "logs", "metrcs": "metrics",
    "metric": "metrics", "submit-scirpt": "submit-script", "monitr-lgos": "monitor-logs",
    "restor": "restore", "mark-faild": "mark-failed", "sumbit": "submit-script",
    "decribe": "show",
}  # fmt: skip
BEGUN = {"down": "download", "comp": "compare", "child": "children", "mon": "monitor-logs"}
OF_OTHER_TOOLS = {
    "ls": "list", "ps": "list", "search": "list", "history": "list", "get": "show",
    "describe": "show", "inspect": "show", "status": "show", "rm": "delete", "kill": "cancel",
    "stop": "cancel", "diff": "compare", "pull": "download", "artifacts": "download",
    "tail": "logs", "exec": "submit-script", "list-children": "children", "fail": "mark-failed",
    "stats": "metrics", "tag": "update",
}  # fmt: skip
NOTHING_NEAR = [
    "bogus", "foo", "xyz", "complte", "restart", "resume", "retry", "rerun", "report", "queue",
    "pause", "attach", "ssh", "port-forward", "apply", "top", "events", "rollout", "commit",
    "push", "checkout", "stash", "blame", "exec-in", "images", "port", "rename", "clone",
    "sweep", "agent", "login", "whoami", "sync", "offline", "online", "alerts", "purge", "gc",
    "trace", "connect", "default", "component", "verify", "hello", "beta",
]  # fmt: skip


@pytest.mark.parametrize(("word", "verb"), (MISTYPED | BEGUN | OF_OTHER_TOOLS).items())
def test_the_verb_that_is_meant_is_suggested(word: str, verb: str) -> None:
    verbs = [name.removeprefix("run ") for name in COMMANDS if name.startswith("run ")]
    assert find_verb(word, verbs) == verb


@pytest.mark.parametrize("word", NOTHING_NEAR)
@pytest.mark.parametrize("group", ["run", "experiment", "model", "environment"])
def test_nothing_is_suggested_where_nothing_is_near(group: str, word: str) -> None:
    verbs = [name.partition(" ")[2] for name in COMMANDS if name.startswith(f"{group} ")]
    wanted = {("environment", "push"): "register", ("model", "push"): "register"}
    assert find_verb(word, verbs) == wanted.get((group, word))


@pytest.mark.parametrize(
    ("word", "command"),
    [
        ("rnu", "run"), ("experimnt", "experiment"), ("modle", "model"), ("workspce", "workspace"),
        ("computetargte", "computetarget"), ("versoin", "version"), ("environ", "environment"),
        ("job", "run"), ("compute", "computetarget"), ("studio", "ui"), ("logs", "run logs"),
        ("kubectl", None), ("bogus", None), ("component", None), ("registry", None),
        ("feature-store", None), ("traces", None), ("verify", None), ("login", None),
        ("endpoint", None), ("sklearn", None), ("db", None),
    ],
)  # fmt: skip
def test_a_first_word_is_corrected_only_if_one_is_near(word: str, command: str | None) -> None:
    assert find_command(word, COMMANDS) == command


@pytest.mark.parametrize(
    ("flag", "meant"),
    [
        ("--stauts", "--status"), ("--output_dir", "--output-dir"), ("--experimentname", None),
        ("--stat", "--status"), ("--run-id", "--run"), ("--bogus", None), ("--verbos", None),
    ],
)  # fmt: skip
def test_a_flag_is_corrected_only_if_one_is_near(flag: str, meant: str | None) -> None:
    assert find_flag(flag, ["--status", "--output-dir", "--run", "-e", "--logs"]) == meant


def test_typing_mistakes_are_counted() -> None:
    pairs = [("", ""), ("list", "list"), ("lits", "list"), ("lst", "list"), ("lisst", "list")]
    assert [count_mistakes(*pair) for pair in pairs] == [0, 0, 1, 1, 1]
    assert count_mistakes("bogus", "logs") == 2
    assert nearest("uo", ["ui"]) is None  # a half of the word is wrong
    assert nearest("LIST", ["list"]) == "list"
