"""What a run executes: a script with its arguments, or a command, as the words of a process."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlflow.core.scripts.script_run_config import checked_arguments, words
from amlflow.exceptions import UserErrorException

if TYPE_CHECKING:
    from amlflow.core.scripts.script_run_config import ScriptRunConfig

_OPERATORS = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<", "2>", "2>>", "2>&1", "&>"})
_VARIABLE = re.compile(r"\$(\w|\{)")
_FOR_A_SHELL = re.compile(r"[$&|;<>()`*?~\n]|^\s*\w+=")
"""What of a command line a shell would read."""


def command_of(config: ScriptRunConfig, *, inside: bool) -> tuple[list[str], bool]:
    """The words to run and whether they are a script; ``inside``: it must be in the folder.

    Raises:
        UserErrorException: there is neither a script nor a command, or no such script.
    """
    settings = config.run_config
    script = config.script if config.script is not None or config.command else settings.script
    command = config.command or (None if script else settings.command)
    given = [str(each) for each in checked_arguments(config.arguments or settings.arguments)]
    if command:
        found, is_script = _command(command, given), False
    elif script:
        if inside:
            check_script(config.source_directory, script)
        path = Path(script).as_posix()
        found, is_script = [f"./{path}" if path.startswith("-") else path, *given], True
    else:
        found, is_script = [], False
    if not found:
        raise UserErrorException("There is neither a script nor a command to run; give one.")
    for word in found:
        if "\0" in word:
            raise UserErrorException(
                f"{word[:100]!r} holds a zero byte, which no argument of a program can."
            )
    return found, is_script


def _command(command: str | Sequence[str], arguments: list[str]) -> list[str]:
    """v1 runs a command as a shell's line, its words joined by blanks.

    A shell is used where there is something for it to read, and words keep their blanks.
    """
    if isinstance(command, str):
        if _FOR_A_SHELL.search(command):
            return _line(" ".join([command, *map(shlex.quote, arguments)]))
        return [*words(command, "command"), *arguments] if command.strip() else []
    parts = [str(part) for part in command]
    if any(_is_for_a_shell(part) for part in parts):
        return _line(" ".join([*map(_quoted, parts), *map(shlex.quote, arguments)]))
    return [*parts, *arguments]


def _line(line: str) -> list[str]:
    return ["sh", "-c", line]


def _is_for_a_shell(word: str) -> bool:
    return word in _OPERATORS or (_VARIABLE.search(word) is not None and not re.search(r"\s", word))


def _quoted(word: str) -> str:
    if word in _OPERATORS:
        return word
    if _is_for_a_shell(word):
        return '"' + re.sub(r'(["\\`])', r"\\\1", word) + '"'
    return shlex.quote(word)


def check_script(directory: str | os.PathLike[str], script: str) -> None:
    """Raise UserErrorException where the script is not in the folder."""
    folder = Path(directory)
    if not folder.is_dir():
        raise UserErrorException(
            f"The source_directory {str(folder)!r} is not a folder; it is the one with the script."
        )
    path = folder / script
    if Path(script).is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
        raise UserErrorException(
            f"The script {script!r} is outside of source_directory {str(folder)!r}; a run gets a "
            "copy of that folder alone, so script is a path within it."
        )
    if path.is_dir():
        raise UserErrorException(
            f"{script!r} in {str(folder)!r} is a folder, and a script is a file in it."
        )
    if not path.is_file():
        raise UserErrorException(
            f"Script {script!r} does not exist in source_directory {str(folder)!r}."
        )


def check_packed(script: str, files: list[str]) -> None:
    """Raise UserErrorException for a script that a rule leaves out of the snapshot."""
    if os.path.normpath(script).replace(os.sep, "/") not in files:
        raise UserErrorException(
            f"The script {script!r} is left out of the snapshot, by .amlignore (or .gitignore) or "
            "as a link; a run needs it in there."
        )


def checked_variables(stated: Mapping[Any, Any]) -> dict[str, str]:
    """Environment variables as texts. Raises UserErrorException for what no system takes."""
    found = {str(name): str(value) for name, value in stated.items()}
    for name, value in found.items():
        if not name or "=" in name or "\0" in name + value:
            raise UserErrorException(
                f"The environment variable {name!r} cannot be set: a name is not empty and has no "
                "'=', and neither name nor value has a zero byte."
            )
    return found
