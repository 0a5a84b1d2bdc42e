"""A run that a process of a distributed run submits does not get that process's place."""

from __future__ import annotations

import pytest
from amlflow.jobs.distribution import Distribution, Join, rank_by_node, variables_of
from amlflow.jobs.notebook import without_notebook
from amlflow.spec import without_place

KEPT = {
    "PATH": "/bin", "OMPI_MCA_btl": "self", "SLURM_JOB_ID": "1", "HYDRA_LAUNCHER": "fork",
    "PMIX_MCA_gds": "hash", "I_MPI_FABRICS": "shm", "OPAL_PREFIX": "/opt",
}  # fmt: skip
OF_MPICH = """
    GFORTRAN_UNBUFFERED_PRECONNECTED HYDI_CONTROL_FD MPIR_CVAR_CH3_INTERFACE_HOSTNAME
    MPI_LOCALNRANKS MPI_LOCALRANKID PMI_FD PMI_HOSTNAME PMI_RANK PMI_SIZE
"""
OF_OPEN_MPI = """
    HFI_NO_BACKTRACE IPATH_NO_BACKTRACE OMPI_APP_CTX_NUM_PROCS OMPI_ARGV OMPI_COMMAND
    OMPI_COMM_WORLD_RANK OMPI_FILE_LOCATION OMPI_FIRST_RANKS OMPI_LIBDIR_LOC OMPI_MCA_PREFIXES
    OMPI_MCA_cpu_type OMPI_MCA_ess OMPI_MCA_ess_base_jobid OMPI_MCA_initial_wdir
    OMPI_MCA_mpi_oversubscribe OMPI_MCA_num_procs OMPI_MCA_orte_hnp_uri OMPI_MCA_pmix
    OMPI_MCA_shmem_RUNTIME_QUERY_hint OMPI_NUM_APP_CTX OMPI_TOOL_NAME OMPI_UNIVERSE_SIZE
    OMPI_VERSION OMPI_WORLD_LOCAL_SIZE OMPI_WORLD_SIZE OPAL_USER_PARAMS_GIVEN PMIX_RANK
    PMIX_MCA_mca_base_component_show_load_errors PMIX_SERVER_URI2 PRTE_LAUNCHED PRTE_SHARED_FS
"""
OF_INTEL_MPI = """
    GFORTRAN_UNBUFFERED_PRECONNECTED HYDRA_BSTRAP_LAUNCHER HYDRA_IP_VERSION HYDRA_LAUNCH_TYPE
    I_MPI_BIND_WIN_ALLOCATE I_MPI_HYDRA_TOPOLIB I_MPI_HYDRA_UUID I_MPI_INFO_CACHES
    I_MPI_INTERNAL_MEM_POLICY I_MPI_PIN_INFO I_MPI_PIN_MAPPING I_MPI_RETURN_WIN_MEM_NUMA PMI_RANK
"""
"""What the mpiexec of each MPI sets for its processes."""


@pytest.mark.parametrize("join", list(Join))
def test_the_place_in_a_run_is_left_out(join: Join) -> None:
    distribution = Distribution(join=join, nodes=2, processes=4, servers=int(join == "tensorflow"))
    processes = rank_by_node(distribution)
    place = variables_of(distribution, processes, processes[3], ["a", "b"], [1, 2, 3, 4])
    of_torchrun = {"TORCHELASTIC_RUN_ID": "x", "GROUP_RANK": "1", "RANK": "3"}
    assert without_place({**KEPT, **place, **of_torchrun, "NCCL_SOCKET_IFNAME": ""}) == KEPT
    with_own = {**KEPT, "NCCL_SOCKET_IFNAME": "eth0"}
    assert without_place({**with_own, **place}) == with_own


@pytest.mark.parametrize("names", [OF_MPICH, OF_OPEN_MPI, OF_INTEL_MPI])
def test_what_an_mpiexec_has_set_is_left_out(names: str) -> None:
    assert without_place({**KEPT, **dict.fromkeys(names.split(), "1")}) == KEPT


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
