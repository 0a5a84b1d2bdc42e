"""Every command of the table: exit code 2 for wrong usage, and 3 for what does not exist."""

from __future__ import annotations

from typing import Any

import pytest
from amlflow.cli.arguments import ARGUMENTS
from amlflow.cli.commands import COMMANDS
from amlflow.core.runs.run import Run

VALUES = {
    "add_tag": "a=b", "address": "memory://x", "data_path": "t.py", "dataset_name": "d",
    "description": "x", "directory": "new", "environment_name": "e", "data_dir": "x",
    "key": "a", "kind": "local", "max_nodes": "1", "model_id": "m:1", "name": "local",
    "one_experiment": "explore", "output_dir": "x", "registered_name": "m", "src_path": "t.py",
    "store_name": "workspaceblobstore", "target_dir": "x",
}  # fmt: skip
"""A value that is right for each argument that a command must have, besides runs."""
MORE = {
    "environment build": ["-n", "e"],
    "environment download": ["-r", "nope"],
    "environment remove": ["-n", "e"],
    "model register": ["-p", "t.py"],
    "model show": ["-n", "m"],
    "run submit-script": ["t.py"],
}
"""What else a command needs."""
INSTEAD = {
    ("environment download", "any_environment"): [],
    ("environment remove", "hash_"): [],
    ("model register", "model_run_id"): ["--asset-path", "a"],
    ("model show", "shown_id"): [],
}
"""What else it needs with an argument."""
NAMES_SOMETHING = {
    "run_id": "nope", "several_run_ids": "nope", "parent_run_id": "nope", "any_run": "nope",
    "model_run_id": "nope", "experiment_name": "nope", "one_experiment": "nope",
    "workspace_name": "nope", "path": "nope", "model_id": "nope:1", "shown_id": "nope:1",
    "environment_name": "nope", "any_environment": "nope", "hash_": "0123456789abcdef",
    "dataset_name": "nope", "store_name": "nope", "datastore_name": "nope", "src_path": "nope",
    "name": "nope", "kind": "nope", "run_configuration_name": "nope",
    "conda_dependencies": "nope.yml", "source_directory": "nope", "target": "nope",
    "model_path": "nope", "compute_target_name": "nope",
}  # fmt: skip
"""Arguments that name what must be there, each with a name of nothing."""
MAKES_IT = {
    ("computetarget attach", "name"),
    ("computetarget create amlcompute", "name"),
    ("dataset register", "dataset_name"),
    ("datastore attach", "store_name"),
    ("environment scaffold", "environment_name"),
    ("experiment create", "one_experiment"),
    ("folder attach", "experiment_name"),
    ("folder attach", "workspace_name"),
    ("run submit-script", "experiment_name"),
}
"""Arguments of commands that make what they name."""
FILTERS = {
    ("model list", "model_run_id"),
    ("run list", "compute_target_name"),
    ("workspace list", "workspace_name"),
    ("workspace list", "path"),
}
"""Arguments that only say what is listed."""
NOT_READ = {
    ("environment prune", "workspace_name"),
    ("environment prune", "path"),
    ("environment scaffold", "workspace_name"),
    ("environment scaffold", "path"),
    ("model register", "experiment_name"),
}
"""Arguments that every command of a group takes, and some have no use for."""
ELSEWHERE = {
    ("environment remove", "hash_"),
    ("run submit-script", "source_directory"),
    ("run submit-script", "target"),
}
"""Arguments that need more than this process: Docker, or a tracker that a script reaches."""
FIRST_WITH = {
    name: command for command in reversed(COMMANDS) for name in COMMANDS[command].arguments
}
"""For each argument, a command that has it. An argument is read alike by all."""
LEFT_OUT = MAKES_IT | FILTERS | NOT_READ | ELSEWHERE


def tokens(argument: str, value: str) -> list[str]:
    """An argument with its value, as it is written."""
    return [ARGUMENTS[argument]["options_list"][0], value]


def complete(command: str, run: Run, argument: str = "", value: str = "") -> list[str]:
    """A command with all that it must have, and with an argument."""
    line = command.split()
    for name in COMMANDS[command].arguments:
        if name == argument:
            line += tokens(name, value)
        elif name == "run_ids":
            line += [run.id, run.id]
        elif ARGUMENTS[name].get("required"):
            line += tokens(name, VALUES.get(name) or run.id)
    if argument and ARGUMENTS[argument]["options_list"][-1] in MORE.get(command, []):
        return line
    return [*line, *INSTEAD.get((command, argument), MORE.get(command, []))]


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_usage_of_every_command(
    cli: Any, run: Run, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, right = command.split(), complete(command, run)
    lines = [[*words, "--bogus", *right[len(words) :]], [*words, "-o", "x", *right[len(words) :]]]
    if command == "run submit-script":
        del lines[0]  # it may be the script's
    for name in COMMANDS[command].arguments:
        argument = ARGUMENTS[name]
        if not argument["options_list"] or (
            FIRST_WITH[name] != command and not argument.get("required")
        ):
            continue
        flag = argument["options_list"][0]
        if argument.get("action") != "store_true":
            lines.append([*words, flag])
        if "choices" in argument:
            lines.append([*words, flag, "bogus"])
        if argument.get("required"):
            place = right.index(flag)
            lines.append(right[:place] + right[place + 2 :])
    for line in lines:
        done = cli(*line)
        assert (done.code, done.out) == (2, ""), (line, done.err)
        assert done.err.startswith("ERROR: "), line
    monkeypatch.setenv("AMLFLOW_CORE_OUTPUT", "bogus")
    done = cli(*right)
    assert (done.code, done.out) == (2, "")
    assert "AMLFLOW_CORE_OUTPUT is 'bogus'" in done.err


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_names_and_is_not_there(cli: Any, run: Run, command: str) -> None:
    if command == "environment register":
        cli("environment", "scaffold", "-n", "e", "-d", "new")
    for name in COMMANDS[command].arguments:
        if name not in NAMES_SOMETHING or (command, name) in LEFT_OUT:
            continue
        line = complete(command, run, name, NAMES_SOMETHING[name])
        done = cli(*line)
        assert (done.code, done.out) == (3, ""), (line, done.err)
        assert NAMES_SOMETHING[name].partition(":")[0] in done.err, line
