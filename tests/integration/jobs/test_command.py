"""The words of the command that a run executes."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from azureml.core import ScriptRunConfig
from helpers.submitted_jobs import log_of, submit, wait_for_end


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python train.py --rate 'a b'", ["python", "train.py", "--rate", "a b"]),
        (["python", "train.py", 1, "a b"], ["python", "train.py", "1", "a b"]),
        # The words of a list stay as they are, unless a shell has to run them.
        (["bash", "-c", "for i in 1 2; do echo $i; done"], None),
        (["awk", "{print $1}", "f"], None),
        # The first one may be a line, as in public examples of distributed scripts.
        (
            ["python -m run --rank $RANK train.py --data", PurePosixPath("a b"), "--epochs 25"],
            ["sh", "-c", "python -m run --rank $RANK train.py --data 'a b' --epochs 25"],
        ),
        (["python train.py", "--epochs 2"], ["python", "train.py", "--epochs", "2"]),
        (["/opt/my tools/run", "a b"], ["/opt/my tools/run", "a b"]),
        ([r"C:\my tools\run.exe", "a b"], [r"C:\my tools\run.exe", "a b"]),
        ("make && ./run", ["sh", "-c", "make && ./run"]),
        ("RATE=1 ./run", ["sh", "-c", "RATE=1 ./run"]),
        (["run", "--rank", "$RANK", "a", "b"], ["sh", "-c", 'run --rank "$RANK" a b']),
        (
            ["echo", "a b", "&&", "run", "--x=${X}`"],
            ["sh", "-c", "echo 'a b' && run \"--x=${X}\\`\""],
        ),
    ],
)
def test_a_command(command: Any, words: list[str] | None) -> None:
    from amlflow.core.scripts.prepared_script import command_of

    found = command_of(ScriptRunConfig(".", command=command), inside=False)
    assert found == (words or command, False)


def test_arguments_of_a_line_are_no_part_of_it() -> None:
    from amlflow.core.scripts.prepared_script import command_of

    config = ScriptRunConfig(".", command="run $RANK", arguments=["$(rm)", 1])
    assert command_of(config, inside=False)[0] == ["sh", "-c", "run $RANK '$(rm)' 1"]


def test_a_shell_reads_a_line(experiment: Any) -> None:
    run = submit(
        experiment, "", script=None, command='echo one && echo "$AZUREML_RUN_ID" | tr -d x'
    )
    assert wait_for_end(run) == "Completed"
    assert log_of(run) == f"one\n{run.id}\n"


def test_a_failing_part_of_a_line_fails_the_run(experiment: Any) -> None:
    run = submit(experiment, "", script=None, command=["false", "&&", "echo", "no"])
    assert wait_for_end(run) == "Failed"


def test_arguments_as_v1_takes_them(experiment: Any) -> None:
    plain = ["a b", "é", "", -1, 1.5, True, PurePosixPath("x/y"), "$(id)", "*", "$NO_SUCH", "a$"]
    arguments = [*plain, "x=$AZUREML_RUN_ID.$HOME"]
    run = submit(experiment, "import sys; print(sys.argv[1:])", arguments=arguments)
    assert wait_for_end(run) == "Completed"
    expected = [*map(str, plain), f"x={run.id}.{os.environ['HOME']}"]
    assert log_of(run) == f"{expected}\n"
    assert ScriptRunConfig(".", "a.py", arguments="--a 'b c'").arguments == ["--a", "b c"]


def test_a_script_by_an_odd_name(experiment: Any) -> None:
    Path("src").mkdir()
    Path("src/-a ü.py").write_text("print('runs')")
    run = submit(experiment, "", script=PurePosixPath("-a ü.py"))
    assert wait_for_end(run) == "Completed"
    assert log_of(run) == "runs\n"
