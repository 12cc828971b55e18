# SPDX-License-Identifier: GPL-2.0-or-later
"""Chunks through an engine: in order, a bounded number at a time, again when a worker dies."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from mdsieve.engine.checkpoint import Checkpoint, Result
from mdsieve.engine.engines import Engine, as_engine

logger = logging.getLogger("mdsieve.engine")

Chunk = TypeVar("Chunk")

#: A chunk that was in flight so often when a worker died is computed alone: then it is known who did it.
_SUSPECT = 2
#: Times that a chunk may take its worker down; the last of them alone.
_MOST_LOSSES = 3


class LostChunkError(ChildProcessError):
    """A chunk took its worker down each time it was tried."""


@dataclass(eq=False)
class _Task(Generic[Chunk]):
    number: int
    chunk: Chunk
    key: str | None
    n_lost: int = 0
    future: Future | None = None
    result: Result | None = None
    error: BaseException | None = None

    @property
    def is_settled(self) -> bool:
        return self.result is not None or self.error is not None


def map_chunks(
    work: Callable[[Chunk], Result],
    chunks: Iterable[Chunk],
    executor: Executor | Engine | None = None,
    *,
    checkpoint: Checkpoint | None = None,
) -> Iterator[Result]:
    """Results of some chunks, in the order of the chunks.

    The chunks are what the caller makes them, so that results do not depend on who computes them.

    Parameters
    ----------
    work : callable
        Chunk -> an array or a tuple of arrays. It travels to the workers with every chunk: it must be known
        there by its name, and what is heavy in it should be loaded there.
    chunks : iterable
        Taken as they are needed: twice as many as there are workers are on their way at a time.
    executor : Executor, Engine or None
        None: this process.
    checkpoint : Checkpoint, optional
        Where results are taken from if they are there, and put as soon as they are known.

    Yields
    ------
    ndarray or tuple of ndarray

    Raises
    ------
    LostChunkError
        If a chunk took its worker down three times. When a worker dies, all chunks on their way are lost and
        computed again; one that was lost twice is computed alone, so that none pays for another.
    concurrent.futures.BrokenExecutor
        If the executor broke and is not ours to replace.
    Exception
        Of the first chunk that raised one.
    """
    run: _Run[Chunk] = _Run(work, as_engine(executor), checkpoint)
    try:
        yield from run.results(chunks)
    finally:
        run.give_up()


class _Run(Generic[Chunk]):
    """The chunks of one call that were taken and not yielded yet, in their order."""

    def __init__(self, work, engine: Engine, checkpoint: Checkpoint | None) -> None:
        self._work = work
        self._engine = engine
        self._checkpoint = checkpoint
        self._held: deque[_Task[Chunk]] = deque()

    def results(self, chunks: Iterable[Chunk]) -> Iterator[Result]:
        source = enumerate(chunks)
        ahead = 2 * self._engine.n_workers
        while True:
            while len(self._held) < ahead and (taken := next(source, None)) is not None:
                self._held.append(self._task(*taken))
            if not self._held:
                return
            while not self._held[0].is_settled:
                self._submit()
                self._collect()
            task = self._held.popleft()
            if task.error is not None:
                raise task.error
            assert task.result is not None
            yield task.result

    def give_up(self) -> None:
        """Cancel what has not begun."""
        for task in self._held:
            if task.future is not None:
                task.future.cancel()

    def _task(self, number: int, chunk: Chunk) -> _Task[Chunk]:
        if self._checkpoint is None:
            return _Task(number, chunk, None)
        key = self._checkpoint.key(chunk)
        return _Task(number, chunk, key, result=self._checkpoint.load(key))

    def _in_flight(self) -> list[_Task[Chunk]]:
        return [task for task in self._held if task.future is not None]

    def _submit(self) -> None:
        """Hand over what waits; a suspect alone."""
        flying = self._in_flight()
        for task in self._held:
            if task.is_settled or task.future is not None:
                continue
            is_suspect = task.n_lost >= _SUSPECT
            if flying and (is_suspect or flying[0].n_lost >= _SUSPECT):
                return
            try:
                task.future = self._engine.executor.submit(self._work, task.chunk)
            except BrokenExecutor:
                self._mend()
                return
            flying.append(task)

    def _collect(self) -> None:
        """Wait until something is known, and take it in."""
        flying = self._in_flight()
        if not flying:
            return
        done, _ = wait([task.future for task in flying if task.future], return_when=FIRST_COMPLETED)
        if any(isinstance(future.exception(), BrokenExecutor) for future in done if not future.cancelled()):
            self._mend()
            return
        for task in flying:
            if task.future in done:
                self._take(task)

    def _take(self, task: _Task[Chunk]) -> None:
        assert task.future is not None
        future, task.future = task.future, None
        error = future.exception()
        task.error = None if error is None else self._engine.explain(error)
        if task.error is None:
            task.result = future.result()
            if self._checkpoint is not None and task.key is not None:
                self._checkpoint.store(task.key, task.result)

    def _mend(self) -> None:
        """Take a new executor, and what the old one still finished; the rest is to be done again."""
        logger.warning("a worker died: its chunks are computed again")
        self._engine.mend()
        for task in self._in_flight():
            future = task.future
            assert future is not None
            is_lost = (
                not future.done()
                or future.cancelled()
                or isinstance(future.exception(), BrokenExecutor | CancelledError)
            )
            if not is_lost:
                self._take(task)
                continue
            task.future = None
            task.n_lost += 1
            if task.n_lost >= _MOST_LOSSES:
                task.error = LostChunkError(
                    f"chunk {task.number}: the worker died {task.n_lost} times while it computed it "
                    "(out of memory? a script without if __name__ == '__main__'?)"
                )
