"""The words of other tools for amlflow's commands, to suggest the right command.

For example, ``run ls`` means ``run list``, and ``experiment new`` means ``experiment create``.
"""

from __future__ import annotations

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
    "artifacts": ("download",),
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
    "fail": ("mark-failed",),
    "fetch": ("download",),
    "find": ("list",),
    "follow": ("logs",),
    "get": ("show",),
    "history": ("list",),
    "info": ("show",),
    "init": ("attach", "scaffold"),
    "inspect": ("show",),
    "kill": ("cancel",),
    "launch": ("submit-script",),
    "link": ("open",),
    "log": ("logs",),
    "list-children": ("children",),
    "ls": ("list",),
    "make": ("create", "build", "register"),
    "new": ("create", "register", "scaffold", "attach"),
    "outputs": ("download",),
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
    "stats": ("metrics",),
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

_LONG_VERBS = [word for word in VERBS if len(word) > 4]
"""The words that are long enough to be known with a typing mistake."""

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

MIN_BEGIN = 3
"""How many letters of a word are enough to be taken for it."""
ONE_MISTAKE, TWO_MISTAKES = 3, 8
"""How long words are that may have one typing mistake, and two."""


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the word that was mistyped, or of which a word is the begin; None if there is none.

    A typing mistake is a letter that is wrong, missing, too many, or in the place of its neighbour.
    """
    available = sorted(words, key=len)
    stem = word.lower().strip("-")
    mistakes = {name: count_mistakes(stem, name.lower().strip("-")) for name in available}
    alike = [name for name in available if mistakes[name] <= _allowed(stem, name.strip("-"))]
    if alike:
        return min(alike, key=mistakes.__getitem__)
    if len(stem) < MIN_BEGIN:
        return None
    return next((name for name in available if name.lower().strip("-").startswith(stem)), None)


def _allowed(word: str, name: str) -> int:
    length = max(len(word), len(name))
    return (length >= ONE_MISTAKE) + (length >= TWO_MISTAKES)


def count_mistakes(word: str, name: str) -> int:
    """Count the typing mistakes that make a word of a name.

    difflib measures something else: to it, "report" is nearer to "export" than "rnu" to "run".
    """
    before: list[int] = []
    row = list(range(len(name) + 1))
    for i, letter in enumerate(word, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(name, 1):
            fewest = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and (letter, word[i - 2]) == (name[j - 2], other):
                fewest = min(fewest, last[j - 2] + 1)
            row.append(fewest)
    return row[-1]


def find_verb(word: str, verbs: Iterable[str]) -> str | None:
    """Return the verb that a word means, or that is spelt like it; None if not known."""
    available = list(verbs)
    alike = nearest(word, available)
    known = word if word in VERBS or alike is not None else nearest(word, _LONG_VERBS)
    meant = (verb for verb in VERBS.get(known or word, ()) if verb in available)
    return next(meant, alike)


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
