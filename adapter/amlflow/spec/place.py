"""Leaves out the variables that tell a process its place among others.

A process of a distributed run, or of MPI, may submit another run. If that run's script found the
variables of this place, it would take itself for a process of the first run, and would wait for the
others.
"""

from __future__ import annotations

from collections.abc import Mapping

from amlflow.spec.cluster import PROCESS

_OF_MPI = (
    "PMI_",
    "PMI2_",
    "PMIX_",
    "OMPI_COMM_WORLD_",
    "OMPI_UNIVERSE_SIZE",
    "OMPI_APP_CTX_",
    "OMPI_FIRST_RANKS",
    "OMPI_NUM_APP_CTX",
    "OMPI_WORLD_",
    "OMPI_MCA_ess",
    "OMPI_MCA_orte_",
    "PRTE_LAUNCHED",
    "MPI_LOCALN",
    "MPI_LOCALR",
    "HYDI_",
    "HYDRA_BSTRAP_",
    "I_MPI_INFO_",
)
"""How the variables begin that an MPI sets for a process. Settings of users begin otherwise."""
_SETTING = "PMIX_MCA_"
"""The beginning of a user's settings for PMIx."""
_WITH_MPI = frozenset(
    {
        "GFORTRAN_UNBUFFERED_PRECONNECTED", "HFI_NO_BACKTRACE", "HYDRA_IP_VERSION",
        "HYDRA_LAUNCH_TYPE", "IPATH_NO_BACKTRACE", "I_MPI_BIND_WIN_ALLOCATE", "I_MPI_HYDRA_TOPOLIB",
        "I_MPI_HYDRA_UUID", "I_MPI_INTERNAL_MEM_POLICY", "I_MPI_PIN_INFO", "I_MPI_PIN_MAPPING",
        "I_MPI_RETURN_WIN_MEM_NUMA", "MPIR_CVAR_CH3_INTERFACE_HOSTNAME", "OMPI_ARGV",
        "OMPI_COMMAND", "OMPI_FILE_LOCATION", "OMPI_LIBDIR_LOC", "OMPI_MCA_PREFIXES",
        "OMPI_MCA_cpu_type", "OMPI_MCA_initial_wdir", "OMPI_MCA_mpi_oversubscribe",
        "OMPI_MCA_num_procs", "OMPI_MCA_pmix", "OMPI_MCA_shmem_RUNTIME_QUERY_hint",
        "OMPI_TOOL_NAME", "OMPI_VERSION", "OPAL_USER_PARAMS_GIVEN",
        "PMIX_MCA_mca_base_component_show_load_errors", "PRTE_SHARED_FS",
    }
)  # fmt: skip
"""Variables that the mpiexec of an MPI sets for its processes, beside those that tell their place.

Sources: the processes of MPICH 4 and 5, Open MPI 4 and 5, and Intel MPI 2021.
"""
_MPI_RANKS = ("PMI_RANK", "PMIX_RANK")
"""One of these is set by each of these mpiexecs."""
_MARK = "AZUREML_CR_NODE_RANK"
"""A variable of each process of a distributed run. Others may set RANK and the like themselves."""
_OF_RUN = frozenset(
    {
        _MARK, PROCESS, "MASTER_ADDR", "MASTER_PORT", "MASTER_IP", "NODE_RANK", "RANK",
        "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE",
        "ROLE_NAME", "ROLE_RANK", "ROLE_WORLD_SIZE", "TF_CONFIG", "AZUREML_NODE_COUNT",
    }
)  # fmt: skip
_OF_RUN_BEGIN = ("AZ_BATCH", "TORCHELASTIC_")
_EMPTY = "NCCL_SOCKET_IFNAME"
"""A variable that amlflow sets to an empty text, for v1's scripts that read it."""


def without_place(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that do not tell a process its place among others."""
    left_out: set[str] = set()
    for name in environ:
        if name.startswith(_OF_MPI) and not name.startswith(_SETTING):
            left_out.add(name)
    if any(name in environ for name in _MPI_RANKS):
        left_out |= _WITH_MPI
    if _MARK in environ:
        left_out |= _OF_RUN
        left_out.update(name for name in environ if name.startswith(_OF_RUN_BEGIN))
        if environ.get(_EMPTY) == "":
            left_out.add(_EMPTY)
    return {name: value for name, value in environ.items() if name not in left_out}
