"""How similar works become a job array of Slurm. No Slurm is needed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from amlflow.exceptions import ComputeTargetException
from amlflow.spec import ClusterWork, JobState, Unavailable
from amlflow_slurm import arrays, squeue
from amlflow_slurm.cluster import SlurmCluster
from amlflow_slurm.settings import read_settings
from helpers.slurm_answers import row

CONFIG = """\
MaxArraySize            = {limit}
SchedulerParameters     = {scheduler}
"""


class Slurm:
    """Answers as Slurm's commands do, and notes how they are called."""

    def __init__(self, limit: int = 1001) -> None:
        self.limit, self.queue, self.calls = limit, "", []
        self.scheduler = "bf_interval=1"
        self.scripts: dict[str, str] = {}

    def __call__(
        self, command: Sequence[str], stdin: str = "", environment: Any = None, **_: Any
    ) -> str:
        self.calls.append((list(command), stdin, environment))
        if command[0] == "squeue":
            return self.queue
        if command[:3] == ["scontrol", "show", "config"]:
            return CONFIG.format(limit=self.limit, scheduler=self.scheduler)
        if command[:3] == ["scontrol", "write", "batch_script"]:
            if command[3] not in self.scripts:
                raise ComputeTargetException("Slurm refuses it: Invalid job id specified")
            return self.scripts[command[3]]
        return ""

    def calls_of(self, program: str) -> list[tuple[list[str], str, Any]]:
        return [call for call in self.calls if call[0][0] == program]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    fake = Slurm()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for module in ("arrays", "cluster", "site", "squeue"):
        monkeypatch.setattr(f"amlflow_slurm.{module}.run_command", fake)
    monkeypatch.setattr("amlflow_slurm.site.MAX_AGE_S", 0)
    return fake


@pytest.fixture
def cluster(slurm: Slurm) -> SlurmCluster:
    return SlurmCluster(read_settings({"partition": "main"}))


def work(number: int, **values: Any) -> ClusterWork:
    fields: dict[str, Any] = {
        "name": f"{number:032x}",
        "python": "/usr/bin/python3",
        "arguments": ["-m", "agent"],
        "environment": {"SHARED": "x", "OWN": f"{number} 'quoted'\n$HOME"},
        **values,
    }
    return ClusterWork(**fields)


def sizes(works: Sequence[ClusterWork]) -> list[int]:
    return [len(group) for group in arrays.split(works)]


def test_works_that_are_alike_are_one_array(slurm: Slurm, cluster: SlurmCluster) -> None:
    works = [work(number) for number in range(5)]
    cluster.submit(works)
    [(command, script, environment)] = slurm.calls_of("sbatch")
    assert "--array=0-4" in command
    assert environment == {"SHARED": "x"}
    assert script.startswith(f"#!/bin/bash\n{arrays.names_line(works)}\n")
    assert "3) export OWN='3 '\"'\"'quoted'\"'\"'\n$HOME' ;;" in script
    assert "quoted" not in " ".join(command)


def test_one_work_is_not_an_array(slurm: Slurm, cluster: SlurmCluster) -> None:
    cluster.submit([work(1)])
    [(command, script, _)] = slurm.calls_of("sbatch")
    assert f"--job-name={work(1).name}" in command
    assert not any(word.startswith("--array") for word in command)
    assert "names" not in script


@pytest.mark.parametrize(
    "other",
    [
        {"nodes": 2},
        {"python": "/opt/python"},
        {"arguments": ["-m", "other"]},
        {"max_seconds": 60.0},
        {"processes_per_node": 2},
        {"distribution": "mpi"},
        {"image": "other"},
        {"environment": {"SHARED": "x"}},
        {"environment": {"SHARED": "x", "OWN": "y", "MORE": "z"}},
    ],
)
def test_works_that_differ_are_not_in_one_array(slurm: Slurm, other: dict[str, Any]) -> None:
    assert sizes([work(0), work(1), work(2, **other), work(3), work(4)]) == [2, 1, 2]


def test_a_variable_that_a_shell_cannot_set_is_not_an_elements_own(slurm: Slurm) -> None:
    alike = [work(number, environment={"a.b": "same"}) for number in range(2)]
    other = work(2, environment={"a.b": "another"})
    assert sizes([*alike, other]) == [2, 1]


