# SPDX-License-Identifier: GPL-2.0-or-later
"""The REMatch kernel: similarity of structures by a regularised match of their atoms, in tiles on PyTorch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve.extras import require
from mdsieve.samplers.described_frames import cores
from mdsieve.similarity.kernel import Indices, StructureKernel
from mdsieve.similarity.principal_rows import PrincipalRows

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from torch import Tensor

    from mdsieve.engine.engines import Engine

__all__ = ["REMatchKernel"]

_MATRICES_A_PAIR = 5  # similarities, scaled ones, what an iteration makes of them
_CPU_MEMORY = 32 << 20  # larger tiles are no faster
_GPU_MEMORY = 2 << 30


@dataclass(frozen=True)
class _Settings:
    alpha: float
    tolerance: float
    max_iterations: int
    device: str
    memory: int


@dataclass(frozen=True, eq=False)
class _Tile:
    """Some structures against some others; it can be sent to another process."""

    rows: list[np.ndarray]
    columns: list[np.ndarray]
    is_turned: np.ndarray  # where the column's structure comes before the row's
    is_diagonal: bool  # rows and columns are the same structures: what is turned is not wanted
    settings: _Settings


class REMatchKernel(StructureKernel):
    """K(A, B) = Σ P_ij C_ij, P the match of the atoms that maximises Σ P_ij (C_ij - α ln P_ij).

    C holds the products of the atoms' unit vectors; every atom of a structure weighs the same. De, Bartók,
    Csányi, Ceriotti, Phys. Chem. Chem. Phys. 18, 13754 (2016).

    Parameters
    ----------
    environments : sequence of ndarray of float, shape (n_atoms, n_features)
        Vectors of the atoms, such as SOAP power spectra; one array a structure. They may be memory-mapped.
    alpha : float
        Above 0: near 0 each atom is matched with its like, a large one gives the average kernel.
    tolerance : float
        Where the iteration of a pair ends, in DScribe's measure (squared relative changes of the scalings);
        DScribe's own value, the default, leaves errors of 1e-5 in K at α = 0.1, more at smaller α.
    normalised : bool
        Divide by √(K(A, A) K(B, B)).
    device : str, optional
        "cpu", "cuda", …; default: a GPU if PyTorch has one.
    memory : int, optional
        Bytes that tiles may take, beside the structures and what is returned; a single pair of large
        structures may need more. Default: 32 MiB on a processor, 2 GiB on a GPU.
    max_iterations : int
        A warning says how many pairs were not finished by then.
    n_jobs : int, optional
        Threads that compute tiles, each tile by one. Default: one a core on a processor, else 1.

    Raises
    ------
    ValueError
        If there is no structure, an array is not one of finite rows, widths differ, or a number is out of its
        range.
    MissingPackageError
        If PyTorch is not installed.

    Notes
    -----
    Before it has converged the iteration is not quite symmetric. K(A, B) is taken with the structure of the
    lower index first, as DScribe does, whoever asks. Vectors are held as projections that change their
    products by 1e-10 at most (`PrincipalRows`).
    """

    name = "rematch"

    def __init__(
        self,
        environments: Sequence[np.ndarray],
        *,
        alpha: float = 0.1,
        tolerance: float = 1e-6,
        normalised: bool = True,
        device: str | None = None,
        memory: int | None = None,
        max_iterations: int = 10_000,
        n_jobs: int | None = None,
    ) -> None:
        for name, value in (("alpha", alpha), ("tolerance", tolerance)):
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name}={value!r}: expected a number above 0")
        if max_iterations < 1:
            raise ValueError(f"max_iterations={max_iterations!r}: expected at least 1")
        device = _device(device)
        default = _CPU_MEMORY if device.startswith("cpu") else _GPU_MEMORY
        memory = default if memory is None else int(memory)
        if memory < 1:
            raise ValueError(f"memory={memory}: expected a number of bytes")
        if n_jobs is None:
            n_jobs = cores() if device.startswith("cpu") else 1
        if n_jobs < 1:
            raise ValueError(f"n_jobs={n_jobs!r}: expected at least 1")
        self._sizes = _sizes(environments)
        self._rows = PrincipalRows(environments)
        self._settings = _Settings(
            float(alpha), float(tolerance), int(max_iterations), device, max(1, memory // n_jobs)
        )
        self._n_jobs = n_jobs
        self.normalised = normalised
        self._own: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._sizes)

    def describe(self) -> dict[str, Any]:
        """Name and parameters."""
        return {
            "kernel": self.name,
            "alpha": self._settings.alpha,
            "tolerance": self._settings.tolerance,
            "normalised": self.normalised,
        }

    def self_similarity(self) -> np.ndarray:
        """K(A, A) before normalisation, shape (n,)."""
        if self._own is None:
            own = np.empty(len(self))
            everything = np.arange(len(self))
            for run in self._runs(everything, self._largest(everything)):
                own[run] = _own_similarities([self._rows[i] for i in run], self._settings)
            self._own = own
        return self._own

    def block(self, rows: Indices, columns: Indices, executor: Executor | Engine | None = None) -> np.ndarray:
        """Similarities of some structures with some others.

        Parameters
        ----------
        rows, columns : sequence of int
        executor : concurrent.futures.Executor or Engine, optional
            Computes the tiles; None: this process. Processes must not be forked from one that has used
            PyTorch: they would hang.

        Returns
        -------
        ndarray of float, shape (n_rows, n_columns)
        """
        first, second = np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
        found = np.empty((len(first), len(second)))
        runs = list(self._runs(first, self._largest(second)))
        most = max((len(run) for run in runs), default=1)
        others = list(self._runs(second, self._largest(first), most))
        places = [(r, c) for r in runs for c in others]
        tiles = (self._tile(first[r], second[c]) for r, c in places)
        for (r, c), values in zip(places, self._computed(tiles, executor), strict=True):
            found[np.ix_(r, c)] = values
        return self._normalise(found, first, second)

    def matrix(self, executor: Executor | Engine | None = None) -> np.ndarray:
        """All similarities, shape (n, n); each pair is computed once.

        Parameters
        ----------
        executor : concurrent.futures.Executor or Engine, optional
            Computes the tiles; None: this process.
        """
        everything = np.arange(len(self))
        runs = list(self._runs(everything, self._largest(everything)))
        places = [(a, b) for i, a in enumerate(runs) for b in runs[i:]]
        found = np.empty((len(self), len(self)))
        tiles = (self._tile(a, b, a is b) for a, b in places)
        for (a, b), values in zip(places, self._computed(tiles, executor), strict=True):
            if a is b:
                values = _mirrored(values)
            found[np.ix_(a, b)] = values
            found[np.ix_(b, a)] = values.T
        return self._normalise(found, everything, everything)

    def mean_similarity(self) -> np.ndarray:
        """Mean similarity of each structure with all of them, shape (n,); each pair is computed once."""
        everything = np.arange(len(self))
        runs = list(self._runs(everything, self._largest(everything)))
        places = [(a, b) for i, a in enumerate(runs) for b in runs[i:]]
        total = np.zeros(len(self))
        tiles = (self._tile(a, b, a is b) for a, b in places)
        for (a, b), found in zip(places, self._computed(tiles, None), strict=True):
            values = self._normalise(_mirrored(found) if a is b else found, a, b)
            total[a] += values.sum(axis=1)
            if b is not a:
                total[b] += values.sum(axis=0)
        return total / len(self)

    # within

    def _largest(self, indices: np.ndarray) -> int:
        return int(self._sizes[indices].max(initial=1))

    def _runs(self, indices: np.ndarray, n_atoms: int, n_others: int | None = None) -> Iterator[np.ndarray]:
        """Places in `indices`, structures of like size together, as many as a tile's side may have.

        Its other side has `n_others` structures, or as many, of up to `n_atoms` atoms.
        """
        order = np.argsort(self._sizes[indices], kind="stable")
        begin = 0
        while begin < len(order):
            end = begin + 1
            while end < len(order) and self._fits(
                end + 1 - begin, int(self._sizes[indices[order[end]]]), n_others or end + 1 - begin, n_atoms
            ):
                end += 1
            yield order[begin:end]
            begin = end

    def _fits(self, n: int, n_atoms: int, n_others: int, n_atoms_of_others: int) -> bool:
        rows, columns = n * n_atoms, n_others * n_atoms_of_others
        numbers = rows * columns * _MATRICES_A_PAIR + (rows + columns) * self._rows.n_columns
        return 8 * numbers <= self._settings.memory

    def _tile(self, rows: np.ndarray, columns: np.ndarray, is_diagonal: bool = False) -> _Tile:
        return _Tile(
            [self._rows[i] for i in rows],
            [self._rows[i] for i in columns],
            rows[:, None] > columns[None, :],
            is_diagonal,
            self._settings,
        )

    def _computed(self, tiles: Iterator[_Tile], executor: Executor | Engine | None) -> Iterator[np.ndarray]:
        """What tiles come to, in their order; twice as many as there are threads are on their way."""
        if executor is not None:
            from mdsieve.engine.chunks import map_chunks

            for values in map_chunks(_work, tiles, executor):
                yield np.asarray(values)
            return
        with ThreadPoolExecutor(self._n_jobs) as pool:
            ahead: deque[Future] = deque()
            for tile in tiles:
                ahead.append(pool.submit(_work, tile))
                if len(ahead) > 2 * self._n_jobs:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def _normalise(self, values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        if not self.normalised:
            return values
        own = np.sqrt(self.self_similarity())
        scale = np.outer(own[rows], own[columns])
        return values / np.where(scale > 0, scale, 1.0)


def _mirrored(values: np.ndarray) -> np.ndarray:
    """The values of a diagonal tile, those that were not wanted taken from their mirror images."""
    return np.where(np.isnan(values), values.T, values)


def _work(tile: _Tile) -> np.ndarray:
    """Similarities of a tile, not normalised, shape (n_rows, n_columns); NaN where not wanted."""
    import torch

    device = tile.settings.device
    rows, n_rows = _padded(tile.rows, device)
    columns, n_columns = _padded(tile.columns, device)
    a, n, width = rows.shape
    b, m, _ = columns.shape
    with torch.inference_mode(), _one_thread(device):
        products = rows.reshape(a * n, width) @ columns.reshape(b * m, width).T
        matrices = products.reshape(a, n, b, m).transpose(1, 2)
        turned = torch.as_tensor(tile.is_turned, device=device)
        found = torch.full((a, b), torch.nan, dtype=torch.float64, device=device)
        i, j = (~turned).nonzero(as_tuple=True)
        found[i, j] = _match(matrices[i, j], n_rows[i], n_columns[j], tile.settings)
        if not tile.is_diagonal:
            i, j = turned.nonzero(as_tuple=True)
            found[i, j] = _match(matrices.mT[i, j], n_columns[j], n_rows[i], tile.settings)
        return found.cpu().numpy()


def _own_similarities(rows: list[np.ndarray], settings: _Settings) -> np.ndarray:
    """K(A, A) of some structures, not normalised."""
    import torch

    padded, n = _padded(rows, settings.device)
    with torch.inference_mode(), _one_thread(settings.device):
        return _match(padded @ padded.mT, n, n, settings).cpu().numpy()


@contextmanager
def _one_thread(device: str) -> Iterator[None]:
    """Tiles are too small to be shared: threads would wait for each other, and spin while they do."""
    import torch

    before = torch.get_num_threads()
    if not device.startswith("cpu") or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _match(matrices: Tensor, first: Tensor, second: Tensor, settings: _Settings) -> Tensor:
    from mdsieve.similarity.sinkhorn import rematch_similarities

    return rematch_similarities(
        matrices, first, second, settings.alpha, settings.tolerance, settings.max_iterations
    )


def _padded(environments: list[np.ndarray], device: str) -> tuple[Tensor, Tensor]:
    """Rows of some structures, rows of zeros where one has fewer; and how many each has."""
    import torch

    sizes = [len(rows) for rows in environments]
    stacked = np.zeros((len(environments), max(sizes), environments[0].shape[1]))
    for place, rows in zip(stacked, environments, strict=True):
        place[: len(rows)] = rows
    return torch.as_tensor(stacked, device=device), torch.as_tensor(sizes, device=device)


def _sizes(environments: Sequence[np.ndarray]) -> np.ndarray:
    if not len(environments):
        raise ValueError("a kernel needs at least one structure")
    for number, rows in enumerate(environments):
        if rows.ndim != 2 or not len(rows):
            raise ValueError(
                f"structure {number}: environments of shape {rows.shape}: expected one row an atom"
            )
        if rows.shape[1] != environments[0].shape[1]:
            raise ValueError(
                f"structure {number}: {rows.shape[1]} columns, "
                f"expected {environments[0].shape[1]} as in the first"
            )
        if not np.isfinite(rows).all():
            raise ValueError(f"structure {number}: environments: a number is not finite")
    return np.array([len(rows) for rows in environments])


def _device(device: str | None) -> str:
    torch = require("torch", "REMatch", "similarity")
    return device or ("cuda" if torch.cuda.is_available() else "cpu")
