# SPDX-License-Identifier: GPL-2.0-or-later
"""Difference vectors (DV-LAE): what of its symmetry functions' histograms tells a frame from a reference.

The compiled code is that of ``fix select``, so the same vectors come out online and offline.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from mdsieve import _core
from mdsieve.bank import flat_fingerprints
from mdsieve.io.function_data import FunctionFrame
from mdsieve.io.replacing import replacing

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import SymmetryFunctions

__all__ = ["DifferenceVectors", "map_grid", "screen"]

Mode: TypeAlias = Literal["presence", "count", "fraction"]


class DifferenceVectors:
    """Difference vectors of structures, and how far a structure lies from those of a training set.

    For every element, every symmetry function and every bin of its frozen range (and one below and above it)
    a vector has one bit: whether the structure's histogram differs there from the reference structure's.

    Parameters
    ----------
    functions : SymmetryFunctions, optional
        Makes the fingerprints of structures. None: frames are `FunctionFrame` objects, of n2p2's
        ``function.data``.
    n_bins : int
        Bins of each range.
    mode : {"presence", "count", "fraction"}
        A bit is 1 where a bin is occupied in only one of the two; where the numbers of atoms differ (eq. 5 of
        the paper as printed); or where the shares of the element's atoms differ by more than `step`, which
        makes a cell equal to its supercells.
    step : float
        Of mode "fraction".

    Raises
    ------
    ValueError
        If the mode is unknown or a number is out of its range.

    Notes
    -----
    `fit` freezes ranges and reference and remembers the vectors of what it was fitted on.
    """

    def __init__(
        self,
        functions: SymmetryFunctions | None = None,
        *,
        n_bins: int = 20,
        mode: Mode = "presence",
        step: float = 0.05,
    ) -> None:
        self._functions = functions
        self._step = step if mode == "fraction" else 0.0
        self._n_bins = n_bins
        self._mode = mode
        self._numbers: list[int] = []
        self._seen: _core.SeenFrames | None = None
        _core.SeenFrames(_core.HistogramLayout("", ["X"], [[0.0]], [[1.0]], n_bins, mode, self._step))

    # making it

    def fit(
        self,
        frames: Sequence[Atoms] | Sequence[FunctionFrame],
        reference: Atoms | FunctionFrame | None = None,
    ) -> DifferenceVectors:
        """Freeze the ranges of all symmetry functions over some frames, and remember their vectors.

        Parameters
        ----------
        frames : sequence of ase.Atoms or of FunctionFrame
            Gone through twice.
        reference : ase.Atoms or FunctionFrame, optional
            Reference structure. Default: the first of the frames that has all elements, or the first.

        Raises
        ------
        ValueError
            If there is no frame, an element never occurs, or a frame is of other elements.
        """
        if not len(frames):
            raise ValueError("difference vectors need at least one frame to be fitted on")
        if self._functions is None:
            self._numbers = sorted({int(z) for frame in frames for z in frame.numbers})
        ranges = self._ranges(frames)
        self._seen = _core.SeenFrames(
            _core.HistogramLayout(
                self._hash(), self._elements(), *ranges, self._n_bins, self._mode, self._step
            )
        )
        return self._begin(frames, reference)

    def fit_scaling(
        self, scaling: _core.Scaling, frames: Sequence[Atoms], reference: Atoms | None = None
    ) -> DifferenceVectors:
        """The same with the ranges of a bank's frozen scaling, as `fix select` takes them.

        Raises
        ------
        ValueError
            If the scaling is of kind "none", or there is no frame.
        """
        if not len(frames):
            raise ValueError("difference vectors need at least one frame to be fitted on")
        self._seen = _core.SeenFrames(
            _core.HistogramLayout.from_scaling(
                self._hash(), self._elements(), scaling, self._n_bins, self._mode, self._step
            )
        )
        return self._begin(frames, reference)

    def save(self, path: str | os.PathLike) -> None:
        """Write ranges, reference and the vectors of the training set: what `fix select` reads as
        ``frames FILE``. The file appears whole or not at all.
        """
        with replacing(path) as temporary:
            temporary.write_bytes(self._require_fit().serialise())

    @classmethod
    def load(cls, path: str | os.PathLike, functions: SymmetryFunctions) -> DifferenceVectors:
        """Read what `save` or `fix select` wrote.

        Raises
        ------
        ValueError
            "path: ..." if the file is damaged, or for other symmetry functions.
        OSError
            If it cannot be read.
        """
        seen = _core.SeenFrames.deserialise(Path(path).read_bytes(), str(path))
        layout = seen.layout
        if layout.descriptor_hash != functions.hash:
            raise ValueError(f"{path}: made with other symmetry functions")
        mode: Mode = layout.mode  # type: ignore[assignment]
        result = cls(functions, n_bins=layout.n_bins, mode=mode, step=layout.step)
        result._seen = seen
        return result

    # what it is

    @property
    def n_bits(self) -> int:
        """Length of a vector: symmetry functions of all elements × (bins + 2)."""
        return self._require_fit().n_bits

    @property
    def training_vectors(self) -> np.ndarray:
        """Packed vectors of the training set, uint64, shape (n, n_words)."""
        return self._require_fit().vectors

    # vectors

    def transform(self, frames: Atoms | FunctionFrame | Iterable) -> np.ndarray:
        """Difference vectors of structures.

        Parameters
        ----------
        frames : ase.Atoms, FunctionFrame, or iterable of either

        Returns
        -------
        ndarray of uint64, shape (n_frames, n_words)
            Packed, 64 bits a word, bits in the order of elements, symmetry functions and bins.

        Raises
        ------
        ValueError
            If a frame is of other elements.
        """
        seen = self._require_fit()
        rows = [seen.vector_of(self._signature(frame)) for frame in _listed(frames)]
        return np.array(rows, np.uint64).reshape(-1, seen.n_words)

    def unpack(self, vectors: np.ndarray) -> np.ndarray:
        """Packed vectors as bits.

        Returns
        -------
        ndarray of bool, shape (n, n_bits)
        """
        return _bits(vectors, self.n_bits)

    def counts(self, frame: Atoms | FunctionFrame) -> np.ndarray:
        """Atoms in each bin, shape (n_bits,)."""
        return self._require_fit().counts(*self._arrays(frame))

    def distances(self, vectors: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
        """Hamming distances as fractions of all bits.

        Parameters
        ----------
        vectors : ndarray of uint64, shape (n, n_words)
        others : ndarray of uint64, shape (m, n_words), optional
            Default: the training set.

        Returns
        -------
        ndarray of float, shape (n, m)
        """
        others = self.training_vectors if others is None else others
        bits = _core.hamming_distances(np.ascontiguousarray(vectors), np.ascontiguousarray(others))
        return bits / max(self.n_bits, 1)

    # out of distribution

    def nearest(self, frames: Atoms | FunctionFrame | Iterable) -> np.ndarray:
        """Distance to the nearest vector of the training set, a fraction of all bits: the score ``frame``.

        Returns
        -------
        ndarray of float, shape (n_frames,)
        """
        return self._require_fit().distances(self.transform(frames))

    def distance_to_centre(self, frames: Atoms | FunctionFrame | Iterable) -> np.ndarray:
        """Euclidean distance to the mean vector of the training set, what the paper's figure 5b orders errors
        by; divided by √n_bits, so that it lies between 0 and 1.

        Returns
        -------
        ndarray of float, shape (n_frames,)
        """
        centre = self.unpack(self.training_vectors).mean(axis=0)
        return np.sqrt(((self.unpack(self.transform(frames)) - centre) ** 2).mean(axis=1))

    def never_seen(self, frames: Atoms | FunctionFrame | Iterable) -> np.ndarray:
        """Share of a frame's bits that no frame of the training set has.

        Returns
        -------
        ndarray of float, shape (n_frames,)
            Of the bits in which a frame differs from the reference structure, those in which no frame of the
            training set does; 0 for a frame that does not differ.
        """
        known = self.unpack(self.training_vectors).any(axis=0)
        bits = self.unpack(self.transform(frames))
        own = bits.sum(axis=1)
        return (bits & ~known).sum(axis=1) / np.maximum(own, 1)

    # within

    def _begin(self, frames: Sequence, reference: Atoms | FunctionFrame | None) -> DifferenceVectors:
        seen = self._require_fit()
        seen.set_reference(
            self._signature(self._default_reference(frames) if reference is None else reference)
        )
        for vector in self.transform(frames):
            seen.add(vector)
        return self

    def _default_reference(self, frames: Sequence):
        most = max(len(set(frame.numbers)) for frame in frames)
        return next(frame for frame in frames if len(set(frame.numbers)) == most)

    def _require_fit(self) -> _core.SeenFrames:
        if self._seen is None:
            raise ValueError("the ranges of the histograms are not known yet: call fit(frames) first")
        return self._seen

    def _elements(self) -> list[str]:
        if self._functions is not None:
            return self._functions.elements
        from ase.data import chemical_symbols

        return [chemical_symbols[z] for z in self._numbers]

    def _hash(self) -> str:
        return "" if self._functions is None else self._functions.hash

    def _ranges(self, frames: Sequence) -> tuple[list[list[float]], list[list[float]]]:
        lower: dict[int, np.ndarray] = {}
        upper: dict[int, np.ndarray] = {}
        for frame in frames:
            for number, rows in self._rows(frame):
                if len(rows):
                    least, most = rows.min(axis=0), rows.max(axis=0)
                    lower[number] = np.minimum(lower.get(number, least), least)
                    upper[number] = np.maximum(upper.get(number, most), most)
        elements = self._elements()
        missing = [symbol for number, symbol in enumerate(elements) if number not in lower]
        if missing:
            raise ValueError(f"{', '.join(missing)} does not occur: its histograms have no range")
        each = range(len(elements))
        return [lower[n].tolist() for n in each], [upper[n].tolist() for n in each]

    def _rows(self, frame: Atoms | FunctionFrame) -> Iterator[tuple[int, np.ndarray]]:
        """For each element its number and a matrix of its atoms' symmetry functions."""
        if isinstance(frame, FunctionFrame):
            for number, z in enumerate(self._numbers):
                mine = [row for row, other in zip(frame.rows, frame.numbers, strict=True) if other == z]
                yield number, np.array(mine)
        else:
            for number, (_, rows) in enumerate(self._require_functions().create_by_element(frame).values()):
                yield number, rows

    def _arrays(self, frame: Atoms | FunctionFrame) -> tuple[np.ndarray, np.ndarray]:
        """Element numbers and fingerprints, one after the other, as the core takes them."""
        if isinstance(frame, FunctionFrame):
            unknown = sorted({int(z) for z in frame.numbers} - set(self._numbers))
            if unknown:
                raise ValueError(f"element {unknown[0]} was not among the frames fitted on")
            elements = np.array([self._numbers.index(z) for z in frame.numbers], np.int32)
            return elements, np.concatenate(frame.rows)
        functions = self._require_functions()
        elements, flat, _, _ = flat_fingerprints(functions, frame, functions.create_by_element(frame))
        return elements, flat

    def _signature(self, frame: Atoms | FunctionFrame) -> bytes:
        return self._require_fit().signature(*self._arrays(frame))

    def _require_functions(self) -> SymmetryFunctions:
        if self._functions is None:
            raise ValueError("without symmetry functions a frame must come from a function.data file")
        return self._functions


