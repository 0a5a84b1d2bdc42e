"""The words of other tools for amlflow's commands, to suggest the right command.

For example, ``run ls`` means ``run list``, and ``experiment new`` means ``experiment create``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

GROUPS = {
    "job": "run", "jobs": "run", "runs": "run", "exp": "experiment", "experiments": "experiment",
    "models": "model", "ws": "workspace", "workspaces": "workspace", "compute": "computetarget",
    "target": "computetarget", "targets": "computetarget", "ct": "computetarget",
    "env": "environment", "envs": "environment", "environments": "environment",
    "data": "dataset", "datasets": "dataset", "store": "datastore", "datastores": "datastore",
    "project": "folder", "plugin": "plugins", "artifact": "run", "artifacts": "run",
}  # fmt: skip

VERBS = {
    "add": ("create", "register", "attach"),
    "add-tag": ("update",),
    "archive": ("delete", "unregister", "remove"),
    "browse": ("open",),
    "cat": ("logs",),
    "chart": ("metrics",),
    "copy": ("download",),
    "del": ("delete", "remove", "detach", "unregister"),
    "describe": ("show",),
    "destroy": ("delete", "remove", "detach", "unregister"),
    "diff": ("compare",),
    "edit": ("update",),
    "exec": ("submit-script",),
    "execute": ("submit-script",),
    "export": ("download",),
    "fetch": ("download",),
    "find": ("list",),
    "follow": ("logs",),
    "get": ("show",),
    "info": ("show",),
    "init": ("attach", "scaffold"),
    "inspect": ("show",),
    "kill": ("cancel",),
    "launch": ("submit-script",),
    "link": ("open",),
    "log": ("logs",),
    "ls": ("list",),
    "make": ("create", "build", "register"),
    "new": ("create", "register", "scaffold", "attach"),
    "plot": ("metrics",),
    "ps": ("list",),
    "pull": ("download",),
    "push": ("upload", "register"),
    "put": ("upload", "register"),
    "reactivate": ("restore",),
    "recover": ("restore",),
    "remove-tag": ("delete-tag",),
    "rm": ("delete", "remove", "detach", "unregister"),
    "remove": ("delete", "detach", "unregister"),
    "delete": ("remove", "detach", "unregister"),
    "create": ("register", "attach", "build", "submit-script"),
    "search": ("list",),
    "set": ("update",),
    "set-tag": ("update",),
    "start": ("submit-script",),
    "status": ("show",),
    "stop": ("cancel",),
    "stream": ("monitor-logs",),
    "submit": ("submit-script",),
    "abort": ("cancel",),
    "tag": ("update",),
    "tags": ("update",),
    "untag": ("delete-tag",),
    "tail": ("logs",),
    "tb": ("monitor-tensorboard",),
    "tensorboard": ("monitor-tensorboard",),
    "undelete": ("restore",),
    "view": ("show",),
    "wait": ("monitor-logs",),
    "watch": ("monitor-logs",),
    "web": ("open",),
}
"""For each word, the verbs that it may mean. The first one that a group has is suggested."""

ALONE = {
    "init": "folder attach", "studio": "ui", "dashboard": "ui", "server": "ui",
    "config": "workspace show", "register": "model register", "completion": "shell-init",
    "demo": "quickstart", "doctor": "version",
}  # fmt: skip
"""Words that are commands of other tools without a group."""

_RUN, _LAST, _QUERY = ("--run",), ("--last",), ("--query",)
_TAG, _FOLDER = ("--add-tag", "--tags", "--tag"), ("--output-dir", "--target-dir")
FLAGS = {
    "--run-id": _RUN, "--job": _RUN, "--id": ("--run", "--model-id"), "--job-name": _RUN,
    "--name": ("--run", "--experiment-name"), "-n": ("--run", "--experiment-name"),
    "--experiment": ("--experiment-name",), "--experiment-id": ("--experiment-name",),
    "--workspace": ("--workspace-name",),
    "--expr": _QUERY, "--expression": _QUERY, "--jmespath": _QUERY, "--jq": _QUERY,
    "--filter": _QUERY, "--filter-string": _QUERY, "--where": _QUERY,
    "--max-results": _LAST, "-m": _LAST, "--limit": _LAST, "--top": _LAST, "--head": _LAST,
    "--max": _LAST, "--count": _LAST,
    "--sort": ("--order-by",), "--sort-by": ("--order-by",), "--order": ("--order-by",),
    "--format": ("--output",), "--fmt": ("--output",), "--search": ("--text",),
    "--add-tag": _TAG, "--tags": _TAG, "--tag": _TAG, "--set": _TAG,
    "--download-path": _FOLDER, "--dst-path": _FOLDER, "--dir": _FOLDER, "--dest": _FOLDER,
    "--compute": ("--target", "--compute-target-name"), "--no-wait": ("--async",),
    "--watch": ("--follow",), "--stream": ("--follow",), "--recursive": ("--with-children",),
    "--all": ("--all-experiments",),
    "--config": ("--run-configuration-name",), "--conda-file": ("--conda-dependencies",),
}  # fmt: skip
"""For each flag of other tools, those that it may mean; the first that a command has is meant."""
SWITCHES = {"--no-wait", "--watch", "--stream", "--recursive", "--all"}
"""Flags of other tools without a value."""
OTHER_VALUES = {"--experiment-id", "--filter", "--filter-string", "--where"}
"""Flags whose value is none that the flag which is meant takes."""

CUTOFF = 0.6
"""How similar two words must be to count as a typing mistake, from 0 to 1."""


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the word with the most similar spelling; None if none is similar enough."""
    return next(iter(difflib.get_close_matches(word, list(words), n=1, cutoff=CUTOFF)), None)


