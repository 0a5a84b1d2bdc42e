"""Leaves out the variables that are about this process, and not about the scripts of its runs.

A process of a distributed run may submit another run. If that run's script found the variables of
its place, it would take itself for a process of the first run, and would wait for the others. A
notebook's kernel tells matplotlib to draw in the notebook. A script with packages of its own would
not find the module for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from amlflow.spec import PROCESS

_OF_MPI = (
    "PMI_",
    "PMI2_",
    "PMIX_",
    "OMPI_COMM_WORLD_",
    "OMPI_UNIVERSE_SIZE",
    "MPI_LOCALN",
    "MPI_LOCALR",
)
"""How the variables begin that an MPI sets for a process. Settings of users begin otherwise."""
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


_NOTEBOOK_BACKENDS = ("module://matplotlib_inline.", "module://ipykernel.")
"""How the values of MPLBACKEND begin that a notebook's kernel sets."""


def without_notebook(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without the one that makes matplotlib draw in a notebook."""
    return {
        name: value
        for name, value in environ.items()
        if not (name == "MPLBACKEND" and value.startswith(_NOTEBOOK_BACKENDS))
    }


def without_place(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that do not tell a process its place among others."""
    is_of_run = _MARK in environ
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(_OF_MPI)
        and not (is_of_run and (name in _OF_RUN or name.startswith(_OF_RUN_BEGIN)))
    }
