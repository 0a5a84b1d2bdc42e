"""The message for a wrong query, in the SDK and on the command line, also through a shell."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from amlflow.cli import main
from amlflow.cli.queries import for_shells
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.exceptions import UserErrorException

# the same sentence everywhere, and how a shell is given a query


def test_the_sdk_and_the_command_line_say_the_same(
    experiment: Experiment, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run.tag("n", "3")
    for query in ("[?tags.n > `1`]", "[?tags.a-b=='x']", "sort_by(@, &end_time_utc)"):
        with pytest.raises(UserErrorException) as caught:
            experiment.query(query)
        assert main(["run", "list", query]) in (1, 2)
        assert caught.value.message.splitlines()[0] in capsys.readouterr().err


def test_other_commands_queries_fail_in_the_same_words(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run.tag("n", "3")
    assert main(["run", "show", "-r", run.id, "--query", "tags.n > `1`"]) == 1
    assert "write to_number(tags.n) > `1`" in capsys.readouterr().err
    assert main(["experiment", "list", "--query", "[?names=='a']"]) == 0
    assert capsys.readouterr().err == ""


QUERIES = [
    "[?tags.quality=='fantastic run']",
    "[?tags.\"k8s-service\"=='a']",
    "[?to_number(tags.n) > `1` && !(tags.x)]",
    r"[?tags.a=='back\\slash $HOME %PATH%']",
    "[?tags.a!='b' || ! tags.b]",
]


@pytest.mark.parametrize("query", QUERIES)
def test_bash_hands_on_what_the_hint_shows(query: str) -> None:
    [line] = [each for each in for_shells(query).splitlines() if each.startswith("    bash")]
    script = f"set -H; set -o history\nprintf %s {line.partition(':')[2].strip()}\n"
    command = [str(shutil.which("bash")), "--norc", "-i"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    assert done.stdout.endswith(query), done.stderr


def test_the_hint_shows_the_query_that_was_meant(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "list", "[?tags.k8s-service==a]"]) == 2
    err = capsys.readouterr().err
    assert r'''"[?tags.\"k8s-service\"=='a']"''' not in err  # `a` parses, and is warned of
    assert r'''"[?tags.\"k8s-service\"==a]"''' in err
    assert main(["run", "list", "[?tags.quality==fantastic", "run]"]) == 2
    assert '''"[?tags.quality=='fantastic run']"''' in capsys.readouterr().err