def find_verb(word: str, verbs: Iterable[str]) -> str | None:
    """Return the verb that a word means, or that is spelt like it; None if not known."""
    available = list(verbs)
    for verb in VERBS.get(word, ()):
        if verb in available:
            return verb
    return nearest(word, available)


def find_flag(flag: str, flags: Iterable[str]) -> str | None:
    """The flag that a flag means, or that is spelt like it; None if there is none."""
    available = list(flags)
    for meant in FLAGS.get(flag, ()):
        if meant in available:
            return meant
    # Each short flag is alike to each other one.
    return (
        nearest(flag, [name for name in available if name.startswith("--")])
        if (flag.startswith("--"))
        else None
    )


def find_command(word: str, commands: Iterable[str]) -> str | None:
    """Return the group or command that a first word means; None if not known."""
    available = list(commands)
    for command in (GROUPS.get(word), ALONE.get(word)):
        if command is not None:
            return command
    verbs = [command.partition(" ")[2] for command in available if command.startswith("run ")]
    groups = {command.partition(" ")[0] for command in available}
    if word in verbs:
        return f"run {word}"
    alike = nearest(word, groups)
    if alike is not None:
        return alike
    verb = find_verb(word, verbs)
    return None if verb is None else f"run {verb}"


def _find_run_command(word: str, commands: Sequence[str]) -> str | None:
    """The command of runs that another tool calls by a word."""
    return next((f"run {verb}" for verb in VERBS.get(word, ()) if f"run {verb}" in commands), None)


def replace_synonyms(words: Sequence[str], commands: Iterable[str]) -> list[str]:
    """Replace the first two words of a command line by amlflow's words."""
    available = list(commands)
    if not words:
        return []
    first, *rest = words
    names = {command.partition(" ")[0] for command in available}
    if first not in names:
        command = find_command(first, available) if not rest else GROUPS.get(first)
        if command is None and rest:
            command = _find_run_command(first, available)
        first = command or first
        if " " in first:
            return [*first.split(), *rest]
    verbs = [name.partition(" ")[2] for name in available if name.startswith(f"{first} ")]
    by_first_word = {verb.split()[0]: verb.split() for verb in verbs}
    if rest and rest[0] in by_first_word:
        verb = by_first_word[rest[0]]
        rest = [*verb, *rest[len(verb) if rest[: len(verb)] == verb else 1 :]]
    elif rest:
        exact = next((verb for verb in VERBS.get(rest[0], ()) if verb in verbs), None)
        rest[0] = exact or rest[0]
    return [first, *rest]