def test_the_clusters_limit_is_kept(slurm: Slurm) -> None:
    slurm.limit = 400
    assert sizes([work(number) for number in range(1000)]) == [400, 400, 200]
    assert len(slurm.calls_of("scontrol")) == 1
    slurm.scheduler = "bf_interval=1,max_array_tasks=250,defer"
    assert sizes([work(number) for number in range(600)]) == [250, 250, 100]
    slurm.limit = 0  # the cluster has no arrays
    assert sizes([work(number) for number in range(3)]) == [1, 1, 1]


def test_a_script_is_not_longer_than_slurm_takes(
    slurm: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "MAX_SCRIPT", 10_000)
    works = [work(number, environment={"OWN": f"{number}'" * 300}) for number in range(40)]
    groups = list(arrays.split(works))
    assert [item for group in groups for item in group] == works
    assert len(groups) > 4
    assert all(len("\n".join(arrays.own_lines(group))) < 10_000 for group in groups)


def test_what_all_elements_share_is_in_no_script(
    slurm: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "MAX_SCRIPT", 10_000)
    works = [work(n, environment={"SHARED": "x" * 5000, "OWN": str(n)}) for n in range(40)]
    assert list(arrays.split(works)) == [works]
    # The third has another value, so that the first two need theirs in the script.
    works[2] = work(2, environment={"SHARED": "y" * 5000, "OWN": "2"})
    assert len(next(arrays.split(works))) == 2


def array_in_queue(slurm: Slurm, works: Sequence[ClusterWork], state: str = "PENDING") -> None:
    name = arrays.name_of(works)
    slurm.queue = "\n".join(row(state, Name=name, id=f"7_{number}") for number in range(len(works)))


def test_each_element_is_looked_at_by_its_works_name(slurm: Slurm, cluster: SlurmCluster) -> None:
    works = [work(number) for number in range(12)]
    cluster.submit(works)
    array_in_queue(slurm, works)
    jobs = cluster.look([item.name for item in works], now=True)
    assert [job.id for job in jobs.values()] == [f"7_{number}" for number in range(12)]
    assert [job.before for job in jobs.values()] == list(range(12))
    assert slurm.calls_of("squeue")[0][0].count("--array") == 1
    assert len(slurm.calls_of("squeue")) == 1
    cluster.look([works[3].name])
    assert len(slurm.calls_of("squeue")) == 1


