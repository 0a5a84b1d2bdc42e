"""Exit codes: 2 for wrong usage, and 3 for something that does not exist.

The message is a sentence without names of classes. For a wrong word, it names the right one.
"""

from __future__ import annotations

import csv
import io
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from amlflow import exceptions, spec
from amlflow.cli.absent import why_absent
from amlflow.cli.arguments import ARGUMENTS
from amlflow.cli.commands import COMMANDS
from amlflow.cli.synonyms import ALONE, FLAGS, GROUPS, OTHER_VALUES, SWITCHES, VERBS
from amlflow.cli.usage import GLOBAL
from amlflow.core.runs.run import Run

WRONG_USAGE = """
run list --last abc
run list --last 0
run list --status Bogus
run list --tags =x
run list -o bogus
run list --foo
run update -r x --add-tag =x
run show
run show -r x extra
run compare x
run download -r x --only bogus
experiment create -e 'no name'
run submit-script
run submit-script -e
run submit-script -e 'no name' t.py
folder attach -e 'no name'
computetarget attach -n a --kind local --setting x
computetarget attach -n a --kind local --setting x=1
computetarget attach -n 'a b' --kind local
environment build
environment prune --older-than x
model show
model register -n x --asset-path a
model register -n 'a b' -p t.py
model register -n x -p t.py --cc a
model update -i x:1 --add-tag =
model list --tag =x
dataset register -n a --data-path t.py --format bogus
dataset register -n a --data-path t.py --tags =x
dataset show -n x -v abc
datastore attach -n 'a b' --address x
plugins nope
plugins check
plugins new 1
ui --port abc
ui --port 70000
ui --bogus
run
experiment
nonsense
"""
MISSING = """
run show -r nope
run metrics -r nope
run cancel -r nope
run download-logs -r nope -d x
run list --parent-run-id nope
run list --path nope
run list -w nope
run list -e nope
run logs -r nope
run download -r nope
run compare nope nope
run delete -r nope
run restore -r nope
experiment show -e nope
experiment delete -e nope
experiment restore -e nope
run submit-script -c nope t.py
run submit-script -d nope.yml t.py
folder attach --path nope
computetarget show -n nope
computetarget detach -n nope
computetarget attach -n a --kind nope
environment show -n nope
environment register -d nope
environment download -r nope -d x
model show -n nope
model register -n x -p nope
model register -n x --run-id nope --asset-path a
model delete -i nope:1
dataset show -n nope
dataset register -n a --data-path nope.csv
dataset register -n a --datastore nope --data-path x
datastore detach -n nope
datastore upload -n workspaceblobstore -p nope
datastore download -n workspaceblobstore -d x --prefix nope
dataset register -n a -p nope.csv
plugins check nope
sync --path nope
ui --path nope
"""
CASES = [
    *((2, line) for line in WRONG_USAGE.strip().splitlines()),
    *((3, line) for line in MISSING.strip().splitlines()),
]


@cache
def internal_names() -> set[str]:
    """The names of amlflow's classes of errors, and what Python calls its modules."""
    classes = {
        name
        for module in (exceptions, spec)
        for name in dir(module)
        if isinstance(getattr(module, name), type) and issubclass(getattr(module, name), Exception)
    }
    return {*classes, "amlflow.core", "amlflow.cli", "_command", "_subcommand", "Traceback"}


@pytest.mark.parametrize(("code", "line"), CASES, ids=lambda value: str(value))
def test_the_exit_code_says_what_was_wrong(cli: Any, run: Run, code: int, line: str) -> None:
    done = cli(*shlex.split(line))
    assert (done.code, done.out) == (code, ""), done.err
    assert done.err.startswith("ERROR: ")
    assert [name for name in internal_names() if name in done.err] == []


@pytest.mark.parametrize(
    ("line", "correction"),
    [
        ("run ls", "run list"),
        ("runs ls", "run list"),
        ("ls", "run list"),
        ("ps", "run list"),
        ("jobs list", "run list"),
        ("run get -r x", "run show -r x"),
        ("run describe x", "run show -r x"),
        ("run stop -r x", "run cancel -r x"),
        ("exp list", "experiment list"),
        ("run undelete -r x", "run restore -r x"),
        ("run rm -r x", "run delete -r x"),
        ("run tail -r x", "run logs -r x"),
        ("experiment new -e x", "experiment create -e x"),
        ("model rm -i x:1", "model delete -i x:1"),
        ("env ls", "environment list"),
        ("env rm -n x", "environment remove -n x"),
        ("ct add -n x --kind local", "computetarget attach -n x --kind local"),
        ("job list", "run list"),
        ("job show -n x", "run show --run x"),
        ("job stream --name x", "run monitor-logs --run x"),
        ("job cancel -n x", "run cancel --run x"),
        ("job archive -n x", "run delete --run x"),
        ("job download -n x --download-path d", "run download --run x --output-dir d"),
        ("job update -n x --set a=b", "run update --run x --add-tag a=b"),
        ("run list --expr [?hidden]", "run list --query '[?hidden]'"),
        ("run list --filter tags.a='b'", "run list --query QUERY"),
        ("run list --max-results 5", "run list --last 5"),
        ("run list -m 5", "run list --last 5"),
        ("run list --sort created", "run list --order-by created"),
        ("run metrics -r x --format csv", "run metrics -r x --output csv"),
        ("run show --run-id x", "run show --run x"),
        ("runs describe --run-id x", "run show --run x"),
        ("runs list --experiment-id 3", "run list --experiment-name EXPERIMENT_NAME"),
        ("experiments search", "experiment list"),
        ("artifacts download --run-id x", "run download --run x"),
        ("model create -n x -p y", "model register -n x -p y"),
        ("submit train.py", "run submit-script train.py"),
        ("run create train.py", "run submit-script train.py"),
        ("run train.py", "run submit-script train.py"),
        ("stop x", "run cancel -r x"),
        ("run add-tag -r x --tag a=b", "run update -r x --add-tag a=b"),
        ("run wait -r x", "run monitor-logs -r x"),
        ("run cancel -r x --recursive", "run cancel -r x --with-children"),
        ("doctor", "version"),
    ],
)
def test_a_word_of_another_tool_names_the_command(
    cli: Any, folder: Path, line: str, correction: str
) -> None:
    done = cli(*line.split())
    assert done.code == 2
    assert f"It is `amlflow {correction}`." in done.err


