"""The command line that was probably meant by one with arguments in wrong places."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from amlflow.cli.arguments import ARGUMENTS
from amlflow.cli.commands import COMMANDS
from amlflow.cli.synonyms import (
    FLAGS,
    OTHER_VALUES,
    SWITCHES,
    nearest,
    replace_synonyms,
)
from amlflow.spec import Status

GLOBAL = {
    "--output": True, "-o": True, "--query": True, "--debug": False, "--verbose": False,
    "--only-show-errors": False,
}  # fmt: skip
"""Flags of every command, and whether a value follows."""
PLACEHOLDERS = {
    "run_id": "RUN_ID", "add_tag": "KEY=VALUE", "key": "KEY", "description": "TEXT",
    "output_dir": "FOLDER", "target_dir": "FOLDER", "name": "NAME", "registered_name": "NAME",
    "one_experiment": "NAME", "model_id": "NAME:VERSION", "kind": "KIND", "script": "SCRIPT",
}  # fmt: skip
BARE = {"workspace": "workspace_name", "folder": "path", "run list": "experiment_name"}
"""What a bare word of a command, or of a group's, is taken for where nothing is missing."""
STATUSES = {value for name, value in vars(Status).items() if name.isupper()}


def right_line(line: Sequence[str]) -> str | None:
    """The command line that was probably meant; None where that cannot be said."""
    words, flags = _split_line(line)
    words = replace_synonyms(words, COMMANDS)
    command = _find_command(words, flags)
    if command is None:
        return None
    rest = list(words)
    for word in {*command.split(), *(["list"] if command == "run show" else [])}:
        if word in rest:
            rest.remove(word)
    arguments = _build_arguments(command, rest, flags)
    if arguments is None:
        return None
    correction = [*command.split(), *arguments]
    return None if correction == list(line) else shlex.join(["amlflow", *correction])


def _split_line(line: Sequence[str]) -> tuple[list[str], list[tuple[str, str | None]]]:
    """The words, and the flags with their values."""
    with_value = {
        flag: "action" not in argument or argument["action"] == "append"
        for argument in ARGUMENTS.values()
        for flag in argument["options_list"]
    }
    with_value["--status"] = True
    with_value.update(GLOBAL)
    with_value = {**{flag: flag not in SWITCHES for flag in FLAGS}, **with_value}
    # A misspelt flag is one of a command of its group.
    commands = [command for command in COMMANDS if command.split()[0] in line] or list(COMMANDS)
    near = {
        flag: None
        for command in commands
        for name in COMMANDS[command].arguments
        for flag in ARGUMENTS[name]["options_list"]
    }
    words, flags = list[str](), list[tuple[str, str | None]]()
    rest = list(line)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            words.append(word)
            continue
        name, equals, value = word.partition("=")
        if name.startswith("--"):
            name = name.replace("_", "-")  # as in `--run_id`; no flag here has one
        if name not in with_value:
            flags_alike = [flag for flag in (*near, *GLOBAL) if flag.startswith("--")]
            name = (nearest(name, flags_alike) if name.startswith("--") else None) or name
        takes_value = with_value.get(name, False)
        if equals:
            flags.append((name, value))
        elif takes_value and rest and not rest[0].startswith("-"):
            flags.append((name, rest.pop(0)))
        else:
            flags.append((name, None))
    return words, flags


def _find_command(words: Sequence[str], flags: Sequence[tuple[str, str | None]]) -> str | None:
    """The command that most of the words are of, and whose flags are given."""

    def rank(command: str) -> tuple[int, int, int]:
        parts = command.split()
        flag_count = sum(_takes(command, name) for name, _ in flags)
        return sum(part in words for part in parts), flag_count, -len(parts)

    if words[:1] == ["run"] and words[1:] and words[1].endswith(".py"):
        return "run submit-script"
    # A word that names the command itself; a group alone says too little.
    commands = [command for command in COMMANDS if command.split()[-1] in words]
    best = max(commands, key=rank, default=None)
    if best is not None and all(_takes(best, name) for name, _ in flags):
        return best
    by_run = any(_find_argument("run show", name) == "run_id" for name, _ in flags)
    return "run show" if by_run and best in (None, "run list") and "run" in words else None


def _takes(command: str, flag: str) -> bool:
    return _flag_of(command, flag) is not None


def _flag_of(command: str, flag: str) -> str | None:
    """The flag of the command that a flag is, or that it means; None if there is none."""
    if flag in GLOBAL or _find_argument(command, flag) is not None:
        return flag
    flags = [name for argument in COMMANDS[command].arguments
             for name in ARGUMENTS[argument]["options_list"]]  # fmt: skip
    meant = (name for name in FLAGS.get(flag, ()) if name in GLOBAL or name in flags)
    return next(meant, None)


def _placeholder(argument: str) -> str:
    """What stands for the value of an argument: the table's word, or that of its flag."""
    if argument not in ARGUMENTS:
        return "NAME"
    flag: str = max(ARGUMENTS[argument]["options_list"], key=len)
    return PLACEHOLDERS.get(argument, flag.strip("-").replace("-", "_").upper())


def _find_argument(command: str, flag: str) -> str | None:
    """The argument of a command that a flag is of."""
    for name in COMMANDS[command].arguments:
        if flag in ARGUMENTS[name]["options_list"]:
            return str(name)
    return None


def _build_arguments(
    command: str, rest: list[str], flags: Sequence[tuple[str, str | None]]
) -> list[str] | None:
    """The arguments of the command: the flags, and each other word behind a flag of its own."""
    arguments = COMMANDS[command].arguments
    required = [name for name in arguments if ARGUMENTS[name].get("required")]
    line: list[str] = []
    for written, value in flags:
        flag = _flag_of(command, written) or written
        name = _find_argument(command, flag)
        if written in OTHER_VALUES:
            value = _placeholder(name) if name is not None else "QUERY"
        elif value is None and (flag == "-o" or name in PLACEHOLDERS or name in BARE.values()):
            value = rest.pop(0) if rest else _placeholder(str(name))
        line += [flag] if value is None else [flag, value]
        if name in required:
            required.remove(name)
    for name in required:
        flag = min(ARGUMENTS[name]["options_list"], key=len)
        line += [flag, rest.pop(0) if rest else _placeholder(name)]
    if command == "run submit-script":
        return line + (rest or ["SCRIPT"])
    for word in rest:
        name = BARE.get(command) or BARE.get(command.split()[0])
        if command == "run list" and word in STATUSES:
            name = "status"
        elif command == "run list" and word.isdigit():
            name = "last"
        if name is None or name not in arguments:
            return None
        line += [min(ARGUMENTS[name]["options_list"], key=len), word]
    return line
