"""A run that a process of a distributed run submits does not get that process's place."""

from __future__ import annotations

import pytest
from amlflow.jobs.distribution import Distribution, Join, rank_by_node, variables_of
from amlflow.jobs.surrounding import without_notebook, without_place

KEPT = {"PATH": "/bin", "OMPI_MCA_btl": "self", "SLURM_JOB_ID": "1", "HYDRA_LAUNCHER": "fork"}


@pytest.mark.parametrize("join", list(Join))
def test_the_place_in_a_run_is_left_out(join: Join) -> None:
    distribution = Distribution(join=join, nodes=2, processes=4, servers=int(join == "tensorflow"))
    processes = rank_by_node(distribution)
    place = variables_of(distribution, processes, processes[3], ["a", "b"], [1, 2, 3, 4])
    of_torchrun = {"TORCHELASTIC_RUN_ID": "x", "GROUP_RANK": "1", "RANK": "3"}
    assert without_place({**KEPT, **place, **of_torchrun}) == KEPT


@pytest.mark.parametrize(
    "name", ["PMI_RANK", "PMI_FD", "PMI2_X", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "MPI_LOCALRANKID"]
)
def test_the_place_that_an_mpi_has_set_is_left_out(name: str) -> None:
    assert without_place({**KEPT, name: "1"}) == KEPT


def test_what_a_user_has_set_outside_of_a_run_stays() -> None:
    own = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost", "TF_CONFIG": "{}"}
    assert without_place(own) == own


@pytest.mark.parametrize(
    ("backend", "is_kept"),
    [
        ("module://matplotlib_inline.backend_inline", False),
        ("module://ipykernel.pylab.backend_inline", False),
        ("Agg", True),
        ("module://my.backend", True),
    ],
)
def test_only_a_notebook_draws_in_the_notebook(backend: str, is_kept: bool) -> None:
    own = {**KEPT, "MPLBACKEND": backend}
    assert without_notebook(own) == (own if is_kept else KEPT)