def screen(vectors: np.ndarray, n_bits: int, smallest: float = 0.0) -> np.ndarray:
    """The streaming rule: a frame is taken if its vector is farther than `smallest` from all taken before.

    Parameters
    ----------
    vectors : ndarray of uint64, shape (n, n_words)
    n_bits : int
        Length of a vector.
    smallest : float
        Hamming distance as a fraction of all bits; 0 takes each vector once.

    Returns
    -------
    ndarray of int, shape (n_taken,)
        Ascending.
    """
    vectors = np.ascontiguousarray(vectors)
    taken: list[int] = []
    most = smallest * n_bits * (1.0 + 1e-12)
    for i, vector in enumerate(vectors):
        if not taken or _core.hamming_distances(vector[None], vectors[taken]).min() > most:
            taken.append(i)
    return np.array(taken, np.int64)


def map_grid(points: np.ndarray, n_cells: int, seed: int) -> np.ndarray:
    """The map rule: one frame at random from each occupied cell of a grid over a 2-D map.

    Parameters
    ----------
    points : ndarray of float, shape (n, 2)
        Where the frames lie on the map, such as t-SNE of their difference vectors.
    n_cells : int
        Cells along each side.
    seed : int

    Returns
    -------
    ndarray of int
        Ascending.

    Raises
    ------
    ValueError
        If the points are not finite or not in a plane, or there is no cell.
    """
    points = np.asarray(points, float)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f"points of shape {points.shape}: expected (n, 2) finite numbers")
    if n_cells < 1:
        raise ValueError(f"{n_cells} cells: expected at least 1")
    if not len(points):
        return np.empty(0, np.int64)
    low, width = points.min(axis=0), np.ptp(points, axis=0)
    place = (points - low) / np.where(width > 0, width, 1.0) * n_cells
    cells = np.minimum(place.astype(np.int64), n_cells - 1) @ [n_cells, 1]
    shuffled = np.random.default_rng(seed).permutation(len(points))
    _, first = np.unique(cells[shuffled], return_index=True)
    return np.sort(shuffled[first])


def _bits(vectors: np.ndarray, n_bits: int) -> np.ndarray:
    words = np.ascontiguousarray(np.atleast_2d(vectors), "<u8")
    return np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")[:, :n_bits].astype(bool)


def _listed(frames: Atoms | FunctionFrame | Iterable) -> Iterable:
    from ase import Atoms

    return [frames] if isinstance(frames, Atoms | FunctionFrame) else frames
