# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine that a command's options name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from mdsieve.engine.engines import Engine, ProcessEngine, SerialEngine
from mdsieve.ranks import n_ranks

EngineName = Literal["processes", "mpi", "dask"]


@contextmanager
def open_engine(
    name: EngineName | None = None, *, n_workers: int | None = None, scheduler: str | None = None
) -> Iterator[Engine | None]:
    """The engine of that name.

    Parameters
    ----------
    name : {"processes", "mpi", "dask"}, optional
        Default: mpi when ``mpiexec`` started several of us, dask when there is a scheduler, else processes.
    n_workers : int, optional
        Of processes; default: one a core. One is this process itself.
    scheduler : str, optional
        Address of the Dask scheduler.

    Yields
    ------
    Engine or None
        None on a rank of MPI that was a worker: its work is done.

    Raises
    ------
    ValueError
        If the options do not fit together.
    """
    from mdsieve.samplers.described_frames import cores

    ranks = n_ranks()
    if name is None:
        name = "mpi" if ranks > 1 else "dask" if scheduler else "processes"
    if name != "mpi" and ranks > 1:
        raise ValueError(f"--engine {name} on each of {ranks} MPI ranks: expected --engine mpi")
    if (name == "dask") != (scheduler is not None):
        raise ValueError("--engine dask and --scheduler: expected both or none of them")
    if n_workers is not None and name != "processes":
        raise ValueError(f"--workers with --engine {name}: expected with processes only")
    if name == "mpi":
        from mdsieve.engine.mpi import mpi_engine

        with mpi_engine() as engine:
            yield engine
    elif name == "dask":
        from mdsieve.engine.dask import dask_engine

        assert scheduler is not None
        with dask_engine(scheduler) as engine:
            yield engine
    else:
        n_workers = cores() if n_workers is None else n_workers
        with SerialEngine() if n_workers == 1 else ProcessEngine(n_workers) as engine:
            yield engine
