"""Scripts of several processes, for each kind of compute target."""

from __future__ import annotations

from typing import Any

JOINED = """
    import os, socket, time
    from azureml.core import Run

    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    master = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    if rank == 0:
        server = socket.create_server(master)
        numbers = {int(server.accept()[0].recv(9)) for _ in range(size - 1)}
        print("joined by", sorted(numbers))
    else:
        deadline = time.monotonic() + 60
        while True:
            try:
                client = socket.create_connection(master)
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        client.send(str(rank).encode())
    run = Run.get_context()
    for value in range(50):
        run.log(f"loss of {rank}", value)
    run.log("rank", rank)
    open(f"outputs/{rank}.txt", "w").write("x")
    print("process", rank, "on", os.environ["NODE_RANK"], os.environ["LOCAL_RANK"])
"""
"""A script whose processes connect by sockets, as PyTorch's processes do, and then log."""
SUM = """
    import ctypes, os
    mpi = ctypes.CDLL("libmpich.so.12")
    world, whole, add = 0x44000000, 0x4c000405, 0x58000003
    mpi.MPI_Init(None, None)
    rank, size, total = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    mpi.MPI_Comm_rank(world, ctypes.byref(rank))
    mpi.MPI_Comm_size(world, ctypes.byref(size))
    mpi.MPI_Allreduce(ctypes.byref(rank), ctypes.byref(total), 1, whole, add, world)
    mpi.MPI_Finalize()
    print(f"{rank.value} of {size.value}: {total.value}, {os.environ['OMPI_COMM_WORLD_RANK']}")
"""
"""A script whose processes add up their numbers with MPI."""


def process_log(run: Any, number: int) -> str:
    """Return the log of one process of a run; empty if there is none."""
    logs = run.get_details_with_logs()["logFiles"]
    return str(logs.get(f"user_logs/std_log_process_{number}.txt", ""))
