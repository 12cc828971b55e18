# SPDX-License-Identifier: GPL-2.0-or-later
"""Engines: an executor of `concurrent.futures`, and what is to be done when it breaks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from typing import Any

from mdsieve.engine.worker import begin_worker


class Engine(ABC):
    """Where chunks are computed; a context manager that ends what it began.

    Attributes
    ----------
    name : str
        The engine's word on the command line.
    n_workers : int
        Chunks that are computed at a time.
    """

    name: str
    n_workers: int

    @property
    @abstractmethod
    def executor(self) -> Executor:
        """The executor that takes chunks now."""

    def mend(self) -> None:
        """Replace an executor that broke.

        Raises
        ------
        concurrent.futures.BrokenExecutor
            If it cannot be replaced.
        """
        raise BrokenExecutor(f"the executor of the engine '{self.name}' broke and cannot be replaced")

    def explain(self, error: BaseException) -> BaseException:
        """The error of a chunk as it is raised here."""
        return error

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """End what was begun."""

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Here(Executor):
    """Computes in `submit`, in this thread, limited to one thread of BLAS as every worker is."""

    def submit(self, fn: Callable, /, *args: Any, **kwargs: Any) -> Future:
        from threadpoolctl import threadpool_limits

        future: Future = Future()
        future.set_running_or_notify_cancel()
        try:
            with threadpool_limits(1):
                future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class SerialEngine(Engine):
    """No other process than this one."""

    name = "serial"
    n_workers = 1

    def __init__(self) -> None:
        self._executor = _Here()

    @property
    def executor(self) -> Executor:
        """Computes at once."""
        return self._executor


class ProcessEngine(Engine):
    """Processes of this machine, each with one thread; a pool that a dying process broke is replaced.

    Processes are started afresh (spawn), not forked: a script that uses this needs its
    ``if __name__ == "__main__":``.

    Parameters
    ----------
    n_workers : int
        Number of processes.

    Raises
    ------
    ValueError
        If `n_workers` is below 1.
    """

    name = "processes"

    def __init__(self, n_workers: int) -> None:
        if n_workers < 1:
            raise ValueError(f"{n_workers} workers: expected at least 1")
        self.n_workers = n_workers
        self._pool: ProcessPoolExecutor | None = None

    @property
    def executor(self) -> Executor:
        """The pool, begun when it is first needed."""
        if self._pool is None:
            from multiprocessing import get_context

            self._pool = ProcessPoolExecutor(
                self.n_workers, mp_context=get_context("spawn"), initializer=begin_worker
            )
        return self._pool

    def mend(self) -> None:
        """Take a new pool."""
        self.close()

    def close(self) -> None:
        """End the processes; chunks that none has begun are given up."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


class ExecutorEngine(Engine):
    """An executor that somebody else made and will end.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Of processes, threads, `mpi4py.futures`, `distributed.Client.get_executor`, …
    n_workers : int
        Twice as many chunks are handed over at a time.
    name : str
        For messages.
    """

    def __init__(self, executor: Executor, n_workers: int | None = None, name: str = "executor") -> None:
        from mdsieve.samplers.described_frames import cores

        self._executor = executor
        self.n_workers = cores() if n_workers is None else n_workers
        self.name = name

    @property
    def executor(self) -> Executor:
        """The executor given."""
        return self._executor


def as_engine(executor: Executor | Engine | None) -> Engine:
    """What a function's ``executor=`` means: None, this process alone; an executor, that one.

    Raises
    ------
    TypeError
        If it is none of these.
    """
    if executor is None:
        return SerialEngine()
    if isinstance(executor, Engine):
        return executor
    if isinstance(executor, Executor):
        return ExecutorEngine(executor)
    raise TypeError(f"executor {executor!r}: expected an executor of concurrent.futures, an engine or None")
