"""The command line of a run: a script with its arguments, or a command."""

from __future__ import annotations

import numbers
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amlflow.core.data.bases import DatasetBase, ScriptArgument
from amlflow.exceptions import UserErrorException
from amlflow.local_paths import PathNotFound, resolve_links

_OPERATORS = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<", "2>", "2>>", "2>&1", "&>"})
_VARIABLE = re.compile(r"\$(\w|\{)")
_FOR_A_SHELL = re.compile(r"[$&|;<>()`*?~\n]|^\s*\w+=")
"""Characters that need a shell."""
_SEVERAL_WORDS = re.compile(r"\s*[^\s/\\]+\s+\S")
"""The beginning of a command line. A program's path may have blanks, but only after a separator."""


def command_line(
    source_directory: str | os.PathLike[str],
    script: str | None,
    command: str | Sequence[str] | None,
    arguments: Any,
    *,
    inside: bool,
) -> tuple[list[str], bool]:
    """Return the words to run, and whether they are a script.

    With ``inside``, the script must be in the source folder.

    Raises:
        UserErrorException: neither a script nor a command is given, or the script does not exist.
    """
    texts = [str(argument) for argument in check_arguments(arguments)]
    if command:
        line, is_script = _command(command, texts), False
    elif script:
        if inside:
            check_script(source_directory, script)
        path = Path(script).as_posix()
        line, is_script = [f"./{path}" if path.startswith("-") else path, *texts], True
    else:
        line, is_script = [], False
    if not line:
        raise UserErrorException("Neither script nor command is given; a run needs one of them.")
    for word in line:
        if "\0" in word:
            raise UserErrorException(
                f"{word[:100]!r} contains a zero byte; an argument of a program cannot."
            )
    return line, is_script


def _command(command: str | Sequence[str], arguments: list[str]) -> list[str]:
    """Return the words of a command.

    v1 joins the words with spaces and runs them in a shell. Here, a shell runs the command only if
    it contains something for a shell, such as ``&&`` or ``$NAME``. Otherwise each word is passed on
    as it is, with its spaces. If the first word of a list is a command line itself, such as
    ``python train.py``, the texts of the list are joined as v1 does.
    """
    if isinstance(command, str):
        if _FOR_A_SHELL.search(command):
            return _line(" ".join([command, *map(shlex.quote, arguments)]))
        return [*split_words(command, "command"), *arguments] if command.strip() else []
    parts = [str(part) for part in command]
    if parts and _SEVERAL_WORDS.match(parts[0]):
        texts = [part if isinstance(part, str) else shlex.quote(str(part)) for part in command]
        return _command(" ".join(texts), arguments)
    if any(_is_for_a_shell(part) for part in parts):
        return _line(" ".join([*map(_quote, parts), *map(shlex.quote, arguments)]))
    return [*parts, *arguments]


def _line(line: str) -> list[str]:
    return ["sh", "-c", line]


def _is_for_a_shell(word: str) -> bool:
    return word in _OPERATORS or (_VARIABLE.search(word) is not None and not re.search(r"\s", word))


def _quote(word: str) -> str:
    if word in _OPERATORS:
        return word
    if _is_for_a_shell(word):
        return '"' + re.sub(r'(["\\`])', r"\\\1", word) + '"'
    return shlex.quote(word)


def check_script(directory: str | os.PathLike[str], script: str) -> None:
    """Raise UserErrorException if the script is not in the folder."""
    folder = Path(directory)
    if not folder.is_dir():
        raise PathNotFound(
            f"The source_directory {str(folder)!r} is not a folder; give the folder of the script."
        )
    path = folder / script
    if Path(script).is_absolute() or not resolve_links(path).is_relative_to(resolve_links(folder)):
        raise UserErrorException(
            f"The script {script!r} is outside of source_directory {str(folder)!r}. A run gets a "
            "copy of that folder only, so script must be a path within it."
        )
    if path.is_dir():
        raise UserErrorException(
            f"The script {script!r} in {str(folder)!r} is a folder; it must be a file."
        )
    if not path.is_file():
        raise PathNotFound(f"Script {script!r} does not exist in source_directory {str(folder)!r}.")


def check_packed(script: str, files: list[str]) -> None:
    """Raise UserErrorException if an ignore file leaves the script out of the snapshot."""
    if os.path.normpath(script).replace(os.sep, "/") not in files:
        raise UserErrorException(
            f"The script {script!r} is not in the snapshot of the source folder: it matches a line "
            "of .amlignore (or .gitignore), or it is a link. Remove that line, or use a copy."
        )


def check_variables(variables: Mapping[Any, Any]) -> dict[str, str]:
    """Return environment variables as texts.

    Raises:
        UserErrorException: the operating system would reject a name or a value.
    """
    texts = {str(name): str(value) for name, value in variables.items()}
    for name, value in texts.items():
        if not name or "=" in name or "\0" in name + value:
            raise UserErrorException(
                f"The environment variable {name!r} cannot be set: a name must not be empty or "
                "contain '=', and neither name nor value may contain a zero byte."
            )
    return texts


def check_arguments(arguments: Any) -> list[Any]:
    """Return a script's arguments as a list. A single text is split into words.

    Raises:
        UserErrorException: an argument is not a text, a number, a path or data.
    """
    if isinstance(arguments, str):
        return split_words(arguments, "arguments")
    if isinstance(arguments, bytes) or not isinstance(arguments or (), Sequence):
        raise UserErrorException(
            f"arguments must be a list of texts and numbers, and is the "
            f"{type(arguments).__name__} {arguments!r}."
        )
    for index, argument in enumerate(arguments or ()):
        if isinstance(argument, DatasetBase):
            raise UserErrorException(
                f"Argument {index} of the script is a {type(argument).__name__}, which needs a "
                "name: pass dataset.as_named_input('data'), and .as_mount() for a path."
            )
        if not isinstance(argument, (str, numbers.Number, os.PathLike, ScriptArgument)):
            raise UserErrorException(
                f"Argument {index} of the script is a {type(argument).__name__}; arguments are "
                "texts and numbers. Pass a file's path, or store the object in the source folder."
            )
    return [
        os.fspath(value) if isinstance(value, os.PathLike) else value for value in arguments or ()
    ]


def split_words(text: str, what: str) -> list[str]:
    """Split a text into words as a shell does. Raises UserErrorException for an open quote."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UserErrorException(f"{what}={text!r} cannot be split into words ({error}).") from None
