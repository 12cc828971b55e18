# SPDX-License-Identifier: GPL-2.0-or-later
"""A Dask cluster as workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mdsieve.engine.chunks import LostChunkError
from mdsieve.engine.engines import Engine, ExecutorEngine
from mdsieve.maps import MissingPackageError

_PATIENCE = 30  # s, for a scheduler to answer and a worker to come


class _DaskEngine(ExecutorEngine):
    """The scheduler gives lost chunks to other workers by itself; after four losses it gives up."""

    def explain(self, error: BaseException) -> BaseException:
        if type(error).__name__ == "KilledWorker":
            return LostChunkError(f"a chunk was given up: {error}")
        return error


@contextmanager
def dask_engine(address: str) -> Iterator[Engine]:
    """An engine on the workers of a Dask scheduler.

    The workers need mdsieve, but none of the files: frames travel to them.

    Parameters
    ----------
    address : str
        Of the scheduler, as ``tcp://host:8786``.

    Raises
    ------
    MissingPackageError
        If dask.distributed is not installed.
    OSError
        If no scheduler answers there, or it has no worker.
    """
    try:
        from distributed import Client
    except ImportError:
        raise MissingPackageError(
            "the engine dask needs dask.distributed: pip install mdsieve[dask]"
        ) from None
    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise OSError(f"{address}: no Dask scheduler there ({error})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError:
            raise OSError(f"{address}: the Dask scheduler has no worker") from None
        n_workers = sum(client.nthreads().values())
        executor = client.get_executor(pure=False)
        try:
            yield _DaskEngine(executor, n_workers, "dask")
        finally:
            executor.shutdown(wait=False)