def test_another_machine_asks_slurm_once_for_the_names(
    slurm: Slurm, cluster: SlurmCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    works = [work(number) for number in range(3)]
    cluster.submit(works)
    array_in_queue(slurm, works, "RUNNING")
    slurm.scripts["7"] = slurm.calls_of("sbatch")[0][1]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    for _ in range(2):
        jobs = cluster.look([works[2].name], now=True)
        assert (jobs[works[2].name].state, jobs[works[2].name].id) == (JobState.RUNNING, "7_2")
    assert len([call for call in slurm.calls_of("scontrol") if "write" in call[0]]) == 1


@pytest.mark.parametrize(
    "script",
    [
        None,
        "",
        "#!/bin/bash",
        "#!/bin/bash\n# names: a b",
        "#!/bin/bash\n# names: ../a",
        f"#!/bin/bash\n\n# names: {work(0).name} {work(1).name}",
    ],
)
def test_a_script_that_is_not_the_arrays_names_nothing(
    slurm: Slurm, cluster: SlurmCluster, script: str | None
) -> None:
    works = [work(number) for number in range(2)]
    array_in_queue(slurm, works, "RUNNING")
    if script is not None:
        slurm.scripts["7"] = script
    jobs = cluster.look([works[0].name], now=True)
    assert jobs[works[0].name].state is JobState.UNKNOWN


@pytest.mark.parametrize("content", ["", "[1]", "{}", '["a"]', "\0"])
def test_a_kept_list_that_is_not_the_arrays_is_asked_for(
    slurm: Slurm, cluster: SlurmCluster, tmp_path: Path, content: str
) -> None:
    works = [work(number) for number in range(2)]
    cluster.submit(works)
    slurm.scripts["7"] = slurm.calls_of("sbatch")[0][1]
    [kept] = tmp_path.rglob("slurm-*-array-*.json")
    kept.write_text(content)
    array_in_queue(slurm, works)
    assert cluster.look([works[1].name], now=True)[works[1].name].id == "7_1"


def test_old_lists_are_removed(slurm: Slurm, cluster: SlurmCluster, tmp_path: Path) -> None:
    cluster.submit([work(1), work(2)])
    [kept] = tmp_path.rglob("slurm-*-array-*.json")
    os.utime(kept, (0, 0))
    cluster.submit([work(3), work(4)])
    assert not kept.exists()
    assert len(list(tmp_path.rglob("slurm-*-array-*.json"))) == 1


def test_one_element_is_cancelled(slurm: Slurm, cluster: SlurmCluster) -> None:
    works = [work(number) for number in range(3)]
    cluster.submit(works)
    array_in_queue(slurm, works)
    cluster.cancel([works[1].name])
    assert [call[0] for call in slurm.calls_of("scancel")] == [["scancel", "--quiet", "7_1"]]


def test_many_elements_are_cancelled_together(slurm: Slurm, cluster: SlurmCluster) -> None:
    works = [work(number) for number in range(700)]
    cluster.submit(works)
    array_in_queue(slurm, works)
    cluster.cancel([item.name for item in works])
    commands = [call[0] for call in slurm.calls_of("scancel")]
    assert [len(command) for command in commands] == [502, 202]


def test_jobs_that_slurm_does_not_have_cost_no_scancel(slurm: Slurm, cluster: SlurmCluster) -> None:
    """As after a refusal of the second of several arrays: otherwise it takes minutes."""
    works, single = [work(number) for number in range(3)], "a" * 32
    cluster.submit(works)
    array_in_queue(slurm, works)
    slurm.queue += "\n" + row("PENDING", Name=single, id="9")
    cluster.cancel([work(number).name for number in range(600)] + [single])
    elements, by_name = [call[0] for call in slurm.calls_of("scancel")]
    assert elements[2:] == ["7_0", "7_1", "7_2"]
    assert by_name[1] == f"--name={single}"


def test_an_array_of_somebody_elses_is_left_alone(slurm: Slurm) -> None:
    slurm.queue = row("RUNNING", Name="train", id="9_1")
    squeue.ask(now=True)
    assert slurm.calls_of("scontrol") == []


def test_a_lost_answer_of_an_array_submits_once(
    slurm: Slurm, cluster: SlurmCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = [work(number) for number in range(3)]

    def lose(command: Sequence[str], stdin: str = "", environment: Any = None) -> str:
        slurm(command, stdin, environment)
        array_in_queue(slurm, works)
        raise Unavailable("Slurm does not answer.")

    monkeypatch.setattr("amlflow_slurm.cluster.run_command", lose)
    cluster.submit(works)
    assert len(slurm.calls_of("sbatch")) == 1


def test_an_element_is_nudged_once_no_other_of_its_array_waits(
    slurm: Slurm, cluster: SlurmCluster
) -> None:
    """Slurm 22.05 lets scancel try for a minute to signal an element while others wait."""
    single, alone, waited = "a" * 32, "b" * 32, "c" * 32
    works = [work(number) for number in range(2)]
    others = [work(number) for number in range(2)]
    arrays.keep_names(works)
    arrays.keep_names(others)
    slurm.queue = "\n".join(
        [
            row("RUNNING", Name=arrays.name_of(works), id="7_0"),
            row("PENDING", Name=arrays.name_of(works), id="7_1"),
            row("RUNNING", Name=arrays.name_of(others), id="8_0"),
            row("RUNNING", Name=single, id="9"),
            row("PENDING", Name=waited, id="10"),
        ]
    )
    squeue.ask(now=True)
    cluster.nudge([works[0].name, others[0].name, single, alone, waited])
    running, elements, *by_name = (words for words, *_ in slurm.calls_of("scancel"))
    assert running[-1] == "9"
    assert "--state=RUNNING" not in running  # scancel would ask Slurm first
    assert elements[-1] == "8_0"
    assert [words[-2] for words in by_name] == [f"--name={alone}", f"--name={waited}"]
    for words in (elements, *by_name):
        assert {"--signal=URG", "--batch", "--state=RUNNING"} <= set(words)


def test_a_nudge_comes_before_the_question_for_elements(
    slurm: Slurm, cluster: SlurmCluster
) -> None:
    """The question takes as long as the nudge, and most jobs are known by their own name."""
    works, single = [work(number) for number in range(2)], "a" * 32
    arrays.keep_names(works)
    slurm.queue = "\n".join(
        [row("RUNNING", Name=arrays.name_of(works), id="7_0"), row("RUNNING", Name=single, id="9")]
    )
    cluster.nudge([single, works[0].name])
    names, others, question, elements = [words for words, *_ in slurm.calls]
    assert f"--name={single}" in names
    assert f"--name={works[0].name}" in others
    assert question[0] == "squeue"
    assert elements[-1] == "7_0"
