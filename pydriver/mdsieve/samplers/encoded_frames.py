# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames of stored trajectories as rows of an encoder, chunk by chunk through an engine."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve.engine import Checkpoint, Engine, map_chunks
from mdsieve.io.trajectories import RawFrame, iterate_raw_frames
from mdsieve.samplers.progress import ShareDone

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.encoders.contract import AtomEncoder, Encoder
    from mdsieve.engine.checkpoint import Result
    from mdsieve.io.n2p2_data import DataUnits

logger = logging.getLogger("mdsieve.samplers")

#: A chunk is full when it has this many bytes of text, or this many frames.
CHUNK_BYTES, CHUNK_FRAMES = 1 << 18, 256

#: Called with the number of frames done, and the share of all that is (None where the end is not known).
Report = Callable[[int, "float | None"], None]


@dataclass(frozen=True)
class Trajectories:
    """Files and how they are to be read; see `mdsieve.io.trajectories.iterate_frames`."""

    paths: Sequence[Path]
    types: Sequence[str] | None = None
    n2p2_units: DataUnits = "metal"

    def __iter__(self) -> Iterator[RawFrame]:
        return iterate_raw_frames(self.paths, self.types, self.n2p2_units)


@dataclass
class EncodedFrames:
    """Rows of frames, or of all their atoms.

    Attributes
    ----------
    rows : ndarray of float, shape (n_rows, n_features)
        One a frame, or one an atom.
    n_atoms : ndarray of int, shape (n_frames,)
        Rows of each frame where rows are atoms.
    numbers : ndarray of int, shape (n_rows,)
        Atomic numbers where rows are atoms, else empty.
    places : list of (str, int)
        File and place in it of each frame.
    """

    rows: np.ndarray
    n_atoms: np.ndarray
    numbers: np.ndarray
    places: list[tuple[str, int]] = field(default_factory=list)

    @property
    def groups(self) -> np.ndarray:
        """Frame of each row where rows are atoms."""
        return np.repeat(np.arange(len(self.n_atoms)), self.n_atoms)

    @property
    def by_frame(self) -> list[np.ndarray]:
        """Rows of each frame."""
        return np.split(self.rows, np.cumsum(self.n_atoms)[:-1])


@dataclass
class _Encode:
    """Frames -> their rows; loads an encoder once a worker and job."""

    encoder: Encoder
    token: str

    def __call__(self, chunk: list[RawFrame]) -> Result:
        return _each_named(_held(self).encode, chunk, [frame.structure() for frame in chunk])


@dataclass
class _EncodeAtoms:
    """Frames -> rows of their atoms, numbers of atoms, atomic numbers."""

    encoder: AtomEncoder
    token: str

    def __call__(self, chunk: list[RawFrame]) -> Result:
        frames = [frame.structure() for frame in chunk]
        rows = _each_named(_held(self).encode_atoms, chunk, frames)
        counts = np.array([len(atoms) for atoms in frames])
        return np.concatenate(rows), counts, np.concatenate([atoms.numbers for atoms in frames])


_HELD: dict[str, Any] = {}


def _held(work: Any) -> Any:
    """The encoder that this process has of a job already: what it has loaded does not travel."""
    if work.token not in _HELD:
        _HELD.clear()
        _HELD[work.token] = work.encoder
    return _HELD[work.token]


def _each_named(encode: Callable[[list], Any], chunk: list[RawFrame], structures: list[Atoms]) -> Any:
    """What an encoder makes of the structures of some frames; an error names file and frame."""
    try:
        return encode(structures)
    except ValueError:
        for frame, atoms in zip(chunk, structures, strict=True):
            try:
                encode([atoms])
            except ValueError as error:
                words = str(error).removeprefix("frame 0: ")
                raise ValueError(f"{frame.source}: frame {frame.index}: {words}") from error
        raise


def encode_frames(
    frames: Trajectories,
    encoder: Encoder,
    executor: Executor | Engine | None = None,
    *,
    checkpoint: str | os.PathLike | None = None,
    report: Report | None = None,
) -> EncodedFrames:
    """One row a frame.

    Parameters
    ----------
    frames : Trajectories
    encoder : Encoder
    executor : Executor, Engine or None
        Who encodes; None: this process.
    checkpoint : path, optional
        Folder of finished chunks.
    report : callable, optional

    Raises
    ------
    ValueError
        If a file or frame cannot be understood, naming it.
    """
    work = _Encode(encoder, uuid.uuid4().hex)
    return _encoded(work, {"rows": "frames", **encoder.describe()}, frames, executor, checkpoint, report)


def encode_atoms(
    frames: Trajectories,
    encoder: AtomEncoder,
    executor: Executor | Engine | None = None,
    *,
    checkpoint: str | os.PathLike | None = None,
    report: Report | None = None,
) -> EncodedFrames:
    """One row an atom; otherwise as `encode_frames`."""
    work = _EncodeAtoms(encoder, uuid.uuid4().hex)
    return _encoded(work, {"rows": "atoms", **encoder.describe()}, frames, executor, checkpoint, report)


def _encoded(work, configuration: dict, frames: Trajectories, executor, folder, report) -> EncodedFrames:
    places: list[tuple[str, int]] = []
    shares: list[float | None] = []
    counts: list[int] = []
    done = ShareDone(frames.paths)

    def chunks() -> Iterator[list[RawFrame]]:
        for chunk in _chunks(frames):
            places.extend((frame.source, frame.index) for frame in chunk)
            shares.append([done.after(frame) for frame in chunk][-1])
            counts.append(len(chunk))
            yield chunk

    checkpoint = None if folder is None else Checkpoint(folder, configuration, _content)
    results: list[Any] = []
    n_done = 0
    for number, result in enumerate(map_chunks(work, chunks(), executor, checkpoint=checkpoint)):
        results.append(result)
        n_done += counts[number]
        if report is not None:
            report(n_done, shares[number])
    if checkpoint is not None:
        logger.info("checkpoint: %d chunks found, %d computed", checkpoint.n_found, checkpoint.n_stored)
    if not results:
        raise ValueError("no trajectory was given")
    if isinstance(results[0], tuple):
        rows, n_atoms, numbers = (np.concatenate(parts) for parts in zip(*results, strict=True))
        return EncodedFrames(rows, n_atoms, numbers, places)
    return EncodedFrames(np.concatenate(results), np.ones(len(places), int), np.empty(0, int), places)


def _chunks(frames: Iterable[RawFrame]) -> Iterator[list[RawFrame]]:
    chunk: list[RawFrame] = []
    size = 0
    for frame in frames:
        chunk.append(frame)
        size += frame.size
        if size >= CHUNK_BYTES or len(chunk) >= CHUNK_FRAMES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _content(chunk: list[RawFrame]) -> list[Any]:
    return [part for frame in chunk for part in frame.content()]
