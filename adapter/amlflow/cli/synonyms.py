"""Words that other tools have for amlflow's commands, so that a wrong command names the right one.

For example, ``run ls`` is ``run list``, and ``experiment new`` is ``experiment create``.
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
    "project": "folder", "plugin": "plugins",
}  # fmt: skip

VERBS = {
    "add": ("create", "register", "attach"),
    "archive": ("delete",),
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
    "rm": ("delete", "remove", "detach", "unregister"),
    "remove": ("delete", "detach", "unregister"),
    "delete": ("remove", "detach", "unregister"),
    "create": ("register", "attach", "build"),
    "search": ("list",),
    "set": ("update",),
    "start": ("submit-script",),
    "status": ("show",),
    "stop": ("cancel",),
    "submit": ("submit-script",),
    "abort": ("cancel",),
    "tag": ("update",),
    "tail": ("logs",),
    "tb": ("monitor-tensorboard",),
    "tensorboard": ("monitor-tensorboard",),
    "undelete": ("restore",),
    "view": ("show",),
    "watch": ("monitor-logs",),
    "web": ("open",),
}
"""For each word, the commands that it may mean; the first that a group has is meant."""

ALONE = {
    "init": "folder attach", "studio": "ui", "dashboard": "ui", "server": "ui",
    "config": "workspace show", "register": "model register", "completion": "shell-init",
    "demo": "quickstart",
}  # fmt: skip
"""Words that are a command by themselves elsewhere."""

CUTOFF = 0.6
"""How alike two words are that may be the same with a slip of the finger."""


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word of these that is spelt most alike; None if none is."""
    return next(iter(difflib.get_close_matches(word, list(words), n=1, cutoff=CUTOFF)), None)


def find_verb(word: str, verbs: Iterable[str]) -> str | None:
    """The verb that a word means, or that is spelt like it; None if there is none."""
    available = list(verbs)
    for verb in VERBS.get(word, ()):
        if verb in available:
            return verb
    return nearest(word, available)


def find_command(word: str, commands: Iterable[str]) -> str | None:
    """The group or command that a first word means; None if there is none."""
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


def replace_synonyms(words: Sequence[str], commands: Iterable[str]) -> list[str]:
    """The words of a command line, with amlflow's own in place of the first two."""
    available = list(commands)
    if not words:
        return []
    first, *rest = words
    names = {command.partition(" ")[0] for command in available}
    if first not in names:
        command = find_command(first, available) if not rest else GROUPS.get(first)
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
