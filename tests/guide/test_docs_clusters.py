"""The blocks of docs/clusters.md run as they stand, on a real Slurm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml
from amlflow_slurm.settings import read_settings
from blocks import PROJECT, block
from helpers import servers
from helpers.submitted_jobs import until
from test_docs import OFFLINE, clone

__all__ = ["clone"]  # a fixture


def run(*command: str, folder: Path, **environment: str) -> str:
    first = environment.pop("PATH", str(Path(sys.executable).parent))
    path = f"{first}:/usr/bin:/bin:/usr/sbin:/sbin"
    done = subprocess.run(
        command, cwd=folder, env=servers.clean_environment(PATH=path, **environment),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_from_a_login_node_to_a_cancelled_job(
    clone: Path, folder: Path, jobs: Path, server_uri: str, slurm: str
) -> None:
    server = block("slurm-server").replace("http://mlflow.example:5000", server_uri)
    told = r'printf "%s\n" "$PATH" "$MLFLOW_TRACKING_URI"'
    begin = "\n".join([block("slurm-install"), server, told])
    path, uri = run("bash", "-euc", begin, folder=clone, **OFFLINE).splitlines()
    python = path.partition(":")[0] + "/python"
    compute = folder / ".azureml" / "compute.yaml"
    compute.parent.mkdir()
    compute.write_text(block("slurm-compute"))
    environment = {"MLFLOW_TRACKING_URI": uri, "PATH": path}

    def answer(line: str) -> str:
        return run("bash", "-euc", line, folder=folder, **environment).strip()

    command, _, expected = block("slurm-check").strip().removeprefix("$ ").partition("\n")
    # Nodes may still be busy with the jobs of other tests.
    until(lambda: answer(command) == expected, what=expected)
    shown = run(python, "-c", block("slurm-submit"), folder=folder, **environment)
    assert "trained" in shown
    assert shown.splitlines()[-1] == f"Completed {{'loss': {[1.0, 0.5, 1 / 3]}}}"
    shown = run(python, "-c", block("slurm-nodes"), folder=folder, **environment)
    logs = [f"user_logs/std_log_process_{number}.txt" for number in range(4)]
    assert shown.splitlines()[-1] == f"12 {logs}"
    # The next one waits, until somebody releases it.
    compute.write_text(block("slurm-compute") + "  options: [--hold]\n")
    held = block("slurm-submit").split("run.wait")[0]
    run(python, "-c", held, folder=folder, **environment)

    def shown_now() -> str:
        return run(python, "-c", block("slurm-waiting"), folder=folder, **environment)

    # Slurm's last answer is some seconds old.
    until(lambda: "Queued waiting: JobHeldUser\n" in shown_now(), what="the reason")
    command, _, expected = block("slurm-show").strip().removeprefix("$ ").partition("\n")

    # Nodes may still be busy with the ends of the jobs before.
    until(lambda: answer(command) == expected, what=expected)
    of_target = "amlflow run list -e on-slurm --compute-target-name gpu-cluster"
    assert len(answer(f"{of_target} --query '[].run_id' -o tsv").split()) == 3
    run("bash", "-euc", block("slurm-cancel"), folder=folder, **environment)
    after = shown_now()
    assert "Canceled" in after
    assert "Queued" not in after
    shown = run(python, "-c", block("slurm-array"), folder=folder, **environment)
    assert shown == f"{['Queued'] * 4}\n"
    command = block("slurm-cancel-array")
    shown = run(python, "-c", command, folder=folder, **environment)
    assert shown == f"{['Canceled'] * 4}\n"
    waiting = answer("squeue --noheader --array --states=PENDING")
    assert waiting == ""


def test_targets_of_several_sizes() -> None:
    targets = yaml.safe_load(block("slurm-sizes"))
    assert [settings.pop("kind") for settings in targets.values()] == ["slurm", "slurm"]
    asked = [read_settings(settings).to_options() for settings in targets.values()]
    assert asked[0] == ["--partition=main", "--cpus-per-task=1"]
    assert {"--cpus-per-task=8", "--gres=gpu:2", "--mem=64G"} < {*asked[1]}


def test_a_target_with_an_image_starts_the_agent_in_it() -> None:
    settings = yaml.safe_load(block("slurm-image"))["gpu-cluster"]
    assert settings.pop("kind") == "slurm"
    command = " ".join(read_settings(settings).agent_command("/own/python", ["-m", "agent"]))
    assert command == "apptainer exec --nv /shared/amlflow.sif python3 -m agent"
    page = (PROJECT / "docs" / "clusters.md").read_text(encoding="utf-8")
    assert command.removesuffix("-m agent") + "…" in page
