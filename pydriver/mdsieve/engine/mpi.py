# SPDX-License-Identifier: GPL-2.0-or-later
"""The ranks of ``mpiexec`` as workers: `mpi4py.futures`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from mdsieve.engine.engines import Engine, ExecutorEngine
from mdsieve.engine.worker import use_one_thread

if TYPE_CHECKING:
    from concurrent.futures import Executor


@contextmanager
def mpi_engine() -> Iterator[Engine | None]:
    """An engine whose workers are all ranks of MPI_COMM_WORLD but the first.

    Every rank calls this. A rank alone computes for itself.

    Yields
    ------
    Engine or None
        None on the ranks that were workers, when the work is done.

    Notes
    -----
    MPICH ends all ranks when one dies: what was finished is in the checkpoint, if there is one.
    """
    from mpi4py import MPI
    from mpi4py.futures import MPICommExecutor

    use_one_thread()
    world = MPI.COMM_WORLD
    with MPICommExecutor(world, root=0) as executor:
        if executor is None:
            yield None
        else:  # mpi4py's is one in all but name
            yield ExecutorEngine(cast("Executor", executor), max(1, world.size - 1), "mpi")
