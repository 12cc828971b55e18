# SPDX-License-Identifier: GPL-2.0-or-later
"""The bank's questions answered by PyTorch on a GPU: for banks and frames so large that it pays.

All squared distances of a chunk come from one product of matrices in single precision,
|q - b|² = |q|² + |b|² - 2 q·b. Every one carries a bound on its rounding error; what it does not settle is
evaluated again in double precision, in the same order of operations as in ``core``. So the decisions and the
distances are those of the compiled bank, bit for bit, on every device.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_LANES = 4  # partial sums of a distance, as in core/environment_set.cpp
_BLOCK = 1024  # candidates compared among themselves at a time


class DeviceSearch:
    """A compiled bank whose questions a device of PyTorch answers; everything else it leaves to the bank.

    Parameters
    ----------
    native : mdsieve._core.EnvironmentBank
        Its entries are copied to the device; more come through `add`.
    device : str or torch.device
        "cuda", "cuda:1", "cpu", …
    chunk_bytes : int
        Bound on the memory of one chunk of squared distances; the search takes a few times as much.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    RuntimeError
        PyTorch's own, if there is no such device.
    """

    def __init__(self, native: Any, device: Any = "cuda", chunk_bytes: int = 2**28) -> None:
        try:
            import torch
        except ImportError:
            raise ImportError("a bank on a device needs PyTorch: pip install torch") from None
        self._torch = torch
        self._native = native
        self._n_features: list[int] = native.n_features
        self._device = torch.device(device)
        self._chunk = max(1, chunk_bytes // 4)
        scaling = native.scaling
        self._sets = [
            _DeviceSet(torch, self._device, symbol, shift, factor, self._chunk)
            for symbol, shift, factor in zip(native.elements, scaling.shift, scaling.factor, strict=True)
        ]
        elements, _, fingerprints = native.entries_since(0)
        for number, rows, _ in self._by_element(elements, fingerprints):
            self._sets[number].add(self._sets[number].scaled(rows))

    def __getattr__(self, name: str) -> Any:
        if name == "_native":  # a half-made object
            raise AttributeError(name)
        return getattr(self._native, name)

    def __len__(self) -> int:
        return len(self._native)

    @property
    def compiled(self) -> Any:
        """The compiled bank."""
        return self._native

    @property
    def device(self) -> Any:
        """Where the entries are, a torch.device."""
        return self._device

    def distances(
        self, elements: np.ndarray, fingerprints: np.ndarray, hints: np.ndarray | None = None
    ) -> np.ndarray:
        """Distance float64[n] to the nearest entry in scaled units, inf if the element has none."""
        result = np.empty(len(elements))
        for number, rows, where in self._by_element(elements, fingerprints):
            group = self._sets[number]
            squares = group.nearest(group.scaled(rows)).cpu().numpy() if rows.shape[1] else 0.0
            result[where] = np.sqrt(squares)  # here and not there: a device may round it otherwise
        return result

    def select_new(
        self, elements: np.ndarray, fingerprints: np.ndarray, hints: np.ndarray | None = None
    ) -> np.ndarray:
        """Indices of the environments that the greedy rule adds; the bank is not changed."""
        picked = [np.empty(0, np.int64)]
        for number, rows, where in self._by_element(elements, fingerprints):
            if rows.shape[1]:
                group = self._sets[number]
                picked.append(where[group.select_new(group.scaled(rows), self._native.thresholds[number])])
        return np.sort(np.concatenate(picked))

    def add(self, elements: np.ndarray, origins: np.ndarray, fingerprints: np.ndarray) -> None:
        """Store entries unconditionally, in the compiled bank and on the device."""
        self._native.add(elements, origins, fingerprints)
        for number, rows, _ in self._by_element(elements, fingerprints):
            self._sets[number].add(self._sets[number].scaled(rows))

    def _by_element(
        self, elements: np.ndarray, fingerprints: np.ndarray
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Element number, its fingerprints as rows and their places, for each element that occurs."""
        elements = np.asarray(elements)
        if len(elements) and not (elements.min() >= 0 and elements.max() < len(self._n_features)):
            raise ValueError(f"element numbers: expected 0 to {len(self._n_features) - 1}")
        widths = np.take(self._n_features, elements).astype(np.int64)
        if widths.sum() != len(fingerprints):
            raise ValueError(
                f"fingerprints of {len(elements)} environments: expected {widths.sum()} numbers, got "
                f"{len(fingerprints)}"
            )
        begins = np.cumsum(widths) - widths
        for number, width in enumerate(self._n_features):
            where = np.flatnonzero(elements == number)
            if len(where):
                yield number, fingerprints[begins[where][:, None] + np.arange(width)], where


