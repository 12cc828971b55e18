# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames of stored trajectories with their fingerprints: threads read and describe ahead of who decides."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve.bank import flat_fingerprints
from mdsieve.io.trajectories import RawFrame

if TYPE_CHECKING:
    from mdsieve.descriptors import SymmetryFunctions

_BATCHES_AHEAD = 3  # a thread, so that none waits while the bank decides
_BATCH_BYTES = 1 << 16  # frames of a few atoms travel together
_STEP_KEYS = ("timestep", "step", "Timestep")  # the last is how LAMMPS spells it in extended XYZ


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class DescribedFrame:
    """The fingerprints of a frame in the order of the atom IDs, one after the other.

    Attributes
    ----------
    elements : ndarray of int32, shape (n_atoms,)
    fingerprints : ndarray of float, shape (total,)
    order, ids : ndarray of int64, shape (n_atoms,)
        As `flat_fingerprints` returns them.
    step : int or None
        The MD step where the file tells it.
    """

    elements: np.ndarray
    fingerprints: np.ndarray
    order: np.ndarray
    ids: np.ndarray
    step: int | None

    @property
    def environments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What a bank takes."""
        return self.elements, self.fingerprints, self.order, self.ids


class FingerprintSpool:
    """Described frames on disk, in the order in which they come, for who needs them a second time.

    Takes at most half of what is free in its folder when it is first written to; frames beyond are not
    kept. The file has no name: it vanishes with the process.

    Parameters
    ----------
    folder : path
    """

    _HEADER = 4  # numbers: atoms, fingerprint values, whether the step is known, step

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: Any = None
        self._room = 0
        self._n_written = 0
        self._n_read = 0
        self._is_reading = False

    def __enter__(self) -> FingerprintSpool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def rewind(self) -> None:
        """From now on frames are taken out again."""
        self._is_reading = True
        self._n_read = 0
        if self._file is not None:
            self._file.flush()
            self._file.seek(0)

    def take(self) -> DescribedFrame | None:
        """The next frame; None if it is not here."""
        if not self._is_reading or self._n_read == self._n_written:
            return None
        self._n_read += 1
        n_atoms, n_values, has_step, step = self._array(np.int64, self._HEADER).tolist()
        return DescribedFrame(
            elements=self._array(np.int32, n_atoms),
            fingerprints=self._array(np.float64, n_values),
            order=self._array(np.int64, n_atoms),
            ids=self._array(np.int64, n_atoms),
            step=step if has_step else None,
        )

    def _array(self, kind: type, n: int) -> np.ndarray:
        values: np.ndarray = np.empty(n, kind)
        if self._file.readinto(values) != values.nbytes:
            raise OSError(5, "fingerprints that waited on disk are gone", str(self._folder))
        return values

    def put(self, frame: DescribedFrame) -> None:
        """Keep a frame, if there is room and none before it was left out."""
        if self._is_reading:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed on leaving
            self._room = shutil.disk_usage(self._folder).free // 2
        header = [len(frame.elements), len(frame.fingerprints), frame.step is not None, frame.step or 0]
        parts = [np.array(header, np.int64), *frame.environments]
        self._room -= sum(part.nbytes for part in parts)
        if self._room < 0:
            return
        try:
            for part in parts:
                self._file.write(part.data)
        except OSError:  # somebody else has taken the room
            self._room = -1
            return
        self._n_written += 1


def describe_frames(
    frames: Iterable[RawFrame], functions: SymmetryFunctions, n_jobs: int, spool: FingerprintSpool
) -> Iterator[tuple[RawFrame, DescribedFrame]]:
    """Frames in their order with their fingerprints, read and computed by threads ahead of the caller.

    Parameters
    ----------
    frames : iterable of RawFrame
    functions : SymmetryFunctions
    n_jobs : int
        Number of threads.
    spool : FingerprintSpool
        Where the fingerprints are taken from as far as they are there, and are put where they are not.

    Raises
    ------
    ValueError
        If a frame cannot be understood, or does not fit the functions.
    """
    frames = iter(frames)
    for frame in frames:
        described = spool.take()
        if described is None:
            frames = _before(frame, frames)
            break
        yield frame, described
    with ThreadPoolExecutor(n_jobs) as pool:
        ahead: deque[tuple[list[RawFrame], Future]] = deque()
        try:
            for batch in _batches(frames):
                ahead.append((batch, pool.submit(_describe, batch, functions)))
                if len(ahead) >= _BATCHES_AHEAD * n_jobs:
                    yield from _finished(*ahead.popleft(), spool)
            while ahead:
                yield from _finished(*ahead.popleft(), spool)
        finally:
            for _, future in ahead:
                future.cancel()


def _before(frame: RawFrame, frames: Iterator[RawFrame]) -> Iterator[RawFrame]:
    yield frame
    yield from frames


def _batches(frames: Iterator[RawFrame]) -> Iterator[list[RawFrame]]:
    batch: list[RawFrame] = []
    size = 0
    for frame in frames:
        batch.append(frame)
        size += frame.size
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _finished(
    batch: list[RawFrame], future: Future[list[DescribedFrame]], spool: FingerprintSpool
) -> Iterator[tuple[RawFrame, DescribedFrame]]:
    for frame, described in zip(batch, future.result(), strict=True):
        spool.put(described)
        yield frame, described


def _describe(batch: list[RawFrame], functions: SymmetryFunctions) -> list[DescribedFrame]:
    return [_described(frame, functions) for frame in batch]


def _described(frame: RawFrame, functions: SymmetryFunctions) -> DescribedFrame:
    atoms = frame.structure()
    with naming(frame):
        rows = functions.create_by_element(atoms)
        return DescribedFrame(*flat_fingerprints(functions, atoms, rows), _step_of(atoms.info))


def _step_of(info: dict) -> int | None:
    for key in _STEP_KEYS:
        value = info.get(key)
        if isinstance(value, int | np.integer):
            return int(value)
    return None


@contextmanager
def naming(frame: RawFrame) -> Iterator[None]:
    """Say in which frame something was wrong."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{frame.source}: frame {frame.index}: {error}") from None
