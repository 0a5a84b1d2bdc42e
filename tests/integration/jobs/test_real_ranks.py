"""Scripts that use PyTorch and mpi4py as they are on PyPI, on one machine and on Slurm's nodes.

Run them with ``pytest -m long tests/integration/jobs/test_real_ranks.py``: the packages that they
install have several hundred megabytes. ``AMLFLOW_TESTS_RANKS`` names the Python of a virtual
environment that has them already.
"""

from __future__ import annotations

import os
import site
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from azureml.core.runconfig import MpiConfiguration, PyTorchConfiguration
from helpers import slurm_jobs, submitted_jobs
from helpers.distributed_scripts import process_log
from helpers.submitted_jobs import SOON, error_of, wait_for_end

pytestmark = pytest.mark.long

PACKAGES = ("torch==2.13.0", "numpy", "mpi4py", "mpich")
DDP = """
    import os, torch
    import torch.distributed as dist
    from azureml.core import Run

    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(0)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    run = Run.get_context()
    for step in range(5):
        optimizer.zero_grad()
        loss = model(torch.full((1, 2), float(rank + 1))).sum()
        loss.backward()
        optimizer.step()
        run.log(f"loss of {rank}", loss.item())
    weights = [torch.zeros(1, 2) for _ in range(size)]
    dist.all_gather(weights, model.module.weight.data)
    same = all(torch.equal(weights[0], other) for other in weights)
    run.log("rank", rank)
    print("rank", rank, "of", size, "local", os.environ["LOCAL_RANK"], "same weights", same)
    dist.destroy_process_group()
"""
TORCHRUN = """
    import os, subprocess, sys
    words = ["--nnodes", os.environ["AZUREML_NODE_COUNT"], "--nproc-per-node", "2",
             "--node-rank", os.environ["NODE_RANK"], "--master-addr", os.environ["MASTER_ADDR"],
             "--master-port", os.environ["MASTER_PORT"]]
    sys.exit(subprocess.call([sys.executable, "-m", "torch.distributed.run", *words, "ddp.py"]))
"""
MPI = """
    import os
    from mpi4py import MPI
    from azureml.core import Run

    world = MPI.COMM_WORLD
    total = world.allreduce(world.rank)
    names = ("RANK", "SIZE", "LOCAL_RANK", "LOCAL_SIZE")
    of_horovod = [int(os.environ["OMPI_COMM_WORLD_" + name]) for name in names]
    assert of_horovod[:2] == [world.rank, world.size], of_horovod
    run = Run.get_context()
    if world.rank == 0:
        run.log("total", total)
    run.log("rank", world.rank)
    print("rank", world.rank, "of", world.size, "total", total, "local", *of_horovod[2:])
"""
DEATH = """
    import os, torch
    import torch.distributed as dist

    dist.init_process_group("gloo")
    if dist.get_rank() == 2:
        raise ValueError("no such data")
    dist.barrier()
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with PyTorch, MPI and this project's packages."""
    program = os.environ.get("AMLFLOW_TESTS_RANKS")
    if program is None:
        folder = tmp_path_factory.mktemp("ranks")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        program = str(folder / "bin" / "python")
        subprocess.run([program, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([program, "-c", code], check=True, capture_output=True, text=True).stdout
    # After its own packages, it finds those of the tests, such as amlflow.
    lines = [f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages()]
    (Path(own.strip()) / "tests.pth").write_text("".join(lines))
    return program


@pytest.fixture(params=["local", "gpu-cluster"])
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def experiment(slurm_experiment: Any) -> Any:
    return slurm_experiment


def submit(experiment: Any, python: str, target: str, code: str, distributed: Any) -> Any:
    from azureml.core import ScriptRunConfig

    submitted_jobs.script(DDP, "ddp.py")
    submitted_jobs.script(code)
    config = ScriptRunConfig(
        "src", "script.py", compute_target=target, distributed_job_config=distributed
    )
    environment = config.run_config.environment
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = python
    config.run_config.environment_variables = {"OMP_NUM_THREADS": "1"}
    run = experiment.submit(config)
    status = wait_for_end(run, 3 * SOON)
    return run, status


def test_ranks_of_pytorch(experiment: Any, python: str, target: str) -> None:
    run, status = submit(
        experiment, python, target, DDP, PyTorchConfiguration("Gloo", 4, node_count=2)
    )
    assert status == "Completed", error_of(run)
    for rank in range(4):
        local = rank if target == "local" else rank % 2
        line = f"rank {rank} of 4 local {local} same weights True"
        assert line in process_log(run, rank), run.get_details_with_logs()["logFiles"]
        assert len(run.get_metrics(f"loss of {rank}")[f"loss of {rank}"]) == 5
    assert sorted(run.get_metrics("rank")["rank"]) == [0, 1, 2, 3]


def test_a_torchrun_on_each_node(experiment: Any, python: str, target: str) -> None:
    run, status = submit(
        experiment, python, target, TORCHRUN, PyTorchConfiguration("Gloo", node_count=2)
    )
    assert status == "Completed", error_of(run)
    assert sorted(run.get_metrics("rank")["rank"]) == [0, 1, 2, 3]
    for node in range(2):
        for rank in (2 * node, 2 * node + 1):
            assert f"rank {rank} of 4 local {rank % 2} same weights True" in process_log(run, node)


def test_ranks_of_mpi4py(experiment: Any, python: str, target: str) -> None:
    run, status = submit(experiment, python, target, MPI, MpiConfiguration(2, node_count=2))
    assert status == "Completed", error_of(run)
    for rank in range(4):
        local = f"{rank} 4" if target == "local" else f"{rank % 2} 2"
        assert f"rank {rank} of 4 total 6 local {local}" in process_log(run, rank)
    assert run.get_metrics("total") == {"total": 6}
    assert sorted(run.get_metrics("rank")["rank"]) == [0, 1, 2, 3]


def test_the_death_of_a_rank_of_pytorch(experiment: Any, python: str, target: str) -> None:
    run, status = submit(
        experiment, python, target, DEATH, PyTorchConfiguration("Gloo", 4, node_count=2)
    )
    assert status == "Failed"
    assert "Process 2 of 4 ended with exit code 1, so the others were ended." in error_of(run)
    assert "ValueError: no such data" in error_of(run)
    slurm_jobs.check_no_folder_is_left(run)