class _DeviceSet:
    """The entries of one element: scaled in double precision, and centred in single precision."""

    def __init__(self, torch, device, symbol: str, shift, factor, chunk: int) -> None:
        self._torch = torch
        self._device = device
        self._symbol = symbol
        self._shift, self._factor = np.asarray(shift), np.asarray(factor)
        self._width = -(-len(self._shift) // _LANES) * _LANES
        self._chunk = chunk
        self._size = 0
        self._entries: Any = None
        self._make_room(0)

    def scaled(self, rows: np.ndarray):
        """Rows in scaled units on the device, padded with zero columns.

        Raises
        ------
        ValueError
            Naming the column that is not finite.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            values = (rows - self._shift) * self._factor
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            raise ValueError(
                f"fingerprint of {self._symbol}: column {bad[0, 1] + 1} of {rows.shape[1]} is not finite"
            )
        padded = np.zeros((len(values), self._width))
        padded[:, : values.shape[1]] = values
        return self._torch.from_numpy(padded).to(self._device)

    def add(self, scaled) -> None:
        n = self._size + len(scaled)
        if n > len(self._entries):
            self._make_room(max(n, 2 * len(self._entries), 1024))
        self._entries[self._size : n] = scaled
        self._write_single(self._size, n)
        self._size = n

    def nearest(self, queries):
        """Squared distance of each query to the nearest entry."""
        torch = self._torch
        result = torch.full((len(queries),), math.inf, dtype=torch.float64, device=self._device)
        for rows in self._row_chunks(len(queries)):
            best = result[rows]
            square = torch.full_like(best, math.inf, dtype=torch.float32)  # no nearest one is beyond
            for columns, squares, bound in self._squares(queries[rows], self._column_chunks()):
                square = torch.minimum(square, (squares + bound).amin(dim=1).nan_to_num(math.inf, math.inf))
                near = ~(squares - bound > square[:, None] * (1 + 1e-6))
                self._lower(best, queries[rows], columns, near)
        return result

    def select_new(self, queries, threshold: float) -> np.ndarray:
        """Indices of the queries that the greedy rule adds."""
        torch = self._torch
        candidates = (~self._is_covered(queries, threshold)).nonzero()[:, 0]
        own = _DeviceSet(torch, self._device, self._symbol, self._shift, self._factor, self._chunk)
        picked = []
        for begin in range(0, len(candidates), _BLOCK):
            block = candidates[begin : begin + _BLOCK]
            block = block[~own._is_covered(queries[block], threshold)]
            among = _DeviceSet(torch, self._device, self._symbol, self._shift, self._factor, self._chunk)
            among.add(queries[block])
            covers = among._covers(queries[block], threshold).cpu().numpy()
            new: list[int] = []
            for i in range(len(block)):
                if not covers[i, new].any():
                    new.append(i)
            own.add(queries[block[new]])
            picked.append(block[new].cpu().numpy())
        return np.concatenate(picked) if picked else np.empty(0, np.int64)

    # within

    def _make_room(self, capacity: int) -> None:
        """Reserve memory, and centre on the entries there are."""
        torch = self._torch
        old = self._entries[: self._size] if capacity else None
        self._entries = torch.zeros((capacity, self._width), dtype=torch.float64, device=self._device)
        self._single = torch.zeros((capacity, self._width), dtype=torch.float32, device=self._device)
        self._lengths = torch.zeros(capacity, dtype=torch.float64, device=self._device)
        self._centre = torch.zeros(self._width, dtype=torch.float64, device=self._device)
        if old is not None and len(old):
            self._centre = old.mean(dim=0).nan_to_num(0.0, 0.0, 0.0)
            self._entries[: self._size] = old
            self._write_single(0, self._size)

    def _write_single(self, begin: int, end: int) -> None:
        centred = self._entries[begin:end] - self._centre
        self._single[begin:end] = centred.float()
        self._lengths[begin:end] = self._torch.linalg.vector_norm(centred, dim=1)

    def _column_chunks(self) -> Iterator[slice]:
        step = min(max(1, self._size), 65536)
        for begin in range(0, self._size, step):
            yield slice(begin, min(begin + step, self._size))

    def _row_chunks(self, n: int) -> Iterator[slice]:
        step = max(1, self._chunk // max(1, min(self._size, 65536)))
        for begin in range(0, n, step):
            yield slice(begin, min(begin + step, n))

    def _squares(self, queries, chunks: Iterator[slice]):
        """Squared distances of some queries to one chunk of entries after the other, with the bound on their
        error: 2 d roundings of |q||b| in the product whatever its order, and a few of (|q| + |b|)².
        """
        torch = self._torch
        centred = queries - self._centre
        single = centred.float()
        lengths = torch.linalg.vector_norm(centred, dim=1)
        with _full_precision(torch):
            for columns in chunks:
                entries, theirs = self._single[columns], self._lengths[columns]
                squares = torch.addmm(
                    (lengths**2).float()[:, None] + (theirs**2).float()[None, :],
                    single,
                    entries.T,
                    alpha=-2.0,
                )
                bound = (self._width + 16) * 2.0**-23 * (lengths + theirs.amax()) ** 2 + 1e-35
                yield columns, squares, bound.float()[:, None]

    def _is_covered(self, queries, threshold: float):
        """Whether an entry is at most the threshold away, for each query."""
        torch = self._torch
        result = torch.zeros(len(queries), dtype=torch.bool, device=self._device)
        for rows in self._row_chunks(len(queries)):
            open_rows = torch.arange(rows.start, rows.stop, device=self._device)
            for columns in self._column_chunks():
                if not len(open_rows):
                    break
                result[open_rows] = self._covers_any(queries[open_rows], columns, threshold)
                open_rows = open_rows[~result[open_rows]]
        return result

    def _covers_any(self, queries, columns: slice, threshold: float):
        torch = self._torch
        ((_, squares, bound),) = self._squares(queries, iter([columns]))
        sure, beyond = _limits(threshold)
        covered = (squares + bound <= sure).any(dim=1)
        unclear = ~(squares - bound > beyond) & ~covered[:, None]
        best = torch.full((len(queries),), math.inf, dtype=torch.float64, device=self._device)
        self._lower(best, queries, columns, unclear)
        return covered | (best <= _largest_square(threshold))

    def _covers(self, queries, threshold: float):
        """Which entry covers which query, bool[query, entry], for a few entries."""
        ((_, squares, bound),) = self._squares(queries, iter([slice(0, self._size)]))
        sure, beyond = _limits(threshold)
        covers = squares + bound <= sure
        unclear = ~(squares - bound > beyond) & ~covers
        for q, e in self._pairs(unclear):
            covers[q, e] = self._square(queries[q], self._entries[e]) <= _largest_square(threshold)
        return covers

    def _lower(self, best, queries, columns: slice, near) -> None:
        """Lower `best` to the exact squared distances of those pairs that are near."""
        for q, e in self._pairs(near):
            best.scatter_reduce_(0, q, self._square(queries[q], self._entries[columns][e]), "amin")

    def _pairs(self, mask):
        """Row and column numbers of what is set, some at a time."""
        rows, columns = mask.nonzero(as_tuple=True)
        step = max(1, self._chunk // (4 * max(1, self._width)))
        for begin in range(0, len(rows), step):
            yield rows[begin : begin + step], columns[begin : begin + step]

    def _square(self, a, b):
        """The squared distance that all answers go back to: four partial sums, each in order."""
        torch = self._torch
        difference = a - b
        squares = (difference * difference).view(len(a), -1, _LANES)
        sums = torch.zeros((len(a), _LANES), dtype=torch.float64, device=self._device)
        for i in range(squares.shape[1]):
            sums = sums + squares[:, i]
        return (sums[:, 0] + sums[:, 1]) + (sums[:, 2] + sums[:, 3])


def _largest_square(threshold: float) -> float:
    """The largest number whose root in double precision is not above the threshold."""
    square = min(threshold * threshold, sys.float_info.max)
    while math.sqrt(square) > threshold:
        square = math.nextafter(square, 0.0)
    while math.sqrt(math.nextafter(square, math.inf)) <= threshold:
        square = math.nextafter(square, math.inf)
    return square


def _limits(threshold: float) -> tuple[float, float]:
    """Up to the first a squared distance in single precision is surely within, above the second beyond."""
    square = min(threshold, 1e30) ** 2
    return min(square * (1 - 1e-6), 1e30), square * (1 + 1e-6) if square < 1e37 else math.inf


@contextmanager
def _full_precision(torch) -> Iterator[None]:
    """No TF32, whatever the user has set: the error bound is that of single precision."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