@pytest.mark.parametrize(
    ("line", "way"),
    [
        ("run submit-hyperdrive --hyperdrive-configuration-name x t.py", "run.submit_child()"),
        ("run submit-pipeline -h", "run.submit_child()"),
        ("pipeline list", "run.submit_child()"),
        ("service list -o table", "mlflow models serve"),
        ("model deploy -n x -m y:1", "mlflow models serve"),
        ("workspace create -w x", "amlflow folder attach -w"),
        ("job create -f job.yml", "amlflow run submit-script -e EXPERIMENT SCRIPT"),
        ("online-endpoint create -f x", "mlflow models serve"),
        ("models serve -m x", "mlflow models serve"),
        ("artifacts list -r x", "run.get_file_names()"),
        ("experiments csv -x 3", "amlflow run list -e EXPERIMENT -o csv"),
        ("run rename -r x", "run.display_name = NAME"),
        ("run rerun -r x", "amlflow run download -r RUN_ID --only snapshot"),
        ("gc", "mlflow gc"),
        ("login", "MLFLOW_TRACKING_USERNAME"),
        ("datastore attach-blob -n x -a y -c z", "amlflow datastore attach -n NAME --address"),
    ],
)
def test_a_command_that_other_tools_alone_have_is_refused_with_the_nearest_way(
    cli: Any, line: str, way: str
) -> None:
    done = cli(*line.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("ERROR: amlflow has no command")
    assert way in done.err
    assert "Did you mean" not in done.err
    assert "It is `" not in done.err


def test_no_command_is_both_there_and_absent() -> None:
    assert [name for name in COMMANDS if why_absent(name.split()) is not None] == []


def test_synonyms_name_commands() -> None:
    verbs = {name.partition(" ")[2] for name in COMMANDS}
    assert {verb for means in VERBS.values() for verb in means} <= verbs
    assert set(GROUPS.values()) <= {name.partition(" ")[0] for name in COMMANDS}
    flags = {flag for entry in ARGUMENTS.values() for flag in entry["options_list"]}
    assert {flag for meant in FLAGS.values() for flag in meant} <= {*flags, *GLOBAL}
    assert set(FLAGS) >= SWITCHES | OTHER_VALUES
    assert set(ALONE.values()) - {"ui"} <= set(COMMANDS)  # the studio's plugin adds "ui"


def test_a_wrong_output_format_of_the_environment_is_named(
    cli: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLFLOW_CORE_OUTPUT", "bogus")
    done = cli("run", "list")
    assert (done.code, done.out) == (2, "")
    assert "AMLFLOW_CORE_OUTPUT is 'bogus'" in done.err
    assert "json, jsonc, yaml" in done.err
    assert cli("run", "list", "-o", "tsv").code == 0


def test_csv_has_a_line_of_names_and_quotes_what_needs_it(cli: Any, run: Run) -> None:
    run.set_tags({"note": 'a, "b"\nc'})
    run.child_run()
    done = cli("run", "list", "-o", "csv", "[].{id: run_id, note: tags.note, tags: tags}")
    [row] = csv.DictReader(io.StringIO(done.out))
    assert (row["id"], row["note"]) == (run.id, 'a, "b"\nc')
    assert row["tags"].startswith('{"note"')
    assert cli("run", "list", "-o", "csv", "[].[status]").out == "Column1\nRunning\n"
    assert cli("run", "list", "-o", "csv", "[0].status").out == "Result\nRunning\n"
    assert cli("run", "list", "-o", "csv", "[?tags.nope]").out == ""


@pytest.mark.parametrize("command", ["logs -f", "monitor-logs"])
def test_ctrl_c_while_a_run_is_waited_for_ends_with_130(
    cli: Any, run: Run, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "_report", interrupted)
    done = cli("run", *command.split(), "-r", run.id)
    assert done.code == 130
    assert "the run itself goes on" in done.err
